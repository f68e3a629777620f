//! What the pool leaves for the audit trail.

use becamera_domain::{AuditAction, DetectOverrides};

use super::*;

impl World {
    /// Entries since the last call: action, requester, camera, fields.
    fn audited(&mut self) -> Vec<(AuditAction, String, Option<i32>, Vec<String>)> {
        let fields = |entry: &AuditEntry| entry.changes.iter().map(|c| c.field.clone()).collect();
        let line = |entry: &AuditEntry| {
            let camera = entry.camera_id.map(CameraId::get);
            (entry.action, entry.by.who.clone(), camera, fields(entry))
        };
        let entries = std::mem::take(&mut self.audit);
        assert!(entries.windows(2).all(|pair| pair[0].id < pair[1].id), "{entries:?}");
        entries.iter().map(line).collect()
    }
}

fn entry(
    action: AuditAction,
    who: &str,
    camera: i32,
    fields: &[&str],
) -> (AuditAction, String, Option<i32>, Vec<String>) {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    (action, who.into(), Some(camera), fields)
}

const CREATED: [&str; 3] = ["source.loop", "source.paced", "stream_url"];

#[test]
fn what_operators_do_is_recorded_before_it_is_stored() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    let both = [
        entry(AuditAction::CameraCreated, "alice", 1, &CREATED),
        entry(AuditAction::CameraStarted, "alice", 1, &["desired_state"]),
    ];
    assert_eq!(world.audited(), both);
    let named = CameraPatch { name: Some("Entrance".into()), ..live() };
    world.pool.put_camera(camera(1), named.clone(), &me(), world.now).unwrap();
    world.settle();
    assert_eq!(world.audited(), [entry(AuditAction::CameraUpdated, "alice", 1, &["name"])]);
    world.pool.stop_camera(camera(1), &me(), world.now).unwrap();
    world.settle();
    world.finish_cancelled();
    assert_eq!(
        world.audited(),
        [entry(AuditAction::CameraStopped, "alice", 1, &["desired_state"])]
    );
    world.pool.delete_camera(camera(1), &me(), world.now).unwrap();
    world.settle();
    let all = ["desired_state", "name", "source.loop", "source.paced", "stream_url"];
    assert_eq!(world.audited(), [entry(AuditAction::CameraDeleted, "alice", 1, &all)]);
    let order = [
        "camera.created",
        "camera.started",
        "save",
        "camera.updated",
        "save",
        "camera.stopped",
        "save",
        "camera.deleted",
        "forget",
    ];
    assert_eq!(world.stored, order);
}

#[test]
fn what_changes_nothing_or_is_refused_is_not_recorded() {
    let mut world = World::new(1);
    world.pool.put_camera(camera(1), live(), &me(), world.now).unwrap();
    world.settle();
    let created = ["desired_state", "source.loop", "source.paced", "stream_url"];
    assert_eq!(world.audited(), [entry(AuditAction::CameraCreated, "alice", 1, &created)]);
    world.pool.put_camera(camera(1), live(), &me(), world.now).unwrap();
    world.start(1, CameraPatch::default()).unwrap();
    assert_eq!(world.audited().len(), 1, "the start alone");
    world.start(1, CameraPatch::default()).unwrap_err();
    world.start(2, CameraPatch::default()).unwrap_err();
    let fast = DetectOverrides { fps: Some(1e9), ..DetectOverrides::default() };
    let wrong = CameraPatch { detect: Some(fast), ..live() };
    world.pool.put_camera(camera(1), wrong, &me(), world.now).unwrap_err();
    world.pool.stop_camera(camera(2), &me(), world.now).unwrap_err();
    world.pool.delete_camera(camera(2), &me(), world.now).unwrap_err();
    world.pool.restart_worker(worker(2), true, &me(), world.now).unwrap_err();
    world.settle();
    assert_eq!(world.audited(), []);
}

#[test]
fn a_start_that_waits_in_the_queue_is_recorded_and_a_deletion_once() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    world.start(2, live()).unwrap_err();
    assert_eq!(world.audited().len(), 4);
    for _ in 0..2 {
        world.pool.delete_camera(camera(1), &me(), world.now).unwrap();
    }
    world.settle();
    assert_eq!(world.audited().len(), 1);
}

#[test]
fn a_worker_restarted_by_hand_is_recorded_and_one_by_itself_is_not() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    world.audited();
    world.finish(worker(1), crash());
    world.pass(10.0);
    world.finish(worker(1), failure());
    world.pass(10.0);
    assert_eq!(world.audited(), []);
    world.pool.restart_worker(worker(1), true, &me(), world.now).unwrap();
    world.settle();
    assert_eq!(world.audit[0].worker_id, Some(worker(1)));
    assert_eq!(world.audited(), [entry(AuditAction::WorkerRestarted, "alice", 1, &["force"])]);
}

#[test]
fn a_recording_that_ends_was_stopped_by_the_service() {
    let mut world = World::new(1);
    world.start(1, recording()).unwrap();
    world.audited();
    world.finish(worker(1), Exit::Ended);
    let stopped = entry(AuditAction::CameraStopped, "system", 1, &["desired_state"]);
    assert_eq!(world.audited(), [stopped]);
}

#[test]
fn no_secret_gets_into_an_entry() {
    let mut world = World::new(1);
    let with = |url: &str| CameraPatch {
        stream_url: Some(StreamUrl::trusted(url).unwrap()),
        ..CameraPatch::default()
    };
    world.start(1, with("rtsp://viewer:hunter2@cam/1?token=hunter2")).unwrap();
    let changed = with("rtsp://viewer:hunter3@cam/1?token=hunter3");
    world.pool.put_camera(camera(1), changed, &me(), world.now).unwrap();
    world.pool.delete_camera(camera(1), &me(), world.now).unwrap();
    world.settle();
    assert_eq!(world.audit.len(), 4);
    assert!(world.audit[2].changes[0].credentials_changed);
    let text = serde_json::to_string(&world.audit).unwrap();
    for secret in ["viewer", "hunter"] {
        assert!(!text.contains(secret), "{text}");
    }
}
