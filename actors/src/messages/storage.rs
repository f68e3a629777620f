//! What callers ask of the storage.

use actix::prelude::*;

use crate::ports::{SpoolState, StoreError, StoreQuery};

/// Puts a question to the store: for samples, crossings, rollups, audit entries. Answers within
/// 10 s, or that the store is unavailable.
#[derive(Debug)]
pub struct ReadStore<Q>(pub Q);

impl<Q: StoreQuery> Message for ReadStore<Q> {
    type Result = Result<Q::Answer, StoreError>;
}

/// Brings what waits in memory to where it outlasts the process. Answers once everything that
/// came before is in the database or in the spool, or neither takes it.
#[derive(Debug, Message)]
#[rtype(result = "Result<FlushReport, StoreError>")]
pub struct FlushStorage;

/// Where a flush left things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlushReport {
    /// Writes that wait in the spool until the database takes them; 0: all of them are in it.
    pub spooled: usize,
}

/// Asks for the state of the storage.
#[derive(Debug, Message)]
#[rtype(result = "StorageHealth")]
pub struct GetStorageHealth;

/// The storage as readiness sees it.
#[derive(Debug, Clone, PartialEq, Eq, MessageResponse)]
pub struct StorageHealth {
    /// Why it can't be used now.
    pub error: Option<String>,
    /// Writes that wait in memory.
    pub buffered: usize,
    /// What the spool holds.
    pub spool: SpoolState,
    /// Why the spool can't be used now.
    pub spool_error: Option<String>,
}
