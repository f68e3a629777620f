//! The actor: holds the newest of everything itself, so that answers never wait for the backend;
//! the backend is for other services and for the time after a restart.

use std::{future::ready, rc::Rc, sync::Arc, time::Duration};

use actix::prelude::*;
use becamera_domain::LatestCount;
use log::{info, warn};

use crate::{
    events::Publish,
    messages::GetLatestCount,
    metrics::Metrics,
    ports::{KEEP_WITHIN, LiveCache, StoreError},
};

use super::pending::{Pending, Task};

const READ_PATIENCE: Duration = Duration::from_millis(200);
const WRITE_PATIENCE: Duration = Duration::from_secs(2);
/// For everything at once.
const KEEP_PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);

/// Keeps the newest counts and states in memory and passes them on to the backend: the newest of
/// each, one operation at a time, so that a slow backend makes nothing pile up. A backend that
/// was away is told everything when it is back.
pub struct CacheActor {
    cache: Arc<dyn LiveCache>,
    metrics: Metrics,
    pending: Pending,
    // What is being passed on, or waits to be tried again.
    busy: Option<Rc<Task>>,
    away: bool,
}

impl CacheActor {
    /// An actor that passes everything on to `cache`.
    pub fn new(cache: Arc<dyn LiveCache>, metrics: Metrics) -> Self {
        Self { cache, metrics, pending: Pending::default(), busy: None, away: false }
    }

    fn pass_on(&mut self, ctx: &mut Context<Self>) {
        if self.busy.is_some() {
            return;
        }
        let Some(task) = self.pending.next().map(Rc::new) else { return };
        self.busy = Some(task.clone());
        let cache = self.cache.clone();
        let work = async move {
            let (work, patience) = match task.as_ref() {
                Task::Publish(event) => (cache.publish(event), WRITE_PATIENCE),
                Task::Keep(state) => (cache.keep(state), KEEP_PATIENCE),
            };
            let result = tokio::time::timeout(patience, work).await;
            let silent = |_| Err(StoreError::Unavailable("it does not answer".into()));
            let result = result.unwrap_or_else(silent);
            (task, result)
        };
        ctx.spawn(work.into_actor(self).map(|(task, result), actor, ctx| {
            actor.passed_on(&task, result, ctx);
        }));
    }

    fn passed_on(&mut self, task: &Task, result: Result<(), StoreError>, ctx: &mut Context<Self>) {
        match result {
            Ok(()) => {
                if std::mem::take(&mut self.away) {
                    info!("cache is back");
                    self.pending.keep_all();
                }
            }
            Err(StoreError::Rejected(reason)) => {
                self.metrics.cache_failures.inc();
                warn!("the cache refused a count or state: {reason}");
            }
            Err(StoreError::Unavailable(reason)) => {
                self.metrics.cache_failures.inc();
                if !std::mem::replace(&mut self.away, true) {
                    warn!("cache is away: {reason}; the newest counts are kept in memory");
                }
                self.pending.give_back(task);
                // Still busy until then: whatever comes meanwhile waits.
                ctx.run_later(RETRY, |actor, ctx| {
                    actor.busy = None;
                    actor.pass_on(ctx);
                });
                return;
            }
        }
        self.busy = None;
        self.pass_on(ctx);
    }
}

impl Actor for CacheActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Often enough that one round may fail. It also heals what a backend lost unnoticed.
        ctx.run_interval(KEEP_WITHIN / 3, |actor, ctx| {
            actor.pending.keep_all();
            actor.pass_on(ctx);
        });
    }
}

impl Supervised for CacheActor {
    // A restart drops the context's futures: what was being passed on is passed on again.
    fn restarting(&mut self, _: &mut Self::Context) {
        warn!("cache actor restarts; {} counts are kept", self.pending.state().counts.len());
        if let Some(task) = self.busy.take() {
            self.pending.give_back(&task);
        }
        self.pending.keep_all();
    }
}

impl Handler<Publish> for CacheActor {
    type Result = ();

    fn handle(&mut self, message: Publish, ctx: &mut Self::Context) {
        self.pending.add(&message.0);
        self.pass_on(ctx);
    }
}

impl Handler<GetLatestCount> for CacheActor {
    type Result = ResponseFuture<Result<Option<LatestCount>, StoreError>>;

    // What this process counted is at least as new as what the backend has, so the backend is
    // asked only for cameras not counted since the start. When it can't say, nothing is known.
    fn handle(&mut self, message: GetLatestCount, _: &mut Self::Context) -> Self::Result {
        let camera = message.0;
        let known = self.pending.state().counts.get(&camera).cloned();
        if known.is_some() || self.away || self.pending.is_deleted(camera) {
            return Box::pin(ready(Ok(known)));
        }
        let (cache, failures) = (self.cache.clone(), self.metrics.cache_failures.clone());
        Box::pin(async move {
            match tokio::time::timeout(READ_PATIENCE, cache.latest_count(camera)).await {
                Ok(Ok(count)) => Ok(count),
                Ok(Err(_)) | Err(_) => {
                    failures.inc();
                    Ok(None)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;
