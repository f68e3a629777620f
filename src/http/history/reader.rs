//! Reads what buckets are made of, in bites that no one has to wait for.

use actix::Addr;
use becamera_actors::{
    domain::{CameraId, RollupQuery},
    history::{Bucket, Series, reads},
    messages::GetRollups,
    storage::StorageActor,
};
use chrono::{DateTime, Utc};

use super::super::{HttpState, ask::ask, error::ApiError};

/// Most rollups that are asked for at once.
const BITE: usize = 50_000;

/// Reads the history of some cameras.
pub(in crate::http) struct Reader {
    storage: Addr<StorageActor>,
    cameras: Vec<CameraId>,
    now: DateTime<Utc>,
}

impl Reader {
    /// A reader for these cameras, which are in order of their number.
    pub(in crate::http) fn new(
        state: &HttpState,
        cameras: Vec<CameraId>,
        now: DateTime<Utc>,
    ) -> Self {
        Self { storage: state.storage.clone(), cameras, now }
    }

    /// The cameras.
    pub(in crate::http) fn cameras(&self) -> &[CameraId] {
        &self.cameras
    }

    /// What the cameras showed in these buckets, which are in order of time.
    pub(in crate::http) async fn read(&self, buckets: Vec<Bucket>) -> Result<Series, ApiError> {
        let most = BITE / self.cameras.len().max(1);
        let plan = reads(&buckets, most as i64);
        let mut series = Series::new(self.cameras.clone(), buckets, self.now);
        if self.cameras.is_empty() {
            return Ok(series);
        }
        for read in plan {
            let query = RollupQuery {
                cameras: self.cameras.clone(),
                level: read.level,
                from: read.from,
                to: read.to,
            };
            series.add(&ask(&self.storage, GetRollups(query)).await??);
        }
        Ok(series)
    }
}
