//! Deletes what is older than it is to be kept: a small batch at a time, while nothing else is
//! written.

use std::time::Duration;

use actix::prelude::*;
use log::{debug, warn};
use tokio::task::spawn_blocking;

use super::StorageActor;

const EVERY: Duration = Duration::from_secs(60);
/// Between two batches, so that writes come through.
const BREATH: Duration = Duration::from_millis(50);

impl StorageActor {
    pub(super) fn start_retention(&self, ctx: &mut Context<Self>) {
        ctx.run_interval(EVERY, |actor, ctx| {
            if !std::mem::replace(&mut actor.expiring, true) {
                actor.expire(ctx);
            }
        });
    }

    fn expire(&mut self, ctx: &mut Context<Self>) {
        if self.plan.is_strained() {
            self.expiring = false;
            return;
        }
        let store = self.store.clone();
        let cutoffs = self.settings.retention.cutoffs(chrono::Utc::now());
        let batch = spawn_blocking(move || store.expire(&cutoffs));
        ctx.spawn(batch.into_actor(self).map(|result, actor, ctx| match result {
            Ok(Ok(true)) => {
                debug!("a batch of old counts is deleted, more follow");
                ctx.run_later(BREATH, Self::expire);
            }
            Ok(Ok(false)) => actor.expiring = false,
            Ok(Err(error)) => {
                actor.expiring = false;
                warn!("old counts could not be deleted: {error}");
            }
            Err(error) => {
                actor.expiring = false;
                warn!("old counts could not be deleted: {error}");
            }
        }));
    }
}
