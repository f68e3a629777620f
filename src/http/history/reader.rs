//! Reads what buckets are made of, in bites that no one has to wait for.

use actix::Addr;
use becamera_actors::{
    domain::{CameraId, Rollup, RollupQuery},
    history::{Bucket, Read, Series, reads},
    messages::GetRollups,
    storage::StorageActor,
};
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;

use super::super::{HttpState, ask::ask, error::ApiError};

/// Most rollups that are asked for at once.
const BITE: usize = 50_000;
/// From so many rollups on, two connections read them faster than one. Not more than two: the
/// writer needs connections too.
const WORTH_TWO: usize = 5_000;

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
            let rollups = read.stretches() as usize * self.cameras.len();
            let hands = if rollups < WORTH_TWO { 1 } else { 2 };
            let shares = self.cameras.chunks(self.cameras.len().div_ceil(hands));
            for rollups in try_join_all(shares.map(|cameras| self.rollups(cameras, read))).await? {
                series.add(&rollups);
            }
        }
        Ok(series)
    }

    async fn rollups(&self, cameras: &[CameraId], read: Read) -> Result<Vec<Rollup>, ApiError> {
        let query = RollupQuery {
            cameras: cameras.to_vec(),
            level: read.level,
            from: read.from,
            to: read.to,
        };
        Ok(ask(&self.storage, GetRollups(query)).await??)
    }
}
