//! The pool of workers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::InvalidField;
use crate::settings::at_least;

/// `[workers]`: the pool and how it restarts what fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSettings {
    /// Workers, each of which reads one camera at a time: 1 to 64.
    pub count: usize,
    /// Where a worker's native code runs: `process`, or `thread` in the service itself, for
    /// debugging only: a native crash ends the whole service then.
    pub isolation: Isolation,
    /// A worker whose frame loop is silent for this time is killed and replaced: at least 1 s, and
    /// longer than `stream.read_timeout`.
    #[serde(with = "humantime_serde")]
    pub hang_timeout: Duration,
    /// How long a worker process may take to start and load its model: at least 1 s.
    #[serde(with = "humantime_serde")]
    pub start_timeout: Duration,
    /// Wait before a failed worker's first restart; doubles with every further failure.
    #[serde(with = "humantime_serde")]
    pub restart_backoff: Duration,
    /// Longest wait before a restart.
    #[serde(with = "humantime_serde")]
    pub restart_backoff_max: Duration,
    /// After this time without a failure the wait starts from the first again.
    #[serde(with = "humantime_serde")]
    pub healthy_after: Duration,
    /// More failures than this within `workers.crash_window` quarantine the worker: at least 1.
    pub max_crashes: usize,
    /// The window of `workers.max_crashes`.
    #[serde(with = "humantime_serde")]
    pub crash_window: Duration,
    /// How long a quarantine lasts.
    #[serde(with = "humantime_serde")]
    pub quarantine: Duration,
    /// Wait before a camera that could not be read is tried again; doubles up to the maximum.
    #[serde(with = "humantime_serde")]
    pub camera_backoff: Duration,
    /// Longest wait before a camera is tried again.
    #[serde(with = "humantime_serde")]
    pub camera_backoff_max: Duration,
    /// Time between the openings of streams when the cameras that were running resume after a
    /// restart: `0s` is all at once, at most a minute.
    #[serde(with = "humantime_serde")]
    pub resume_interval: Duration,
    /// Most cameras that can be registered: 1 to 100000.
    pub max_cameras: usize,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            count: 4,
            isolation: Isolation::Process,
            hang_timeout: Duration::from_secs(15),
            start_timeout: Duration::from_secs(20),
            restart_backoff: Duration::from_millis(200),
            restart_backoff_max: Duration::from_secs(30),
            healthy_after: Duration::from_secs(60),
            max_crashes: 5,
            crash_window: Duration::from_secs(60),
            quarantine: Duration::from_secs(300),
            camera_backoff: Duration::from_secs(1),
            camera_backoff_max: Duration::from_secs(60),
            resume_interval: Duration::from_millis(250),
            max_cameras: 1000,
        }
    }
}

impl WorkerSettings {
    pub(super) fn validate(&self) -> Result<(), InvalidField> {
        if !(1..=64).contains(&self.count) {
            return Err(InvalidField::new("workers.count", "must be from 1 to 64"));
        }
        at_least("workers.hang_timeout", self.hang_timeout, 1_000)?;
        at_least("workers.start_timeout", self.start_timeout, 1_000)?;
        at_least("workers.restart_backoff", self.restart_backoff, 1)?;
        at_least("workers.camera_backoff", self.camera_backoff, 1)?;
        if self.restart_backoff_max < self.restart_backoff {
            let reason = "must not be shorter than workers.restart_backoff";
            return Err(InvalidField::new("workers.restart_backoff_max", reason));
        }
        if self.camera_backoff_max < self.camera_backoff {
            let reason = "must not be shorter than workers.camera_backoff";
            return Err(InvalidField::new("workers.camera_backoff_max", reason));
        }
        if self.resume_interval > Duration::from_secs(60) {
            return Err(InvalidField::new("workers.resume_interval", "must be at most 60 s"));
        }
        if self.max_crashes == 0 {
            return Err(InvalidField::new("workers.max_crashes", "must be at least 1"));
        }
        if !(1..=100_000).contains(&self.max_cameras) {
            return Err(InvalidField::new("workers.max_cameras", "must be from 1 to 100000"));
        }
        Ok(())
    }
}

/// Where a worker's native code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// In a child process that can be killed: the only choice for production.
    Process,
    /// In the worker's thread, for debugging: a native crash ends the service.
    Thread,
}
