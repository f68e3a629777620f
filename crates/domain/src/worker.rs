//! Workers as operators see them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerStatus {
    /// Its process starts and loads the model.
    Starting,
    /// Ready for a camera.
    Idle,
    /// Has a camera.
    Busy,
    /// Failed; waits before it is started again.
    Restarting,
    /// Failed too often; left alone for a while.
    Quarantined,
    /// The service is stopping.
    Stopped,
}

impl WorkerStatus {
    /// All statuses, for metrics.
    pub const ALL: [Self; 6] = [
        Self::Starting,
        Self::Idle,
        Self::Busy,
        Self::Restarting,
        Self::Quarantined,
        Self::Stopped,
    ];

    /// The name used in the API and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Restarting => "restarting",
            Self::Quarantined => "quarantined",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for WorkerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a ready worker says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerInfo {
    /// Its process; the service's own where workers are threads.
    pub pid: u32,
    /// The inference backend it took, and why.
    pub backend: String,
}
