//! The actor around the queue: timers, blocking threads, answers and log lines.

mod handlers;

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix::prelude::*;
use log::{error, info, warn};
use tokio::sync::oneshot;

use super::{
    queue::WriteQueue,
    write::{Outcome, write_batch},
};
use crate::{
    metrics::Metrics,
    ports::{CountStore, StoreError},
    settings::StorageSettings,
};

/// Samples in one write: large enough to be fast, small enough to be quick.
const BATCH: usize = 2_000;
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);
const LOSS_WARNING_EVERY: Duration = Duration::from_secs(10);
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
const READ_PATIENCE: Duration = Duration::from_secs(10);
const SAVE_PATIENCE: Duration = Duration::from_secs(2);
const REFUSALS_LOGGED: usize = 5;

/// Buffers samples and camera changes and writes them in batches, one at a time, on a thread
/// that may wait. While the store is away it keeps them, up to a bound, and tries again.
///
/// Runs under [`actix::Supervisor`]: a restart keeps the buffer, since the actor itself lives on.
/// When it is dropped with samples left it tries to write them once and says what was lost.
pub struct StorageActor {
    store: Arc<dyn CountStore>,
    settings: StorageSettings,
    metrics: Metrics,
    queue: WriteQueue,
    // Held while a batch is written: a restart can leave an older write behind, which must not
    // overtake or mix with the next one.
    writing: Arc<Mutex<()>>,
    write_started: Option<Instant>,
    away: Option<Away>,
    flushes: Vec<Flush>,
    saves: Vec<(u64, oneshot::Sender<()>)>,
    loss: Loss,
    ping: Option<(Instant, Result<(), String>)>,
    pinging: bool,
    ping_waiters: Vec<oneshot::Sender<Result<(), String>>>,
}

struct Away {
    since: Instant,
    error: String,
    failures: u32,
    retry_at: Instant,
}

struct Flush {
    watermark: u64,
    refused: usize,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

#[derive(Default)]
struct Loss {
    unsaid: usize,
    said_at: Option<Instant>,
}

impl StorageActor {
    /// An actor that writes to `store`.
    pub fn new(store: Arc<dyn CountStore>, settings: StorageSettings, metrics: Metrics) -> Self {
        Self {
            queue: WriteQueue::new(settings.buffer_samples),
            store,
            settings,
            metrics,
            writing: Arc::default(),
            write_started: None,
            away: None,
            flushes: Vec::new(),
            saves: Vec::new(),
            loss: Loss::default(),
            ping: None,
            pinging: false,
            ping_waiters: Vec::new(),
        }
    }

    fn start_timer(&self, ctx: &mut Context<Self>) {
        ctx.run_interval(self.settings.flush_interval, |actor, ctx| {
            if actor.away.as_ref().is_none_or(|away| Instant::now() >= away.retry_at) {
                actor.write(ctx);
            }
            actor.say_losses();
        });
    }

    fn write(&mut self, ctx: &mut Context<Self>) {
        let Some(batch) = self.queue.take(BATCH) else { return };
        self.write_started = Some(Instant::now());
        let (store, writing) = (self.store.clone(), self.writing.clone());
        let write = tokio::task::spawn_blocking(move || {
            let _writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
            write_batch(store.as_ref(), &batch)
        });
        ctx.spawn(write.into_actor(self).map(|outcome, actor, ctx| {
            let outcome = outcome.unwrap_or_else(|error| Outcome {
                unavailable: Some(format!("the writing thread ended: {error}")),
                ..Outcome::default()
            });
            actor.settle(&outcome, ctx);
        }));
    }

