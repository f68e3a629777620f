//! What the actors need of the world. `src/` implements these; tests put fakes behind them.

mod live;
mod spool;
mod store;

use std::{future::Future, pin::Pin};

use becamera_domain::{Crash, Exit, Job, RunnerInfo, StreamEvent};

use crate::job_control::JobControl;

pub use live::{KEEP_WITHIN, LivePublisher, LiveReader};
pub use spool::{Spool, SpoolMark, SpoolState};
pub use store::*;

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
    fn run(&mut self, job: &Job, control: &JobControl, sink: &mut dyn EventSink) -> Exit;

    /// Looks after an idle runner: is it still alive?
    fn check(&mut self) -> Result<(), Crash>;

    /// Ends it and releases everything native. `start` may follow.
    fn stop(&mut self);
}

/// Reads one stream, detects and counts: the frame loop.
pub trait StreamPipeline {
    /// Runs one job to its end.
    fn run(&mut self, job: &Job, control: &JobControl, sink: &mut dyn EventSink) -> PipelineExit;
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
    /// The store or cache can't be reached now; trying again later makes sense.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// The store or cache refused the request; the same request will fail again.
    #[error("storage refused the request: {0}")]
    Rejected(String),
}
