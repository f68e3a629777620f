//! Lines and zones of a camera: drawn, changed and deleted while it runs.

use becamera_domain::{CameraId, Line, LineId, Now, Origin, Scene, Zone, ZoneId};

use crate::messages::PoolError;

use super::{
    camera_task::TaskState,
    pool::{Effect, Pool},
};

impl Pool {
    /// Draws a line or replaces it. Answers whether it is new.
    pub fn put_line(
        &mut self,
        id: CameraId,
        line: Line,
        by: &Origin,
        now: Now,
    ) -> Result<bool, PoolError> {
        self.change_scene(id, by, now, |scene| {
            let place = scene.lines.iter().position(|other| other.id == line.id);
            put(&mut scene.lines, place, line);
            scene.lines.sort_by(|a, b| a.id.cmp(&b.id));
            Ok(place.is_none())
        })
    }

    /// Deletes a line; what was counted at it stays.
    pub fn delete_line(
        &mut self,
        id: CameraId,
        line: &LineId,
        by: &Origin,
        now: Now,
    ) -> Result<(), PoolError> {
        self.change_scene(id, by, now, |scene| {
            let before = scene.lines.len();
            scene.lines.retain(|other| other.id != *line);
            if scene.lines.len() < before { Ok(()) } else { Err(line_not_found(id, line)) }
        })?;
        self.effects.push(Effect::ForgetLine(id, line.clone()));
        Ok(())
    }

    /// Draws a zone or replaces it. Answers whether it is new.
    pub fn put_zone(
        &mut self,
        id: CameraId,
        zone: Zone,
        by: &Origin,
        now: Now,
    ) -> Result<bool, PoolError> {
        self.change_scene(id, by, now, |scene| {
            let place = scene.zones.iter().position(|other| other.id == zone.id);
            put(&mut scene.zones, place, zone);
            scene.zones.sort_by(|a, b| a.id.cmp(&b.id));
            Ok(place.is_none())
        })
    }

    /// Deletes a zone; what was counted in it stays.
    pub fn delete_zone(
        &mut self,
        id: CameraId,
        zone: &ZoneId,
        by: &Origin,
        now: Now,
    ) -> Result<(), PoolError> {
        self.change_scene(id, by, now, |scene| {
            let before = scene.zones.len();
            scene.zones.retain(|other| other.id != *zone);
            if scene.zones.len() < before { Ok(()) } else { Err(zone_not_found(id, zone)) }
        })?;
        self.effects.push(Effect::ForgetZone(id, zone.clone()));
        Ok(())
    }

    /// Changes what is drawn, as a whole or not at all. A run under way is told, and goes on.
    fn change_scene<T>(
        &mut self,
        id: CameraId,
        by: &Origin,
        now: Now,
        change: impl FnOnce(&mut Scene) -> Result<T, PoolError>,
    ) -> Result<T, PoolError> {
        self.refuse_when_draining()?;
        let task = self.cameras.get_mut(&id).ok_or(PoolError::CameraNotFound(id))?;
        let mut scene = task.camera.settings.scene.clone();
        let done = change(&mut scene)?;
        scene.validate()?;
        if scene == task.camera.settings.scene {
            return Ok(done);
        }
        let before = task.camera.clone();
        if let Some(count) = &mut task.count {
            count.zones.retain(|id, _| scene.zones.iter().any(|zone| zone.id == *id));
        }
        task.camera.settings.scene = scene.clone();
        task.camera.updated_at = now.wall;
        if let TaskState::Active(run) = task.state {
            self.effects.push(Effect::UpdateScene(run.worker, Box::new(scene)));
        }
        self.audit_scene(id, &before, by, now);
        self.save(id);
        Ok(done)
    }
}

fn put<T>(all: &mut Vec<T>, place: Option<usize>, new: T) {
    match place {
        Some(place) => all[place] = new,
        None => all.push(new),
    }
}

fn line_not_found(camera_id: CameraId, line: &LineId) -> PoolError {
    PoolError::LineNotFound { camera_id, line_id: line.clone() }
}

fn zone_not_found(camera_id: CameraId, zone: &ZoneId) -> PoolError {
    PoolError::ZoneNotFound { camera_id, zone_id: zone.clone() }
}