    fn settle(&mut self, outcome: &Outcome, ctx: &mut Context<Self>) {
        let waited = self.queue.samples_waiting();
        let lost = self.queue.settle(outcome);
        self.write_started = None;
        self.record(outcome);
        self.lose(lost);
        let was_away = self.away.is_some();
        match &outcome.unavailable {
            Some(reason) => self.went_away(reason, ctx),
            None => self.came_back(waited),
        }
        self.answer(outcome);
        self.update_gauge();
        let awaited = !self.flushes.is_empty() || !self.saves.is_empty();
        let behind = was_away || self.queue.samples_ready() >= BATCH;
        if self.away.is_none() && (awaited || behind) {
            self.write(ctx);
        }
    }

    fn record(&mut self, outcome: &Outcome) {
        self.metrics.sample_write_seconds.observe(outcome.elapsed.as_secs_f64());
        self.metrics.samples_written.inc_by(outcome.written.len() as u64);
        let refused = outcome.refused_samples.len();
        if outcome.unavailable.is_some() || refused > 0 || !outcome.refused_cameras.is_empty() {
            self.metrics.sample_write_failures.inc();
        }
        self.metrics.samples_lost.inc_by(refused as u64);
        for (camera, reason) in &outcome.refused_cameras {
            error!("camera {camera}: the database refused its registration: {reason}");
        }
        for refused in outcome.refused_samples.iter().take(REFUSALS_LOGGED) {
            let (camera, reason) = (refused.sample.camera_id, &refused.reason);
            let bucket = refused.sample.bucket_start.to_rfc3339();
            error!("camera {camera}: the database refused its sample of {bucket}: {reason}");
        }
        if refused > REFUSALS_LOGGED {
            error!("the database refused {} more samples", refused - REFUSALS_LOGGED);
        }
    }

    fn went_away(&mut self, reason: &str, ctx: &mut Context<Self>) {
        let now = Instant::now();
        if self.away.is_none() {
            let kept = self.settings.buffer_samples;
            warn!("database is away: {reason}; up to {kept} samples are kept in memory meanwhile");
        }
        let failures = self.away.as_ref().map_or(1, |away| away.failures + 1);
        let since = self.away.as_ref().map_or(now, |away| away.since);
        let wait = retry_wait(failures);
        self.away = Some(Away { since, error: reason.into(), failures, retry_at: now + wait });
        ctx.run_later(wait, |actor, ctx| {
            if actor.away.as_ref().is_some_and(|away| Instant::now() >= away.retry_at) {
                actor.write(ctx);
            }
        });
    }

    fn came_back(&mut self, waited: usize) {
        if let Some(away) = self.away.take() {
            let seconds = away.since.elapsed().as_secs_f64();
            info!("database is back after {seconds:.1} s; {waited} samples waited for it");
        }
    }

    fn answer(&mut self, outcome: &Outcome) {
        let queue = &self.queue;
        let refused = outcome.refused_samples.len() + outcome.refused_cameras.len();
        for mut flush in std::mem::take(&mut self.flushes) {
            flush.refused += refused;
            // A caller that no longer waits needs no answer.
            if let Some(reason) = &outcome.unavailable {
                let _ = flush.answer.send(Err(StoreError::Unavailable(reason.clone())));
            } else if !queue.is_settled(flush.watermark) {
                self.flushes.push(flush);
            } else if flush.refused > 0 {
                let reason = format!("{} writes were refused", flush.refused);
                let _ = flush.answer.send(Err(StoreError::Rejected(reason)));
            } else {
                let _ = flush.answer.send(Ok(()));
            }
        }
        for (watermark, answer) in std::mem::take(&mut self.saves) {
            if outcome.unavailable.is_some() || queue.is_settled(watermark) {
                let _ = answer.send(());
            } else {
                self.saves.push((watermark, answer));
            }
        }
    }

    fn lose(&mut self, samples: usize) {
        if samples > 0 {
            self.metrics.samples_lost.inc_by(samples as u64);
            self.loss.unsaid += samples;
            self.say_losses();
        }
    }

