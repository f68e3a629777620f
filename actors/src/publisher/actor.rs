//! The actor: tells its publisher one thing at a time, and again after failures.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::prelude::*;
use log::{info, warn};

use super::pending::{Delivery, Pending};
use crate::{
    events::Publish,
    metrics::Metrics,
    ports::{KEEP_WITHIN, LivePublisher, StoreError},
};

/// Most time that an event may take.
const EVENT_TIMEOUT: Duration = Duration::from_secs(2);
/// Most time that everything at once may take.
const KEEP_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);

/// Takes live events to one publisher: of each subject the newest, one operation at a time, so that
/// a slow publisher makes nothing pile up. A publisher that was unreachable is told everything when
/// it is back.
pub struct PublisherActor {
    publisher: Arc<dyn LivePublisher>,
    metrics: Metrics,
    pending: Pending,
    // What is being published, or waits to be tried again.
    busy: Option<Rc<Delivery>>,
    away: bool,
}

impl PublisherActor {
    /// An actor that takes everything to this publisher.
    pub fn new(publisher: Arc<dyn LivePublisher>, metrics: Metrics) -> Self {
        Self { publisher, metrics, pending: Pending::default(), busy: None, away: false }
    }

    fn tell_next(&mut self, ctx: &mut Context<Self>) {
        if self.busy.is_some() {
            return;
        }
        let Some(task) = self.pending.next().map(Rc::new) else { return };
        self.busy = Some(task.clone());
        let publisher = self.publisher.clone();
        let work = async move {
            let (work, limit) = match task.as_ref() {
                Delivery::Publish(event) => (publisher.publish(event), EVENT_TIMEOUT),
                Delivery::Keep(state) => (publisher.keep(state), KEEP_TIMEOUT),
            };
            let result = tokio::time::timeout(limit, work).await;
            let silent = |_| Err(StoreError::Unavailable("it does not answer".into()));
            let result = result.unwrap_or_else(silent);
            (task, result)
        };
        ctx.spawn(work.into_actor(self).map(|(task, result), actor, ctx| {
            actor.told(&task, result, ctx);
        }));
    }

    fn told(&mut self, task: &Delivery, result: Result<(), StoreError>, ctx: &mut Context<Self>) {
        let name = self.publisher.name();
        match result {
            Ok(()) => {
                if std::mem::take(&mut self.away) {
                    info!("{name} is back");
                    self.pending.keep_all();
                }
            }
            Err(StoreError::Rejected(reason)) => {
                self.metrics.cache_failures.inc();
                warn!("{name} refused a live event: {reason}");
            }
            Err(StoreError::Unavailable(reason)) => {
                self.metrics.cache_failures.inc();
                if !std::mem::replace(&mut self.away, true) {
                    warn!("{name} is away: {reason}; the newest counts are kept in memory");
                }
                self.pending.give_back(task);
                // Still busy until then: what comes meanwhile waits.
                ctx.run_later(RETRY, |actor, ctx| {
                    actor.busy = None;
                    actor.tell_next(ctx);
                });
                return;
            }
        }
        self.busy = None;
        self.tell_next(ctx);
    }
}

impl Actor for PublisherActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Often enough that one round may fail. It also restores what a target lost unnoticed.
        ctx.run_interval(KEEP_WITHIN / 3, |actor, ctx| {
            actor.pending.keep_all();
            actor.tell_next(ctx);
        });
    }
}

impl Supervised for PublisherActor {
    // A restart drops the context's futures: what was being published is published again.
    fn restarting(&mut self, _: &mut Self::Context) {
        warn!("publisher to {} restarts; what it knows is kept", self.publisher.name());
        if let Some(task) = self.busy.take() {
            self.pending.give_back(&task);
        }
        self.pending.keep_all();
    }
}

impl Handler<Publish> for PublisherActor {
    type Result = ();

    fn handle(&mut self, message: Publish, ctx: &mut Self::Context) {
        self.pending.add(&message.0);
        self.tell_next(ctx);
    }
}

#[cfg(test)]
mod tests;
