//! What the pool leaves for the audit trail. Only what was done is recorded, not what was refused.

use becamera_domain::{
    AuditAction, AuditEntry, AuditId, Camera, CameraId, DesiredState, FieldChange, Now, Requester,
    WorkerId, Write, changes, scene_changes,
};

use super::pool::{Effect, Pool};

impl Pool {
    /// Records that a camera was registered, changed or deleted, and what that started or stopped.
    /// `before` is its registration until now. Nothing is recorded when nothing changed.
    pub(super) fn audit_change(
        &mut self,
        id: CameraId,
        before: Option<&Camera>,
        by: &Requester,
        now: Now,
    ) {
        let after = self.cameras.get(&id).map(|task| &task.camera);
        let changed = changes(before, after);
        let action = match before {
            None => AuditAction::CameraCreated,
            Some(_) => AuditAction::CameraUpdated,
        };
        let running = after.is_some_and(|camera| camera.desired == DesiredState::Running);
        // A new camera that is not started was not stopped either.
        if before.is_none() && !running {
            return self.audit(action, Some(id), None, changed, by, now);
        }
        let (desired, fields): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(FieldChange::is_desired_state);
        if !fields.is_empty() {
            self.audit(action, Some(id), None, fields, by, now);
        }
        if !desired.is_empty() {
            let action =
                if running { AuditAction::CameraStarted } else { AuditAction::CameraStopped };
            self.audit(action, Some(id), None, desired, by, now);
        }
    }

    /// Records what changed of a camera's lines and zones, each by itself.
    pub(super) fn audit_scene(&mut self, id: CameraId, before: &Camera, by: &Requester, now: Now) {
        let Some(after) = self.cameras.get(&id).map(|task| &task.camera) else { return };
        for (action, changed) in scene_changes(&before.settings.scene, &after.settings.scene) {
            self.audit(action, Some(id), None, changed, by, now);
        }
    }

    /// Records that a camera's deletion was ordered, with what was registered.
    pub(super) fn audit_deletion(&mut self, id: CameraId, by: &Requester, now: Now) {
        let fields = changes(self.cameras.get(&id).map(|task| &task.camera), None);
        self.audit(AuditAction::CameraDeleted, Some(id), None, fields, by, now);
    }

    /// Records that a worker was restarted, and the camera that it had.
    pub(super) fn audit_restart(
        &mut self,
        worker: WorkerId,
        camera: Option<CameraId>,
        force: bool,
        by: &Requester,
        now: Now,
    ) {
        let fields = vec![FieldChange::new("force", serde_json::Value::Null, force)];
        self.audit(AuditAction::WorkerRestarted, camera, Some(worker), fields, by, now);
    }

    fn audit(
        &mut self,
        action: AuditAction,
        camera_id: Option<CameraId>,
        worker_id: Option<WorkerId>,
        changes: Vec<FieldChange>,
        by: &Requester,
        now: Now,
    ) {
        let (id, by, site_id) = (AuditId::unique(now.wall), by.clone(), None);
        let entry =
            AuditEntry { id, at: now.wall, by, action, camera_id, worker_id, site_id, changes };
        self.effects.push(Effect::Store(Write::Audit(Box::new(entry))));
    }
}
