//! The messages that callers send to the supervisor.

use actix::prelude::*;
use becamera_domain::{CameraId, Now, WorkerId};
use futures_channel::oneshot;

use super::{actor::PoolSupervisor, pool::Completion};
use crate::messages::{
    CameraView, DeleteCamera, DeleteSceneItem, DrainPool, GetCamera, GetCameras, GetPoolHealth,
    GetQueue, GetWorkers, PoolError, PutCamera, PutSceneItem, QueueEntryView, RestartWorker,
    StartCamera, StopCamera, WorkerView,
};

impl Handler<StartCamera> for PoolSupervisor {
    type Result = Result<WorkerId, PoolError>;

    fn handle(&mut self, message: StartCamera, ctx: &mut Self::Context) -> Self::Result {
        let result =
            self.pool.start_camera(message.camera_id, message.patch, &message.by, Now::read());
        self.settle(ctx);
        result
    }
}

impl Handler<StopCamera> for PoolSupervisor {
    type Result = ResponseFuture<Result<(), PoolError>>;

    fn handle(&mut self, message: StopCamera, ctx: &mut Self::Context) -> Self::Result {
        let completion = self.pool.stop_camera(message.camera_id, &message.by, Now::read());
        self.complete(message.camera_id, completion, ctx)
    }
}

impl Handler<DeleteCamera> for PoolSupervisor {
    type Result = ResponseFuture<Result<(), PoolError>>;

    fn handle(&mut self, message: DeleteCamera, ctx: &mut Self::Context) -> Self::Result {
        let completion = self.pool.delete_camera(message.camera_id, &message.by, Now::read());
        self.complete(message.camera_id, completion, ctx)
    }
}

impl Handler<PutCamera> for PoolSupervisor {
    type Result = Result<(CameraView, bool), PoolError>;

    fn handle(&mut self, message: PutCamera, ctx: &mut Self::Context) -> Self::Result {
        let new =
            self.pool.put_camera(message.camera_id, message.definition, &message.by, Now::read());
        self.settle(ctx);
        Ok((self.pool.camera(message.camera_id, Now::read())?, new?))
    }
}

impl Handler<PutSceneItem> for PoolSupervisor {
    type Result = Result<bool, PoolError>;

    fn handle(&mut self, message: PutSceneItem, ctx: &mut Self::Context) -> Self::Result {
        let PutSceneItem { camera_id, item, by } = message;
        let new = self.pool.put_scene_item(camera_id, item, &by, Now::read());
        self.settle(ctx);
        new
    }
}

impl Handler<DeleteSceneItem> for PoolSupervisor {
    type Result = Result<(), PoolError>;

    fn handle(&mut self, message: DeleteSceneItem, ctx: &mut Self::Context) -> Self::Result {
        let DeleteSceneItem { camera_id, id, by } = message;
        let done = self.pool.delete_scene_item(camera_id, &id, &by, Now::read());
        self.settle(ctx);
        done
    }
}

impl Handler<RestartWorker> for PoolSupervisor {
    type Result = Result<WorkerView, PoolError>;

    fn handle(&mut self, message: RestartWorker, ctx: &mut Self::Context) -> Self::Result {
        let result =
            self.pool.restart_worker(message.worker_id, message.force, &message.by, Now::read());
        self.settle(ctx);
        result?;
        self.pool.worker(message.worker_id, Now::read())
    }
}

impl Handler<GetCameras> for PoolSupervisor {
    type Result = MessageResult<GetCameras>;

    fn handle(&mut self, _: GetCameras, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.pool.cameras(Now::read()))
    }
}

impl Handler<GetCamera> for PoolSupervisor {
    type Result = Result<CameraView, PoolError>;

    fn handle(&mut self, message: GetCamera, _: &mut Self::Context) -> Self::Result {
        self.pool.camera(message.camera_id, Now::read())
    }
}

impl Handler<GetWorkers> for PoolSupervisor {
    type Result = MessageResult<GetWorkers>;

    fn handle(&mut self, _: GetWorkers, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.pool.workers(Now::read()))
    }
}

impl Handler<GetQueue> for PoolSupervisor {
    type Result = Vec<QueueEntryView>;

    fn handle(&mut self, _: GetQueue, _: &mut Self::Context) -> Self::Result {
        self.pool.queue()
    }
}

impl Handler<GetPoolHealth> for PoolSupervisor {
    type Result = MessageResult<GetPoolHealth>;

    fn handle(&mut self, _: GetPoolHealth, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.pool.health())
    }
}

impl Handler<DrainPool> for PoolSupervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: DrainPool, ctx: &mut Self::Context) -> Self::Result {
        let (done, wait) = oneshot::channel();
        self.waiting_for_drain.push(done);
        if !self.is_draining() {
            self.pool.drain(Now::read());
        }
        self.settle(ctx);
        Box::pin(async move {
            // The sender is dropped only with the actor itself: then there is nothing to wait for.
            let _ = wait.await;
        })
    }
}

impl PoolSupervisor {
    fn complete(
        &mut self,
        camera: CameraId,
        completion: Result<Completion, PoolError>,
        ctx: &mut Context<Self>,
    ) -> ResponseFuture<Result<(), PoolError>> {
        let wait = match completion {
            Ok(Completion::WhenReleased) => {
                let (done, wait) = oneshot::channel();
                self.waiting_for_release.entry(camera).or_default().push(done);
                Ok(Some(wait))
            }
            Ok(Completion::Done) => Ok(None),
            Err(error) => Err(error),
        };
        self.settle(ctx);
        Box::pin(async move {
            if let Some(wait) = wait? {
                // The sender is dropped only with the actor itself: the camera is released then.
                let _ = wait.await;
            }
            Ok(())
        })
    }
}
