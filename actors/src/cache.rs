//! CacheActor: answers with the newest counts, whatever becomes of the publishers.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::ready,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use becamera_domain::{CameraId, LatestCount, LiveEvent, LiveKey, LiveRecord};
use log::warn;

use crate::{
    events::Publish,
    messages::GetLatestCount,
    metrics::Metrics,
    ports::{LiveReader, StoreError},
};

/// Most time that an answer waits for the reader.
const READ_TIMEOUT: Duration = Duration::from_millis(200);
/// After a failure the reader is left alone for this long.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers with cameras' newest counts: from memory what was counted since the start, so that these
/// answers wait for nothing, and else what the reader has from before.
pub struct CacheActor {
    reader: Arc<dyn LiveReader>,
    metrics: Metrics,
    counts: BTreeMap<CameraId, LatestCount>,
    // What the reader has of them is of a camera that is gone.
    deleted: BTreeSet<CameraId>,
    // The reader failed; it is asked again from then on.
    paused_until: Option<Instant>,
}

impl CacheActor {
    /// An actor that asks this reader for counts from before the start.
    pub fn new(reader: Arc<dyn LiveReader>, metrics: Metrics) -> Self {
        let (counts, deleted) = Default::default();
        Self { reader, metrics, counts, deleted, paused_until: None }
    }

    fn is_paused(&self) -> bool {
        self.paused_until.is_some_and(|until| Instant::now() < until)
    }
}

impl Actor for CacheActor {
    type Context = Context<Self>;
}

impl Supervised for CacheActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        warn!("cache actor restarts; {} counts are kept", self.counts.len());
    }
}

impl Handler<Publish> for CacheActor {
    type Result = ();

    fn handle(&mut self, Publish(event): Publish, _: &mut Self::Context) {
        match event {
            LiveEvent::Changed(LiveRecord::Count(count)) => {
                self.counts.insert(count.camera_id, count);
            }
            LiveEvent::Removed(LiveKey::Camera(camera)) => {
                self.counts.remove(&camera);
                self.deleted.insert(camera);
            }
            // It holds counts only.
            _ => {}
        }
    }
}

impl Handler<GetLatestCount> for CacheActor {
    type Result = ResponseActFuture<Self, Result<Option<LatestCount>, StoreError>>;

    // What this process counted is at least as new as what the reader has. When that can't say,
    // nothing is known.
    fn handle(
        &mut self,
        GetLatestCount(camera): GetLatestCount,
        _: &mut Self::Context,
    ) -> Self::Result {
        let known = self.counts.get(&camera).cloned();
        if known.is_some() || self.deleted.contains(&camera) || self.is_paused() {
            return Box::pin(ready(Ok(known)).into_actor(self));
        }
        let reader = self.reader.clone();
        let read =
            async move { tokio::time::timeout(READ_TIMEOUT, reader.latest_count(camera)).await };
        Box::pin(read.into_actor(self).map(|result, actor, _| match result {
            Ok(Ok(count)) => Ok(count),
            Ok(Err(_)) | Err(_) => {
                actor.metrics.cache_failures.inc();
                actor.paused_until = Some(Instant::now() + PAUSE);
                Ok(None)
            }
        }))
    }
}
