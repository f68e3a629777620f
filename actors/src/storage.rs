//! StorageActor: buffers samples and writes them in batches, off its own thread.

use actix::prelude::*;

use crate::{domain::*, messages::*, ports::StoreError};

/// Takes one sample; it is written with the next batch.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StoreSample(pub Sample);

/// Registers a camera or replaces its registration; kept and tried again while the database is away.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SaveCamera(pub Camera);

/// Forgets a camera and its samples; kept and tried again while the database is away.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ForgetCamera(pub CameraId);

/// Asks for every registered camera.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<Camera>, StoreError>")]
pub struct LoadCameras;

/// See ARCHITECTURE.md.
pub struct StorageActor;

impl Actor for StorageActor {
    type Context = Context<Self>;
}

impl Handler<GetSamples> for StorageActor {
    type Result = ResponseFuture<Result<SamplePage, StoreError>>;

    fn handle(&mut self, _: GetSamples, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<FlushStorage> for StorageActor {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, _: FlushStorage, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<GetStorageHealth> for StorageActor {
    type Result = ResponseFuture<StorageHealth>;

    fn handle(&mut self, _: GetStorageHealth, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<SaveCamera> for StorageActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: SaveCamera, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<ForgetCamera> for StorageActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: ForgetCamera, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<StoreSample> for StorageActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StoreSample, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<LoadCameras> for StorageActor {
    type Result = ResponseFuture<Result<Vec<Camera>, StoreError>>;

    fn handle(&mut self, _: LoadCameras, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}
