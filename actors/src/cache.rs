//! CacheActor: keeps the newest count of every camera behind the cache port.

use actix::prelude::*;

use crate::{domain::*, messages::*, ports::StoreError};

/// Replaces a camera's newest count.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CacheCount(pub LatestCount);

/// Forgets a camera.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ForgetCount(pub CameraId);

/// See ARCHITECTURE.md.
pub struct CacheActor;

impl Actor for CacheActor {
    type Context = Context<Self>;
}

impl Handler<GetLatestCount> for CacheActor {
    type Result = ResponseFuture<Result<Option<LatestCount>, StoreError>>;

    fn handle(&mut self, _: GetLatestCount, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<CacheCount> for CacheActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: CacheCount, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}

impl Handler<ForgetCount> for CacheActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: ForgetCount, _: &mut Self::Context) -> Self::Result {
        unimplemented!()
    }
}
