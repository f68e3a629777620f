//! What a relay's thread has done, for others to see, and its order to stop.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use becamera_domain::Failure;
use tokio::sync::Notify;

/// What came of a stream so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes of media.
    pub bytes: u64,
    /// How long ago the last of them came; none before the first.
    pub last: Option<Duration>,
}

/// What the relay's thread has done, for others to see.
pub(crate) struct Progress {
    started: Instant,
    bytes: AtomicU64,
    /// Milliseconds from the start, and one more; 0: nothing yet.
    last: AtomicU64,
    pub over: AtomicBool,
    /// There was a picture: from now on they come regularly.
    pub has_picture: AtomicBool,
    pub failure: Mutex<Option<Failure>>,
    pub stop: Notify,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            bytes: AtomicU64::new(0),
            last: AtomicU64::new(0),
            over: AtomicBool::new(false),
            has_picture: AtomicBool::new(false),
            failure: Mutex::new(None),
            stop: Notify::new(),
        }
    }

    /// Notes that so many bytes of media came.
    pub fn received(&self, bytes: usize) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.store(now + 1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Notes that the camera was told to send.
    pub fn begun(&self) {
        self.received(0);
    }

    /// What came so far.
    pub fn so_far(&self) -> Received {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let last = self.since_last().filter(|_| bytes > 0);
        Received { bytes, last }
    }

    /// How long ago something came, or the camera was told to send; none before.
    pub fn since_last(&self) -> Option<Duration> {
        let last = self.last.load(Ordering::Relaxed);
        let last = Duration::from_millis(last.checked_sub(1)?);
        Some(self.started.elapsed().saturating_sub(last))
    }

    pub fn fail(&self, failure: Failure) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}
