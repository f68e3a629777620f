//! What the actors need of the world. `src/` implements these; tests put fakes behind them.

mod live;

use std::{future::Future, pin::Pin};

use becamera_domain::{
    AuditPage, AuditQuery, Camera, Correction, Crash, Crossing, CrossingPage, CrossingQuery,
    Cutoffs, Exit, Job, LineRollup, LineRollupQuery, Rollup, RollupQuery, RunnerInfo, SamplePage,
    SampleQuery, Site, StreamEvent, Write, ZoneRollup, ZoneRollupQuery,
};
use chrono::{DateTime, Utc};

use crate::ctl::Ctl;

pub use live::{KEEP_WITHIN, LivePublisher, LiveReader};

/// A future that an async port returns.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Takes what a run reports. Called from the frame loop: it must not block.
pub trait EventSink {
    /// Takes one event.
    fn emit(&mut self, event: StreamEvent);
}

impl<F: FnMut(StreamEvent)> EventSink for F {
    fn emit(&mut self, event: StreamEvent) {
        self(event);
    }
}

/// Runs jobs on behalf of one worker: in a child process, or in the worker's own thread.
pub trait StreamRunner {
    /// Makes it ready for a job: starts the process, loads the model. A no-op when it is ready.
    fn start(&mut self) -> Result<RunnerInfo, Crash>;

    /// Runs one job to its end. Returns within [`worker::STOP_GRACE``] of a cancel plus
    /// the time to kill a process. After `Exit::Crashed` it must be started again.
    fn run(&mut self, job: &Job, ctl: &Ctl, sink: &mut dyn EventSink) -> Exit;

    /// Looks after an idle runner: is it still alive?
    fn check(&mut self) -> Result<(), Crash>;

    /// Ends it and releases everything native. `start` may follow.
    fn stop(&mut self);
}

/// Reads one stream, detects and counts: the frame loop.
pub trait StreamPipeline {
    /// Runs one job to its end.
    fn run(&mut self, job: &Job, ctl: &Ctl, sink: &mut dyn EventSink) -> PipelineExit;
}

/// How a frame loop ended, and whether its process can be used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineExit {
    /// How the run ended.
    pub exit: Exit,
    /// A native call is still stuck in a thread of this process, which must therefore end.
    pub retire: bool,
}

/// Why a store or cache could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached now; trying again later makes sense.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// It refused the request; the same request will fail again.
    #[error("storage refused the request: {0}")]
    Rejected(String),
}

/// Keeps cameras, counts and the audit trail. Blocking: actors call it on a thread that may wait.
pub trait CountStore: Send + Sync {
    /// Carries writes out in their order, in one transaction: all of them or none. Samples and
    /// crossings that are there already, by `(run, seq)`, change nothing; the others are added to
    /// the rollups of every level.
    fn write(&self, writes: &[Write]) -> Result<(), StoreError>;

    /// Reads rollups, by camera and then by time.
    fn read_rollups(&self, query: &RollupQuery) -> Result<Vec<Rollup>, StoreError>;

    /// Reads rollups of lines, by camera and then by time.
    fn read_line_rollups(&self, query: &LineRollupQuery) -> Result<Vec<LineRollup>, StoreError>;

    /// Reads rollups of a zone, by time.
    fn read_zone_rollups(&self, query: &ZoneRollupQuery) -> Result<Vec<ZoneRollup>, StoreError>;

    /// Reads a page of crossings.
    fn read_crossings(&self, query: &CrossingQuery) -> Result<CrossingPage, StoreError>;

    /// Reads a page of samples.
    fn read_samples(&self, query: &SampleQuery) -> Result<SamplePage, StoreError>;

    /// Reads a page of the audit trail, newest first.
    fn read_audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;

    /// Reads every site.
    fn load_sites(&self) -> Result<Vec<Site>, StoreError>;

    /// Reads the corrections of all sites that were made at or after this time.
    fn read_corrections(&self, from: DateTime<Utc>) -> Result<Vec<Correction>, StoreError>;

    /// Reads every registered camera.
    fn load_cameras(&self) -> Result<Vec<Camera>, StoreError>;

    /// Deletes a small batch of what is older than it is to be kept. Answers whether more is left.
    fn expire(&self, cutoffs: &Cutoffs) -> Result<bool, StoreError>;

    /// Whether it can be reached and written.
    fn ping(&self) -> Result<(), StoreError>;
}

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

    /// Everything but samples and crossings, oldest first: registrations that the store does not
    /// have yet.
    fn registrations(&self) -> Result<Vec<Write>, StoreError>;

    /// Crossings that the store does not have yet, in the order of arrival.
    fn crossings(&self) -> Result<Vec<Crossing>, StoreError>;

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
