//! Where live data goes, and where it is read back.

use std::time::Duration;

use becamera_domain::{CameraId, LatestCount, LiveEvent, LiveState};

use super::{PortFuture, StoreError};

/// How long a [`LivePublisher`] keeps a state that is not kept again. A count lives longer: see the
/// adapters.
pub const KEEP_WITHIN: Duration = Duration::from_secs(30);

/// Takes live events to where others can read and follow them. There may be any number of publishers;
/// each is driven by a [`PublisherActor`](crate::publisher::PublisherActor) of its own.
pub trait LivePublisher: Send + Sync {
    /// What it is, for log lines: "Redis cache".
    fn name(&self) -> &'static str;

    /// Publishes an event, keeps the record in it, and forgets what was removed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the target can't be reached: the newest state is published
    /// later. [`StoreError::Rejected`] when it refused the event, which is then dropped.
    fn publish<'a>(&'a self, event: &'a LiveEvent) -> PortFuture<'a, Result<(), StoreError>>;

    /// Keeps all of this, without telling anybody: what the target may have lost. States that are
    /// not kept again within [`KEEP_WITHIN`] vanish by themselves, so that those of a service that
    /// died are not taken for true.
    ///
    /// # Errors
    /// As [`LivePublisher::publish`].
    fn keep<'a>(&'a self, state: &'a LiveState) -> PortFuture<'a, Result<(), StoreError>>;
}

/// Reads live data back, also what was published before this process started.
pub trait LiveReader: Send + Sync {
    /// A camera's newest count; none when nothing is known or what is there can't be read.
    ///
    /// # Errors
    /// When it can't be asked now.
    fn latest_count(
        &self,
        camera: CameraId,
    ) -> PortFuture<'_, Result<Option<LatestCount>, StoreError>>;
}
