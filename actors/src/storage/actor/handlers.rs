//! What the actor does with each message.

use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{SAVE_PATIENCE, StorageActor, WRITE_PATIENCE, thread_ended};
use becamera_domain::{AuditPage, CrossingPage, LineRollup, Rollup, SamplePage, Write, ZoneRollup};

use crate::{
    messages::{
        FlushReport, FlushStorage, GetAudit, GetCrossings, GetLineRollups, GetRollups, GetSamples,
        GetStorageHealth, GetZoneRollups, StorageHealth,
    },
    ports::StoreError,
    storage::{
        ForgetCamera, ForgetSite, RecordAudit, SaveCamera, SaveSite, StoreCorrection,
        StoreCrossing, StoreSample,
    },
};

const PING_VALID: Duration = Duration::from_secs(1);
const PING_PATIENCE: Duration = Duration::from_millis(1_500);

impl Handler<StoreSample> for StorageActor {
    type Result = ();

    fn handle(&mut self, message: StoreSample, ctx: &mut Self::Context) {
        self.push(Write::Sample(message.0));
        self.advance(false, ctx);
    }
}

impl Handler<StoreCrossing> for StorageActor {
    type Result = ();

    fn handle(&mut self, message: StoreCrossing, ctx: &mut Self::Context) {
        self.push(Write::Crossing(message.0));
        // At once: each one matters, and they are rare. A crash takes those of the last moment alone.
        self.advance(true, ctx);
    }
}

impl Handler<SaveCamera> for StorageActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: SaveCamera, ctx: &mut Self::Context) -> Self::Result {
        self.push(Write::SaveCamera(Box::new(message.0)));
        wait_a_little(self.wait(ctx))
    }
}

impl Handler<ForgetCamera> for StorageActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: ForgetCamera, ctx: &mut Self::Context) -> Self::Result {
        self.push(Write::ForgetCamera(message.0));
        wait_a_little(self.wait(ctx))
    }
}

impl Handler<RecordAudit> for StorageActor {
    type Result = ();

    fn handle(&mut self, message: RecordAudit, ctx: &mut Self::Context) {
        self.push(Write::Audit(Box::new(message.0)));
        self.advance(false, ctx);
    }
}

// As with crossings: at once.
impl Handler<SaveSite> for StorageActor {
    type Result = ();

    fn handle(&mut self, message: SaveSite, ctx: &mut Self::Context) {
        self.push(Write::SaveSite(Box::new(message.0)));
        self.advance(true, ctx);
    }
}

impl Handler<ForgetSite> for StorageActor {
    type Result = ();

    fn handle(&mut self, message: ForgetSite, ctx: &mut Self::Context) {
        self.push(Write::ForgetSite(message.0));
        self.advance(true, ctx);
    }
}

impl Handler<StoreCorrection> for StorageActor {
    type Result = ();

    fn handle(&mut self, message: StoreCorrection, ctx: &mut Self::Context) {
        self.push(Write::Correct(message.0));
        self.advance(true, ctx);
    }
}

fn wait_a_little(done: oneshot::Receiver<Result<FlushReport, StoreError>>) -> ResponseFuture<()> {
    Box::pin(async move {
        // However it went: the write itself is kept.
        let _ = tokio::time::timeout(SAVE_PATIENCE, done).await;
    })
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

impl Handler<GetLineRollups> for StorageActor {
    type Result = ResponseFuture<Result<Vec<LineRollup>, StoreError>>;

    fn handle(&mut self, message: GetLineRollups, _: &mut Self::Context) -> Self::Result {
        self.read(move |store| store.read_line_rollups(&message.0))
    }
}

impl Handler<GetZoneRollups> for StorageActor {
    type Result = ResponseFuture<Result<Vec<ZoneRollup>, StoreError>>;

    fn handle(&mut self, message: GetZoneRollups, _: &mut Self::Context) -> Self::Result {
        self.read(move |store| store.read_zone_rollups(&message.0))
    }
}

impl Handler<GetCrossings> for StorageActor {
    type Result = ResponseFuture<Result<CrossingPage, StoreError>>;

    fn handle(&mut self, message: GetCrossings, _: &mut Self::Context) -> Self::Result {
        self.read(move |store| store.read_crossings(&message.0))
    }
}

impl Handler<GetAudit> for StorageActor {
    type Result = ResponseFuture<Result<AuditPage, StoreError>>;

    fn handle(&mut self, message: GetAudit, _: &mut Self::Context) -> Self::Result {
        self.read(move |store| store.read_audit(&message.0))
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
        // One ping at a time: those who ask meanwhile share its answer.
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
