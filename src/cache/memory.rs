//! The newest counts in this process's memory.

use std::{
    collections::HashMap,
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};

use becamera_actors::{
    domain::{CameraId, LatestCount},
    ports::{CountCache, PortFuture, StoreError},
};

/// Keeps the newest counts for as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryCache(Mutex<HashMap<CameraId, LatestCount>>);

impl MemoryCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    // Every change is a single insert or remove, so that a poisoned map is whole.
    fn counts(&self) -> MutexGuard<'_, HashMap<CameraId, LatestCount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CountCache for MemoryCache {
    fn put<'a>(&'a self, count: &'a LatestCount) -> PortFuture<'a, Result<(), StoreError>> {
        self.counts().insert(count.camera_id, count.clone());
        Box::pin(ready(Ok(())))
    }

    fn get(&self, camera: CameraId) -> PortFuture<'_, Result<Option<LatestCount>, StoreError>> {
        let count = self.counts().get(&camera).cloned();
        Box::pin(ready(Ok(count)))
    }

    fn remove(&self, camera: CameraId) -> PortFuture<'_, Result<(), StoreError>> {
        self.counts().remove(&camera);
        Box::pin(ready(Ok(())))
    }
}
