//! Workers: an actor per slot, in a thread of its own, that drives a runner: a child process
//! (`process`, with `child` at the other end), or the frame loop itself (`thread`).

mod actor;
pub mod child;
mod confine;
mod native_log;
mod process;
mod process_runner;
mod thread;

pub use actor::{
    CheckRunner, RunJob, RunReport, RunnerFactory, StartRunner, StopRunner, WorkerActor,
    WorkerReport, WorkerRoutes,
};
pub use confine::{TELEMETRY_OFF, confine};
pub use process_runner::{ProcessRunner, ProcessRunnerConfig};
pub use thread::{PipelineFactory, ThreadRunner};

use std::time::Duration;

/// How long a worker process may take to end a run after it was told to; then it is killed.
pub const STOP_GRACE: Duration = Duration::from_millis(1200);
