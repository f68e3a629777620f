//! Cameras that were running when the service stopped come back one after another, so that the
//! network, the cameras and the processor are not all hit at once.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use becamera_domain::CameraId;

/// Holds resuming cameras apart while they stand in the queue like all others; it holds up no
/// camera that an operator starts.
#[derive(Debug, Default)]
pub struct Resume {
    waiting: BTreeSet<CameraId>,
    interval: Duration,
    /// When the next of them may go; none before the first has gone.
    next: Option<Instant>,
}

impl Resume {
    /// These cameras go at least so far apart; 0 is all at once.
    pub fn new(cameras: impl IntoIterator<Item = CameraId>, interval: Duration) -> Self {
        Self { waiting: cameras.into_iter().collect(), interval, next: None }
    }

    /// Whether a worker may take a camera now.
    pub fn lets(&self, camera: CameraId, now: Instant) -> bool {
        !self.waiting.contains(&camera) || self.next.is_none_or(|next| next <= now)
    }

    /// A worker took a camera.
    pub fn taken(&mut self, camera: CameraId, now: Instant) {
        if self.waiting.remove(&camera) {
            self.next = Some(now + self.interval);
        }
    }

    /// An operator stopped or deleted a camera.
    pub fn remove(&mut self, camera: CameraId) {
        self.waiting.remove(&camera);
    }

    /// When the next one may go, once the first has gone.
    pub fn due(&self) -> Option<Instant> {
        self.next.filter(|_| !self.waiting.is_empty())
    }
}
