//! The newest counts in this process's memory.

use std::{
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};

use becamera_actors::ports::{LiveCache, PortFuture, StoreError};
use becamera_domain::{CameraId, LatestCount, LiveEvent, LiveState};

/// Keeps counts and states for as long as the process lives. Nobody else can read them: who wants
/// to follow uses the events of the REST interface.
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

impl LiveCache for MemoryCache {
    fn publish<'a>(&'a self, event: &'a LiveEvent) -> PortFuture<'a, Result<(), StoreError>> {
        self.state().apply(event);
        Box::pin(ready(Ok(())))
    }

    // It loses nothing.
    fn keep<'a>(&'a self, _: &'a LiveState) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(ready(Ok(())))
    }

    fn latest_count(
        &self,
        camera: CameraId,
    ) -> PortFuture<'_, Result<Option<LatestCount>, StoreError>> {
        let count = self.state().counts.get(&camera).cloned();
        Box::pin(ready(Ok(count)))
    }
}
