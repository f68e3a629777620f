//! Lines and zones of a camera: drawn, changed and deleted while it runs.

use becamera_domain::{CameraId, Now, Requester, Scene, SceneItem, SceneItemId};

use super::{
    camera_task::TaskState,
    pool::{Effect, Pool},
};
use crate::messages::PoolError;

impl Pool {
    /// Draws a line or zone, or replaces it. Answers whether it is new.
    pub fn put_scene_item(
        &mut self,
        id: CameraId,
        item: SceneItem,
        by: &Requester,
        now: Now,
    ) -> Result<bool, PoolError> {
        self.change_scene(id, by, now, |scene| Ok(scene.put(item)))
    }

    /// Deletes a line or zone; what was counted there stays.
    pub fn delete_scene_item(
        &mut self,
        camera_id: CameraId,
        id: &SceneItemId,
        by: &Requester,
        now: Now,
    ) -> Result<(), PoolError> {
        self.change_scene(camera_id, by, now, |scene| {
            let missing = || PoolError::SceneItemNotFound { camera_id, id: id.clone() };
            if scene.remove(id) { Ok(()) } else { Err(missing()) }
        })?;
        self.effects.push(Effect::ForgetSceneItem(camera_id, id.clone()));
        Ok(())
    }

    /// Changes what is drawn, as a whole or not at all. A run under way is told, and goes on.
    fn change_scene<T>(
        &mut self,
        id: CameraId,
        by: &Requester,
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
