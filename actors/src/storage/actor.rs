//! The actor around the plan: timers, blocking threads, answers and log lines.

mod handlers;
mod notices;
mod retention;

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix::prelude::*;
use becamera_domain::{Write, settings::StorageSettings};
use log::{error, warn};
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    apply::{Applied, Replayed, apply, replay},
    plan::{BATCH, StorageNotice, StorageStep, WritePlan},
};
use crate::{
    messages::FlushReport,
    metrics::Metrics,
    ports::{Spool, Store, StoreError, StoreQuery},
};
use notices::NoticeLog;

/// A write that takes longer goes to the spool as well, so that it outlasts us.
const SLOW_AFTER: Duration = Duration::from_millis(500);
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
const READ_PATIENCE: Duration = Duration::from_secs(10);

/// Takes writes and brings them to the store, in batches, on threads that may wait; by way of
/// the spool while the store is away.
///
/// Runs under [`actix::Supervisor`]: a restart keeps what waits, since the actor itself lives on.
/// When it is dropped with writes left it spools them.
pub struct StorageActor {
    store: Arc<dyn Store>,
    spool: Arc<dyn Spool>,
    settings: StorageSettings,
    metrics: Metrics,
    plan: WritePlan,
    // Held while the store is written: a restart can leave an older write behind, which must not
    // overtake or mix with the next one.
    writing: Arc<Mutex<()>>,
    waiters: Vec<Waiter>,
    notices: NoticeLog,
    ping: Option<(Instant, Result<(), String>)>,
    pinging: bool,
    ping_waiters: Vec<oneshot::Sender<Result<(), String>>>,
    expiring: bool,
    /// An urgent write came, and nothing went to the store or the spool since.
    urgent: bool,
}

/// A caller that waits until everything that came before is in the store or the spool.
struct Waiter {
    watermark: u64,
    refused: usize,
    answer: oneshot::Sender<Result<FlushReport, StoreError>>,
}

impl StorageActor {
    /// An actor that writes to `store`, by way of `spool` where it must.
    pub fn new(
        store: Arc<dyn Store>,
        spool: Arc<dyn Spool>,
        settings: StorageSettings,
        metrics: Metrics,
    ) -> Self {
        let slow_after = SLOW_AFTER.min(settings.flush_interval / 2);
        let mut actor = Self {
            plan: WritePlan::new(settings.buffer_samples, slow_after, spool.state()),
            store,
            spool,
            settings,
            notices: NoticeLog::new(metrics.clone()),
            metrics,
            writing: Arc::default(),
            waiters: Vec::new(),
            ping: None,
            pinging: false,
            ping_waiters: Vec::new(),
            expiring: false,
            urgent: false,
        };
        actor.notices.found(actor.plan.spool());
        actor
    }

    // Twice an interval: what came just after a tick is under way within half of it, and if that
    // takes too long it is in the spool by the end of it.
    fn start_timers(&self, ctx: &mut Context<Self>) {
        ctx.run_interval(self.settings.flush_interval / 2, |actor, ctx| actor.advance(true, ctx));
        self.start_retention(ctx);
    }

    fn push(&mut self, write: Write) {
        let thinned = self.plan.push(write);
        if thinned > 0 {
            self.notices.tell(&StorageNotice::Thinned(thinned), &self.plan);
        }
    }

    /// Does what is to be done now; `due` as in [`WritePlan::steps`].
    fn advance(&mut self, due: bool, ctx: &mut Context<Self>) {
        let due = due || self.urgent || !self.waiters.is_empty();
        let steps = self.plan.steps(due, Instant::now());
        // What could not go now goes as soon as the batch under way is through; only once, since a
        // store and a spool that both fail would be tried again without end.
        self.urgent &= steps.is_empty();
        for step in steps {
            match step {
                StorageStep::Write(batch) => {
                    let store = self.store.clone();
                    self.on_store(
                        move || apply(store.as_ref(), &batch.writes),
                        |reason| Applied { unavailable: Some(reason), ..Applied::default() },
                        |actor, applied, ctx| {
                            let notices = actor.plan.written(&applied, Instant::now());
                            actor.settle(notices, Some(&applied), ctx);
                        },
                        ctx,
                    );
                }
                StorageStep::Replay => {
                    let (store, spool) = (self.store.clone(), self.spool.clone());
                    let state = self.plan.spool().clone();
                    self.on_store(
                        move || replay(store.as_ref(), spool.as_ref(), BATCH),
                        |reason| {
                            let spool_error = Some(reason);
                            Replayed { spool: state, spool_error, ..Replayed::default() }
                        },
                        |actor, replayed, ctx| {
                            let notices = actor.plan.replayed(&replayed, Instant::now());
                            actor.settle(notices, Some(&replayed.applied), ctx);
                        },
                        ctx,
                    );
                }
                StorageStep::Append(batch) => {
                    let spool = self.spool.clone();
                    let append = spawn_blocking(move || {
                        let result = spool.append(&batch.writes).map_err(|e| e.to_string());
                        (result, spool.state())
                    });
                    ctx.spawn(append.into_actor(self).map(|done, actor, ctx| {
                        let (result, state) = done.unwrap_or_else(|error| {
                            (Err(thread_ended(&error)), actor.plan.spool().clone())
                        });
                        let failed = result.is_err();
                        let notices = actor.plan.appended(result, state);
                        if failed {
                            actor.give_up_waiting();
                        }
                        actor.settle(notices, None, ctx);
                    }));
                }
            }
        }
        if let Some(at) = self.plan.retry_at() {
            let wait = at.saturating_duration_since(Instant::now());
            // The interval may be far longer than the wait.
            if !wait.is_zero() && wait < self.settings.flush_interval / 2 {
                ctx.run_later(wait, |actor, ctx| actor.advance(false, ctx));
            }
        }
        self.update_gauges();
    }

    fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        failed: impl FnOnce(String) -> T + 'static,
        done: impl FnOnce(&mut Self, T, &mut Context<Self>) + 'static,
        ctx: &mut Context<Self>,
    ) {
        let writing = self.writing.clone();
        let task = spawn_blocking(move || {
            let _writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
            work()
        });
        ctx.spawn(task.into_actor(self).map(|result, actor, ctx| {
            let result = result.unwrap_or_else(|error| failed(thread_ended(&error)));
            done(actor, result, ctx);
        }));
    }

    /// Logs what happened, answers the callers that waited for it, and goes on.
    fn settle(
        &mut self,
        notices: Vec<StorageNotice>,
        applied: Option<&Applied>,
        ctx: &mut Context<Self>,
    ) {
        for notice in notices {
            self.notices.tell(&notice, &self.plan);
        }
        if let Some(applied) = applied {
            self.notices.record(applied);
            self.waiters.iter_mut().for_each(|waiter| waiter.refused += applied.refused.len());
        }
        self.answer();
        self.advance(false, ctx);
    }

    fn answer(&mut self) {
        for waiter in std::mem::take(&mut self.waiters) {
            if !self.plan.is_durable(waiter.watermark) {
                self.waiters.push(waiter);
                continue;
            }
            let answer = if waiter.refused > 0 {
                let reason = format!("{} writes were refused", waiter.refused);
                Err(StoreError::Rejected(reason))
            } else {
                Ok(FlushReport { spooled: self.plan.spool().writes })
            };
            // A caller that no longer waits needs no answer.
            let _ = waiter.answer.send(answer);
        }
    }

    /// Neither the store nor the spool takes anything: no caller should wait for it.
    fn give_up_waiting(&mut self) {
        let store = self.plan.store_error(Duration::ZERO, Instant::now());
        let spool = self.plan.spool_error().unwrap_or("unknown");
        let reason = format!("database: {}; spool: {spool}", store.unwrap_or("slow".into()));
        for waiter in self.waiters.drain(..) {
            // A caller that no longer waits needs no answer.
            let _ = waiter.answer.send(Err(StoreError::Unavailable(reason.clone())));
        }
    }

    fn wait(
        &mut self,
        ctx: &mut Context<Self>,
    ) -> oneshot::Receiver<Result<FlushReport, StoreError>> {
        let (answer, done) = oneshot::channel();
        self.waiters.push(Waiter { watermark: self.plan.watermark(), refused: 0, answer });
        self.answer();
        self.advance(true, ctx);
        done
    }

    fn update_gauges(&self) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.samples_buffered.set(number(self.plan.in_memory()));
        self.metrics.set_spool(self.plan.spool(), chrono::Utc::now());
    }

    fn read<Q: StoreQuery>(&self, query: Q) -> ResponseFuture<Result<Q::Answer, StoreError>> {
        let store = self.store.clone();
        Box::pin(async move {
            let read = spawn_blocking(move || query.run(store.as_ref()));
            in_time(read, READ_PATIENCE).await.and_then(|result| result)
        })
    }

    fn pinged(&mut self, result: Result<(), String>) {
        self.pinging = false;
        for waiter in self.ping_waiters.drain(..) {
            // A caller that no longer waits needs no answer.
            let _ = waiter.send(result.clone());
        }
        self.ping = Some((Instant::now(), result));
    }
}

async fn in_time<T>(
    task: impl Future<Output = Result<T, tokio::task::JoinError>>,
    patience: Duration,
) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, task).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::Unavailable(thread_ended(&error))),
        Err(_) => {
            let text = format!("the database did not answer within {} s", patience.as_secs());
            Err(StoreError::Unavailable(text))
        }
    }
}

fn thread_ended(error: &tokio::task::JoinError) -> String {
    format!("its thread ended: {error}")
}

impl Actor for StorageActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.start_timers(ctx);
    }
}

impl Supervised for StorageActor {
    // A restart drops the context's futures, and with them the outcome of what is under way.
    fn restarting(&mut self, _: &mut Self::Context) {
        let thinned = self.plan.abandon();
        warn!("storage actor restarts; {} writes wait and are kept", self.plan.in_memory());
        if thinned > 0 {
            self.notices.tell(&StorageNotice::Thinned(thinned), &self.plan);
        }
        self.ping_waiters.clear();
        self.pinging = false;
        self.expiring = false;
    }
}

impl Drop for StorageActor {
    // Normally nothing is left: the service flushes before it stops. A panic in a handler, which
    // no supervisor survives, ends here too.
    fn drop(&mut self) {
        let batch = self.plan.take_all();
        if batch.is_empty() {
            return;
        }
        if let Err(reason) = self.spool.append(&batch.writes) {
            let samples = batch.writes.iter().filter(|write| write.is_sample()).count();
            self.metrics.samples_lost.inc_by(samples as u64);
            error!(
                "storage actor ends with {} writes that may be lost: {reason}",
                batch.writes.len()
            );
        }
    }
}

#[cfg(test)]
mod tests;
