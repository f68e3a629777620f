//! Lines and zones that change while cameras run.

use becamera_domain::{
    AuditAction, Crossing, Direction, Line, Point, Scene, SceneItemId, Zone, ZoneKind,
};
use chrono::DateTime;

use super::*;
use crate::pool_supervisor::reports::RunUpdate;

fn line(id: &str, y: f64) -> Line {
    Line {
        id: id.parse().unwrap(),
        from: Point { x: 0.1, y },
        to: Point { x: 0.9, y },
        directions: Default::default(),
        rules: Default::default(),
    }
}

fn zone(id: &str) -> Zone {
    let polygon = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]].map(Point::from).to_vec();
    Zone { id: id.parse().unwrap(), kind: ZoneKind::Count, polygon }
}

impl World {
    fn put_line(&mut self, id: i64, line: Line) -> Result<bool, PoolError> {
        let new = self.pool.put_scene_item(camera(id), line.into(), &me(), self.now);
        self.settle();
        new
    }

    fn put_zone(&mut self, id: i64, zone: Zone) -> Result<bool, PoolError> {
        let new = self.pool.put_scene_item(camera(id), zone.into(), &me(), self.now);
        self.settle();
        new
    }

    /// What the run of the first worker counts by.
    fn scene(&self) -> Scene {
        self.jobs[0].as_ref().unwrap().scene.clone()
    }
}

#[test]
fn a_run_is_told_of_what_is_drawn_and_goes_on() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    let run = world.jobs[0].as_ref().unwrap().run;
    assert_eq!(world.put_line(1, line("door", 0.5)), Ok(true));
    assert_eq!(world.put_line(1, line("a", 0.4)), Ok(true));
    assert_eq!(world.put_line(1, line("door", 0.6)), Ok(false));
    assert_eq!(world.put_zone(1, zone("hall")), Ok(true));
    let all = Scene { lines: vec![line("a", 0.4), line("door", 0.6)], zones: vec![zone("hall")] };
    assert_eq!(world.scene(), all);
    world
        .pool
        .delete_scene_item(camera(1), &line("door", 0.0).id.into(), &me(), world.now)
        .unwrap();
    world.pool.delete_scene_item(camera(1), &zone("hall").id.into(), &me(), world.now).unwrap();
    world.settle();
    assert_eq!(world.scene(), Scene { lines: vec![line("a", 0.4)], zones: vec![] });
    assert_eq!(world.forgotten, ["door", "hall"]);
    assert_eq!(world.jobs[0].as_ref().unwrap().run, run);
    assert!(world.cancelled.is_empty());
    // The next run begins with it, also after the registration was replaced.
    let slow = SourceSettings { paced: false, ..SourceSettings::default() };
    let other = CameraPatch { source: Some(slow), ..live() };
    world.pool.put_camera(camera(1), other, &me(), world.now).unwrap();
    world.settle();
    world.finish_cancelled();
    assert_ne!(world.jobs[0].as_ref().unwrap().run, run);
    assert_eq!(world.scene().lines, [line("a", 0.4)]);
    world.pool.delete_camera(camera(1), &me(), world.now).unwrap();
    world.settle();
    world.finish_cancelled();
    assert_eq!(world.forgotten, ["door", "hall", "a"]);
}

#[test]
fn what_is_wrong_or_not_there_changes_nothing() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    assert_eq!(world.put_line(2, line("door", 0.5)), Err(PoolError::CameraNotFound(camera(2))));
    let short = Line { to: Point { x: 0.1, y: 0.5 }, ..line("door", 0.5) };
    let Err(PoolError::InvalidField(error)) = world.put_line(1, short) else { panic!("taken") };
    assert_eq!(error.field, "to");
    for number in 0..becamera_domain::MAX_LINES {
        world.put_line(1, line(&format!("l{number}"), 0.5)).unwrap();
    }
    let Err(PoolError::InvalidField(error)) = world.put_line(1, line("door", 0.5)) else {
        panic!("taken")
    };
    assert_eq!(error.field, "lines");
    let door = SceneItemId::Line(line("door", 0.5).id);
    let missing = PoolError::SceneItemNotFound { camera_id: camera(1), id: door.clone() };
    assert_eq!(world.pool.delete_scene_item(camera(1), &door, &me(), world.now), Err(missing));
    let hall = SceneItemId::Zone(zone("hall").id);
    let missing = PoolError::SceneItemNotFound { camera_id: camera(1), id: hall.clone() };
    assert_eq!(world.pool.delete_scene_item(camera(1), &hall, &me(), world.now), Err(missing));
    assert_eq!(world.scene().lines.len(), becamera_domain::MAX_LINES);
}

#[test]
fn every_change_is_recorded_before_it_is_stored_and_no_change_is_not() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    (world.audit, world.stored) = (Vec::new(), Vec::new());
    world.put_line(1, line("door", 0.5)).unwrap();
    world.put_line(1, line("door", 0.5)).unwrap();
    world.put_line(1, line("door", 0.6)).unwrap();
    world
        .pool
        .delete_scene_item(camera(1), &line("door", 0.0).id.into(), &me(), world.now)
        .unwrap();
    world.settle();
    let order = ["line.created", "save", "line.updated", "save", "line.deleted", "save"];
    assert_eq!(world.stored, order);
    let fields = |entry: &AuditEntry| -> Vec<String> {
        entry.changes.iter().map(|change| change.field.clone()).collect()
    };
    assert_eq!(fields(&world.audit[0]), ["lines.door"]);
    assert_eq!(world.audit[0].changes[0].to["from"], serde_json::json!([0.1, 0.5]));
    assert_eq!(fields(&world.audit[1]), ["lines.door.from", "lines.door.to"]);
    assert_eq!(world.audit[2].action, AuditAction::LineDeleted);
    assert!(world.audit[2].changes[0].to.is_null());
}

#[test]
fn crossings_and_zones_are_told_and_what_is_not_drawn_gets_no_series() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    world.put_line(1, line("door", 0.5)).unwrap();
    world.put_zone(1, zone("hall")).unwrap();
    let run = world.jobs[0].as_ref().unwrap().run;
    let crossing = |line_id: &str| {
        RunReport::Crossing(Crossing {
            camera_id: camera(1),
            run,
            seq: 3,
            line_id: line_id.parse().unwrap(),
            direction: Direction::In,
            direction_name: "in".into(),
            track_id: 9,
            at: DateTime::UNIX_EPOCH,
            confidence: 0.5,
        })
    };
    for (id, expected) in [("door", true), ("gone", false)] {
        let told = world.pool.run_event(worker(1), run, crossing(id), world.now);
        let RunUpdate::Crossing { crossing, drawn } = told else { panic!("{told:?}") };
        assert_eq!((crossing.id().to_string(), drawn), (format!("{run}-3"), expected));
    }
    let zones = [("gone", 5), ("hall", 2)].map(|(id, people)| (id.parse().unwrap(), people));
    let progress =
        Progress { frames: 1, people: Some(7), zones: zones.into(), ..Progress::default() };
    let told = world.pool.run_event(worker(1), run, RunReport::Progress(progress), world.now);
    let RunUpdate::Count(count) = told else { panic!("{told:?}") };
    assert_eq!(count.zones, [("hall".parse().unwrap(), 2)].into());
    assert_eq!(world.pool.camera(camera(1), world.now).unwrap().count.unwrap().zones, count.zones);
    world
        .pool
        .delete_scene_item(camera(1), &SceneItemId::Zone("hall".parse().unwrap()), &me(), world.now)
        .unwrap();
    assert!(world.pool.camera(camera(1), world.now).unwrap().count.unwrap().zones.is_empty());
}
