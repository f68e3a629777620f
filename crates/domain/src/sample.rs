//! Counts: one sample per camera, second and run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{CameraId, RunId, SceneTally, WorkerId};

/// What one camera showed in one second of one run.
///
/// `(run, seq)` is its identity, made where it was counted: a sample never changes afterwards, so
/// writing it twice is writing it once. A second in which a camera moved from one worker to
/// another has a sample of each run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The camera.
    pub camera_id: CameraId,
    /// The run that counted.
    pub run: RunId,
    /// Its place among the run's samples, counted from 0 without gaps.
    pub seq: u32,
    /// Start of the second, UTC, whole seconds.
    pub bucket_start: DateTime<Utc>,
    /// Frames analysed in it; at least 1.
    pub frames: u32,
    /// People in its last analysed frame.
    pub people_last: u32,
    /// Fewest people in any of its frames.
    pub people_min: u32,
    /// Most people in any of its frames.
    pub people_max: u32,
    /// People summed over its frames.
    pub people_sum: u32,
    /// Milliseconds that the camera was really seen: each frame stands for the time since the
    /// frame before it, unless that was too long ago (then the camera was blind meanwhile).
    pub covered_ms: u32,
    /// Mean milliseconds of an inference; 0 where none was needed, since nothing moved.
    pub inference_ms_mean: f32,
    /// The worker that counted.
    pub worker_id: WorkerId,
    /// What happened at the camera's lines and in its zones.
    #[serde(default)]
    pub scene: SceneTally,
}

impl Sample {
    /// Mean of people over its frames.
    pub fn people_mean(&self) -> f64 {
        f64::from(self.people_sum) / f64::from(self.frames.max(1))
    }

    /// Its place in the order in which samples are read.
    pub fn position(&self) -> SamplePosition {
        SamplePosition { bucket_start: self.bucket_start, run: self.run, seq: self.seq }
    }
}

/// Where a sample stands among those of its camera: by time, then by identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SamplePosition {
    /// Start of its second.
    pub bucket_start: DateTime<Utc>,
    /// Its run.
    pub run: RunId,
    /// Its place in the run.
    pub seq: u32,
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
    /// Only samples after this one: where the last page ended.
    pub after: Option<SamplePosition>,
    /// At most this many.
    pub limit: u32,
}
