//! The newest live data in this process's memory.

use std::{
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};

use becamera_actors::ports::{LivePublisher, LiveReader, PortFuture, StoreError};
use becamera_domain::{CameraId, LatestCount, LiveEvent, LiveState};

/// Keeps counts and states for as long as the process lives. No other service can read them: that is
/// what the events of the REST interface are for.
#[derive(Debug, Default)]
pub struct MemoryCache(Mutex<LiveState>);

impl MemoryCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    // Every change replaces or removes whole entries, so that a poisoned state is whole.
    fn state(&self) -> MutexGuard<'_, LiveState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LivePublisher for MemoryCache {
    fn name(&self) -> &'static str {
        "memory cache"
    }

    fn publish<'a>(&'a self, event: &'a LiveEvent) -> PortFuture<'a, Result<(), StoreError>> {
        self.state().apply(event);
        Box::pin(ready(Ok(())))
    }

    // It loses nothing.
    fn keep<'a>(&'a self, _: &'a LiveState) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(ready(Ok(())))
    }
}

impl LiveReader for MemoryCache {
    fn latest_count(
        &self,
        camera: CameraId,
    ) -> PortFuture<'_, Result<Option<LatestCount>, StoreError>> {
        let count = self.state().count(camera).cloned();
        Box::pin(ready(Ok(count)))
    }
}
