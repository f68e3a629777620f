//! What is true now of a camera, a worker or a site. Small, serialisable, without credentials.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{CameraId, CameraState, SiteId, WorkerId, WorkerStatus, ZoneId, timestamp};

/// The newest count of a camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatestCount {
    /// The camera.
    pub camera_id: CameraId,
    /// People in the newest analysed frame.
    pub people: u32,
    /// When that frame was counted, UTC.
    #[serde(with = "timestamp")]
    pub at: DateTime<Utc>,
    /// The worker that counted.
    pub worker_id: WorkerId,
    /// Those of them who are in each zone in which people are counted.
    #[serde(default)]
    pub zones: BTreeMap<ZoneId, u32>,
}

/// What a camera is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveCamera {
    /// The camera.
    pub camera_id: CameraId,
    /// Its state.
    pub state: CameraState,
    /// Since when, UTC.
    #[serde(with = "timestamp")]
    pub since: DateTime<Utc>,
    /// The worker that has it.
    pub worker_id: Option<WorkerId>,
    /// When it will be tried again, UTC.
    #[serde(default, with = "timestamp::optional")]
    pub retry_at: Option<DateTime<Utc>>,
    /// Why it last failed; kept while it works again.
    pub last_error: Option<LiveError>,
    /// Failures since it was last started by an operator.
    pub error_count: u64,
}

/// What a worker is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveWorker {
    /// The worker.
    pub worker_id: WorkerId,
    /// Its status.
    pub status: WorkerStatus,
    /// The camera it has.
    pub current_task: Option<CameraId>,
    /// When it got that camera, UTC.
    #[serde(default, with = "timestamp::optional")]
    pub start_time: Option<DateTime<Utc>>,
    /// Failures of it and of cameras it had since the service started.
    pub error_count: u64,
    /// Process id of its process.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u64,
    /// When it will be started again, UTC.
    #[serde(default, with = "timestamp::optional")]
    pub restart_at: Option<DateTime<Utc>>,
    /// Why it last failed.
    pub last_error: Option<LiveError>,
    /// Since when its process runs, UTC.
    #[serde(default, with = "timestamp::optional")]
    pub started_at: Option<DateTime<Utc>>,
}

/// How many people are in a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSite {
    /// The site.
    pub site_id: SiteId,
    /// How many people are in it.
    pub occupancy: u32,
    /// How many it may hold.
    pub capacity: Option<u32>,
    /// How many came in since the reset.
    #[serde(rename = "in")]
    pub entered: u64,
    /// How many went out since the reset.
    #[serde(rename = "out")]
    pub left: u64,
    /// The reset: since when people are counted, UTC.
    #[serde(with = "timestamp")]
    pub since: DateTime<Utc>,
    /// When that last changed, UTC.
    #[serde(with = "timestamp")]
    pub at: DateTime<Utc>,
}

/// A failure and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveError {
    /// The stable code that programs read, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A sentence for people, without credentials.
    pub message: String,
    /// When, UTC.
    #[serde(with = "timestamp")]
    pub at: DateTime<Utc>,
}