    fn say_losses(&mut self) {
        let due = self.loss.said_at.is_none_or(|at| at.elapsed() >= LOSS_WARNING_EVERY);
        if self.loss.unsaid > 0 && due {
            let (lost, kept) = (self.loss.unsaid, self.settings.buffer_samples);
            warn!("{lost} samples lost: the database is behind and only {kept} can wait");
            self.loss = Loss { unsaid: 0, said_at: Some(Instant::now()) };
        }
    }

    fn update_gauge(&self) {
        let waiting = i64::try_from(self.queue.samples_waiting()).unwrap_or(i64::MAX);
        self.metrics.samples_buffered.set(waiting);
    }

    fn change_camera(&mut self, ctx: &mut Context<Self>) -> ResponseFuture<()> {
        let (answer, done) = oneshot::channel();
        self.saves.push((self.queue.watermark(), answer));
        self.update_gauge();
        self.write(ctx);
        Box::pin(async move {
            let _ = tokio::time::timeout(SAVE_PATIENCE, done).await;
        })
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn CountStore) -> Result<T, StoreError> + Send + 'static,
    ) -> ResponseFuture<Result<T, StoreError>> {
        let store = self.store.clone();
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || read(store.as_ref()));
            in_time(read, READ_PATIENCE).await.and_then(|result| result)
        })
    }

    fn pinged(&mut self, result: Result<(), String>) {
        self.pinging = false;
        for waiter in self.ping_waiters.drain(..) {
            // Nobody waits any more: no matter.
            let _ = waiter.send(result.clone());
        }
        self.ping = Some((Instant::now(), result));
    }

    fn write_error(&self) -> Option<String> {
        let stuck = self.write_started.map(|at| at.elapsed()).filter(|t| *t > WRITE_PATIENCE);
        match (&self.away, stuck) {
            (Some(away), _) => Some(away.error.clone()),
            (None, Some(time)) => Some(format!("a write takes {} s already", time.as_secs())),
            (None, None) => None,
        }
    }
}

async fn in_time<T>(
    task: impl Future<Output = Result<T, tokio::task::JoinError>>,
    patience: Duration,
) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, task).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::Unavailable(format!("the reading thread: {error}"))),
        Err(_) => {
            let text = format!("the database did not answer within {} s", patience.as_secs());
            Err(StoreError::Unavailable(text))
        }
    }
}

fn retry_wait(failures: u32) -> Duration {
    let doubled = RETRY_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(RETRY_MAX).mul_f64(rand::random_range(0.8..1.2))
}

impl Actor for StorageActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.start_timer(ctx);
    }
}

impl Supervised for StorageActor {
    // A restart drops the context's futures, and with them the outcome of a write under way.
    fn restarting(&mut self, _: &mut Self::Context) {
        let waiting = self.queue.samples_waiting();
        warn!("storage actor restarts; {waiting} samples wait and are kept");
        self.write_started = None;
        let lost = self.queue.abandon();
        self.lose(lost);
        self.ping_waiters.clear();
        self.pinging = false;
        if let Some(away) = &mut self.away {
            away.retry_at = Instant::now();
        }
    }
}

impl Drop for StorageActor {
    // Normally nothing is left: the service flushes before it stops. A panic in a handler, which
    // no supervisor survives, ends here too.
    fn drop(&mut self) {
        let mut obstacle = self.write_error();
        if self.queue.is_writing() {
            obstacle.get_or_insert_with(|| "a write is under way".into());
        }
        self.queue.abandon();
        while obstacle.is_none() {
            let Some(batch) = self.queue.take(BATCH) else { return };
            let outcome = write_batch(self.store.as_ref(), &batch);
            self.record(&outcome);
            self.queue.settle(&outcome);
            obstacle = outcome.unavailable;
        }
        let lost = self.queue.samples_waiting();
        if let Some(reason) = obstacle.filter(|_| !self.queue.is_empty()) {
            self.metrics.samples_lost.inc_by(lost as u64);
            error!("storage actor ends with {lost} samples that may be lost: {reason}");
        }
    }
}

#[cfg(test)]
mod tests;
