//! What every handler has at hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use actix::Addr;
use becamera_actors::{
    cache::CacheActor, events::EventHub, metrics::Metrics, pictures::PictureHub,
    pool_supervisor::PoolSupervisor, sites::SitesActor, storage::StorageActor,
};
use becamera_domain::{StreamUrlPolicy, settings::PictureSettings};

use super::Callers;

/// What every handler has at hand. Cheap to clone.
#[derive(Clone)]
pub struct HttpState {
    /// Cameras, workers, queue.
    pub pool: Addr<PoolSupervisor>,
    /// Stored samples.
    pub storage: Addr<StorageActor>,
    /// Newest counts.
    pub cache: Addr<CacheActor>,
    /// How many people are in places with several doors.
    pub sites: Addr<SitesActor>,
    /// Passes events on to their subscribers.
    pub events: Addr<EventHub>,
    /// Hands pictures on to their viewers.
    pub pictures: Addr<PictureHub>,
    /// How large and how many pictures may be.
    pub picture_settings: PictureSettings,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Which stream URLs are taken.
    pub stream_urls: StreamUrlPolicy,
    /// Tells the caller of each request.
    pub callers: Callers,
    /// Longest request body in bytes.
    pub body_limit: usize,
    /// Where the service stands.
    pub lifecycle: Lifecycle,
}

/// Where the service stands, shared with the shutdown.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    started: Instant,
    draining: Arc<AtomicBool>,
}

impl Lifecycle {
    /// A service that starts now.
    pub fn start() -> Self {
        Self { started: Instant::now(), draining: Arc::default() }
    }

    /// Says that the service stops: `/readyz` answers 503 from now on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the service stops.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// How long the service has run.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
