//! What the actor does with each message.

use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{BATCH, Flush, StorageActor};
use crate::{
    domain::{Camera, Rollup, SamplePage},
    messages::{FlushStorage, GetRollups, GetSamples, GetStorageHealth, StorageHealth},
    ports::StoreError,
    storage::{ForgetCamera, LoadCameras, SaveCamera, StoreSample},
};

const PING_VALID: Duration = Duration::from_secs(1);
const PING_PATIENCE: Duration = Duration::from_millis(1_500);

impl Handler<StoreSample> for StorageActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: StoreSample, ctx: &mut Self::Context) -> Self::Result {
        let lost = self.queue.push(message.0);
        self.lose(lost);
        self.update_gauge();
        if self.away.is_none() && self.queue.samples_ready() >= BATCH {
            self.write(ctx);
        }
        Box::pin(std::future::ready(()))
    }
}

impl Handler<SaveCamera> for StorageActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: SaveCamera, ctx: &mut Self::Context) -> Self::Result {
        self.queue.save(message.0);
        self.change_camera(ctx)
    }
}

impl Handler<ForgetCamera> for StorageActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: ForgetCamera, ctx: &mut Self::Context) -> Self::Result {
        self.queue.forget(message.0);
        self.change_camera(ctx)
    }
}

impl Handler<FlushStorage> for StorageActor {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, _: FlushStorage, ctx: &mut Self::Context) -> Self::Result {
        if self.queue.is_empty() {
            return Box::pin(std::future::ready(Ok(())));
        }
        let (answer, done) = oneshot::channel();
        let watermark = self.queue.watermark();
        self.flushes.push(Flush { watermark, refused: 0, answer });
        self.write(ctx);
        Box::pin(async move {
            done.await
                .unwrap_or_else(|_| Err(StoreError::Unavailable("the storage actor ended".into())))
        })
    }
}

impl Handler<LoadCameras> for StorageActor {
    type Result = ResponseFuture<Result<Vec<Camera>, StoreError>>;

    fn handle(&mut self, _: LoadCameras, _: &mut Self::Context) -> Self::Result {
        self.read(|store| store.load_cameras())
    }
}

impl Handler<GetSamples> for StorageActor {
    type Result = ResponseFuture<Result<SamplePage, StoreError>>;

    fn handle(&mut self, message: GetSamples, _: &mut Self::Context) -> Self::Result {
        self.read(move |store| store.read_samples(&message.0))
    }
}

impl Handler<GetRollups> for StorageActor {
    type Result = ResponseFuture<Result<Vec<Rollup>, StoreError>>;

    fn handle(&mut self, message: GetRollups, _: &mut Self::Context) -> Self::Result {
        self.read(move |store| store.read_rollups(&message.0))
    }
}

impl Handler<GetStorageHealth> for StorageActor {
    type Result = ResponseFuture<StorageHealth>;

    fn handle(&mut self, _: GetStorageHealth, ctx: &mut Self::Context) -> Self::Result {
        let buffered = self.queue.samples_waiting();
        let write_error = self.write_error();
        let fresh = self.ping.as_ref().filter(|(at, _)| at.elapsed() <= PING_VALID);
        if let Some((_, result)) = fresh {
            let error = write_error.or_else(|| result.clone().err());
            return Box::pin(std::future::ready(StorageHealth { error, buffered }));
        }
        let (answer, pinged) = oneshot::channel();
        self.ping_waiters.retain(|waiter| !waiter.is_closed());
        self.ping_waiters.push(answer);
        // One ping at a time: those who ask meanwhile share its answer.
        if !std::mem::replace(&mut self.pinging, true) {
            let store = self.store.clone();
            let ping = tokio::task::spawn_blocking(move || store.ping());
            ctx.spawn(ping.into_actor(self).map(|result, actor, _| {
                let result = match result {
                    Ok(result) => result.map_err(|error| error.to_string()),
                    Err(error) => Err(format!("the pinging thread ended: {error}")),
                };
                actor.pinged(result);
            }));
        }
        Box::pin(async move {
            let pinged = match tokio::time::timeout(PING_PATIENCE, pinged).await {
                Ok(Ok(result)) => result.err(),
                Ok(Err(_)) => Some("the storage actor restarted".into()),
                Err(_) => Some("the database does not answer".into()),
            };
            StorageHealth { error: write_error.or(pinged), buffered }
        })
    }
}
