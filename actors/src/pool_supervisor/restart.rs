//! Restarting a worker by hand.

use becamera_domain::{Now, Requester, WorkerId};

use super::{
    camera_task::{CameraTask, Ending},
    pool::{Effect, Pool},
    slot::SlotState,
};
use crate::messages::PoolError;

impl Pool {
    /// Restarts a worker. See [`crate::messages::RestartWorker`].
    pub fn restart_worker(
        &mut self,
        worker: WorkerId,
        force: bool,
        by: &Requester,
        now: Now,
    ) -> Result<(), PoolError> {
        self.refuse_when_draining()?;
        let index = worker.index();
        let slot = self.slots.get_mut(index).ok_or(PoolError::WorkerNotFound(worker))?;
        let how = if force { "by force" } else { "gracefully" };
        slot.crashes.forget();
        let mut had = None;
        match slot.state {
            SlotState::Busy { camera, .. } => {
                log::info!("{worker}: an operator restarts it {how}; camera {camera} moves");
                slot.restart_after_run = true;
                had = Some(camera);
                self.effects.push(if force {
                    Effect::KillRun(worker)
                } else {
                    Effect::CancelRun(worker)
                });
                if let Some(run) = self.cameras.get_mut(&camera).and_then(CameraTask::active_mut) {
                    run.ending = run.ending.max(Some(Ending::Requeue));
                }
            }
            SlotState::Starting { .. } if !force => {
                log::info!("{worker}: an operator restarts it, but it is starting already");
                return Ok(());
            }
            SlotState::Stopped => return Ok(()),
            SlotState::Starting { .. }
            | SlotState::Idle
            | SlotState::Backoff { .. }
            | SlotState::Quarantined { .. } => {
                log::info!("{worker}: an operator restarts it {how}");
                self.start_runner(index, true);
            }
        }
        self.audit_restart(worker, had, force, by, now);
        self.dispatch(now);
        Ok(())
    }
}
