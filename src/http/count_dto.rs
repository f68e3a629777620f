//! A camera's newest count as the API shows it.

use becamera_domain::{CameraState, LatestCount};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::times::age_ms;

/// A count, its age, and the state of its camera: what Redis can't say, which has it as it was.
#[derive(Debug, Serialize)]
pub(super) struct CountDto<'a> {
    #[serde(flatten)]
    count: &'a LatestCount,
    age_ms: u64,
    state: CameraState,
}

impl<'a> CountDto<'a> {
    pub(super) fn new(count: &'a LatestCount, state: CameraState, now: DateTime<Utc>) -> Self {
        Self { count, age_ms: age_ms(count.at, now), state }
    }
}
