//! What the actor does with each message.

use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{StorageActor, WRITE_PATIENCE, thread_ended};
use crate::{
    messages::{FlushReport, FlushStorage, GetStorageHealth, ReadStore, StorageHealth},
    ports::{StoreError, StoreQuery},
    storage::StoreWrite,
};

const PING_VALID: Duration = Duration::from_secs(1);
const PING_PATIENCE: Duration = Duration::from_millis(1_500);

impl Handler<StoreWrite> for StorageActor {
    type Result = ();

    fn handle(&mut self, StoreWrite(write): StoreWrite, ctx: &mut Self::Context) {
        let urgent = write.kind().is_urgent();
        self.push(write);
        self.urgent |= urgent;
        self.advance(false, ctx);
    }
}

impl Handler<FlushStorage> for StorageActor {
    type Result = ResponseFuture<Result<FlushReport, StoreError>>;

    fn handle(&mut self, _: FlushStorage, ctx: &mut Self::Context) -> Self::Result {
        let done = self.wait(ctx);
        Box::pin(async move {
            done.await
                .unwrap_or_else(|_| Err(StoreError::Unavailable("the storage actor ended".into())))
        })
    }
}

impl<Q: StoreQuery> Handler<ReadStore<Q>> for StorageActor {
    type Result = ResponseFuture<Result<Q::Answer, StoreError>>;

    fn handle(&mut self, ReadStore(query): ReadStore<Q>, _: &mut Self::Context) -> Self::Result {
        self.read(query)
    }
}

impl Handler<GetStorageHealth> for StorageActor {
    type Result = ResponseFuture<StorageHealth>;

    fn handle(&mut self, _: GetStorageHealth, ctx: &mut Self::Context) -> Self::Result {
        let write_error = self.plan.store_error(WRITE_PATIENCE, Instant::now());
        let health = StorageHealth {
            error: None,
            buffered: self.plan.in_memory(),
            spool: self.plan.spool().clone(),
            spool_error: self.plan.spool_error().map(str::to_owned),
        };
        let fresh = self.ping.as_ref().filter(|(at, _)| at.elapsed() <= PING_VALID);
        if let Some((_, result)) = fresh {
            let error = write_error.or_else(|| result.clone().err());
            return Box::pin(std::future::ready(StorageHealth { error, ..health }));
        }
        let (answer, pinged) = oneshot::channel();
        self.ping_waiters.retain(|waiter| !waiter.is_closed());
        self.ping_waiters.push(answer);
        // One ping at a time: callers that ask meanwhile share its answer.
        if !std::mem::replace(&mut self.pinging, true) {
            let store = self.store.clone();
            let ping = spawn_blocking(move || store.ping());
            ctx.spawn(ping.into_actor(self).map(|result, actor, _| {
                let result = match result {
                    Ok(result) => result.map_err(|error| error.to_string()),
                    Err(error) => Err(thread_ended(&error)),
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
            StorageHealth { error: write_error.or(pinged), ..health }
        })
    }
}
