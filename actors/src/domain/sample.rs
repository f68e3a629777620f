//! Counts: one sample per camera and second.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CameraId, WorkerId};

/// What one camera showed in one second. Its key is `(camera_id, bucket_start)`: of two
/// samples with the same key the one with more frames holds, so a retry can't double it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The camera.
    pub camera_id: CameraId,
    /// Start of the second, UTC, whole seconds.
    pub bucket_start: DateTime<Utc>,
    /// Frames analysed in it; at least 1.
    pub frames: u32,
    /// People in its last analysed frame.
    pub people_last: u32,
    /// Most people in any of its frames.
    pub people_max: u32,
    /// Mean of people over its frames.
    pub people_mean: f32,
    /// Mean milliseconds of an inference.
    pub inference_ms_mean: f32,
    /// The worker that counted.
    pub worker_id: WorkerId,
}

/// The newest count of a camera, as the cache keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatestCount {
    /// The camera.
    pub camera_id: CameraId,
    /// People in the newest analysed frame.
    pub people: u32,
    /// When that frame was counted, UTC.
    pub at: DateTime<Utc>,
    /// The worker that counted.
    pub worker_id: WorkerId,
}

/// Which stored samples to read: `from ≤ bucket_start < to`, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleQuery {
    /// The camera.
    pub camera_id: CameraId,
    /// Start of the span, inclusive.
    pub from: Option<DateTime<Utc>>,
    /// End of the span, exclusive.
    pub to: Option<DateTime<Utc>>,
    /// Only samples after this bucket: where the last page ended.
    pub after: Option<DateTime<Utc>>,
    /// At most this many.
    pub limit: u32,
}

/// A page of samples, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplePage {
    /// The samples.
    pub samples: Vec<Sample>,
    /// More follow after the last one.
    pub more: bool,
}
