//! PoolSupervisor: the queue, the slots and the cameras.

use actix::prelude::*;

use crate::{domain::*, messages::*, ports::StoreError};

/// See ARCHITECTURE.md.
pub struct PoolSupervisor;

impl Actor for PoolSupervisor {
    type Context = Context<Self>;
}

impl Handler<StartCamera> for PoolSupervisor {
    type Result = ResponseFuture<Result<WorkerId, PoolError>>;

    fn handle(&mut self, _: StartCamera, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<StopCamera> for PoolSupervisor {
    type Result = ResponseFuture<Result<(), PoolError>>;

    fn handle(&mut self, _: StopCamera, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<PutCamera> for PoolSupervisor {
    type Result = ResponseFuture<Result<(CameraView, bool), PoolError>>;

    fn handle(&mut self, _: PutCamera, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<DeleteCamera> for PoolSupervisor {
    type Result = ResponseFuture<Result<(), PoolError>>;

    fn handle(&mut self, _: DeleteCamera, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<GetCameras> for PoolSupervisor {
    type Result = ResponseFuture<Vec<CameraView>>;

    fn handle(&mut self, _: GetCameras, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<GetCamera> for PoolSupervisor {
    type Result = ResponseFuture<Result<CameraView, PoolError>>;

    fn handle(&mut self, _: GetCamera, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<GetWorkers> for PoolSupervisor {
    type Result = ResponseFuture<Vec<WorkerView>>;

    fn handle(&mut self, _: GetWorkers, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<RestartWorker> for PoolSupervisor {
    type Result = ResponseFuture<Result<WorkerView, PoolError>>;

    fn handle(&mut self, _: RestartWorker, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<GetQueue> for PoolSupervisor {
    type Result = ResponseFuture<Vec<QueueEntryView>>;

    fn handle(&mut self, _: GetQueue, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<GetPoolHealth> for PoolSupervisor {
    type Result = ResponseFuture<PoolHealth>;

    fn handle(&mut self, _: GetPoolHealth, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<DrainPool> for PoolSupervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: DrainPool, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}
