//! Where writes wait on disk while the store is away.

use becamera_domain::{Write, WriteKind};
use chrono::{DateTime, Utc};

use super::StoreError;

/// Keeps writes on disk while the store is away, in their order, and outlasts the process.
/// Blocking. It is bounded: where there is no room it thins the oldest samples, and nothing else.
pub trait Spool: Send + Sync {
    /// Adds writes, durably: all of them or none.
    fn append(&self, writes: &[Write]) -> Result<(), StoreError>;

    /// The oldest writes, at most `limit`, and the mark to remove them by. `None` when empty.
    fn oldest(&self, limit: usize) -> Result<Option<(SpoolMark, Vec<Write>)>, StoreError>;

    /// Removes everything up to a mark. What can't be removed now is not given again by this
    /// process, and removed with a later mark.
    fn remove(&self, mark: SpoolMark);

    /// The writes of these kinds that the store does not have yet, in the order of arrival.
    fn waiting(&self, kinds: &[WriteKind]) -> Result<Vec<Write>, StoreError>;

    /// What it holds. Does not wait.
    fn state(&self) -> SpoolState;
}

/// A place in the spool: everything up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolMark(pub i64);

/// What a spool holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpoolState {
    /// Writes that wait in it.
    pub writes: usize,
    /// Bytes that they take on disk.
    pub bytes: u64,
    /// When the oldest of them was added, UTC.
    pub oldest: Option<DateTime<Utc>>,
    /// Samples that were thinned out since the process started, for lack of room.
    pub thinned: u64,
}
