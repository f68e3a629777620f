//! Reads what buckets are made of, in bites that no one has to wait for.

use actix::Addr;
use becamera_actors::{messages::ReadStore, storage::StorageActor};
use becamera_domain::{
    CameraId, LineId, LineRollupQuery, LineTotals, Rollup, RollupLevel, RollupQuery, ZoneId,
    ZoneRollupQuery, ZoneTotals,
};
use becamera_history::{Bucket, Grid, Read, Series, reads};
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;

use super::super::{HttpState, ask::ask, error::ApiError};

/// Most rollups that are asked for at once.
const BITE: usize = 50_000;
/// From this many rollups on, two connections read them faster than one. Not more than two: the
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

    /// What was counted at the cameras' lines in these buckets: at one, or at all of them.
    pub(in crate::http) async fn read_lines(
        &self,
        buckets: Vec<Bucket>,
        line: Option<&LineId>,
    ) -> Result<Grid<LineTotals>, ApiError> {
        let most = BITE / self.cameras.len().max(1);
        let plan = reads(&buckets, most as i64);
        let mut grid = Grid::new(self.cameras.clone(), buckets);
        if self.cameras.is_empty() {
            return Ok(grid);
        }
        for Read { level, from, to } in plan {
            let (cameras, line_id) = (self.cameras.clone(), line.cloned());
            let query = LineRollupQuery { cameras, line_id, level, from, to };
            for rollup in ask(&self.storage, ReadStore(query)).await?? {
                grid.add(rollup.camera_id, rollup.bucket_start, &rollup.totals);
            }
        }
        Ok(grid)
    }

    /// What was counted in a zone of the first camera in these buckets.
    pub(in crate::http) async fn read_zone(
        &self,
        buckets: Vec<Bucket>,
        zone: &ZoneId,
    ) -> Result<Grid<ZoneTotals>, ApiError> {
        let plan = reads(&buckets, BITE as i64);
        let mut grid = Grid::new(self.cameras.clone(), buckets);
        let Some(camera_id) = self.cameras.first().copied() else { return Ok(grid) };
        for Read { level, from, to } in plan {
            let query = ZoneRollupQuery { camera_id, zone_id: zone.clone(), level, from, to };
            for rollup in ask(&self.storage, ReadStore(query)).await?? {
                grid.add(rollup.camera_id, rollup.bucket_start, &rollup.totals);
            }
        }
        Ok(grid)
    }

    /// Whether anything was ever counted at a line of this name.
    pub(in crate::http) async fn knows_line(&self, line: &LineId) -> Result<bool, ApiError> {
        let (level, from, to) = (RollupLevel::Day, DateTime::UNIX_EPOCH, self.now);
        let (cameras, line_id) = (self.cameras.clone(), Some(line.clone()));
        let query = LineRollupQuery { cameras, line_id, level, from, to };
        Ok(!ask(&self.storage, ReadStore(query)).await??.is_empty())
    }

    /// Whether anything was ever counted in a zone of this name of the first camera.
    pub(in crate::http) async fn knows_zone(&self, zone: &ZoneId) -> Result<bool, ApiError> {
        let Some(camera_id) = self.cameras.first().copied() else { return Ok(false) };
        let (level, from, to) = (RollupLevel::Day, DateTime::UNIX_EPOCH, self.now);
        let query = ZoneRollupQuery { camera_id, zone_id: zone.clone(), level, from, to };
        Ok(!ask(&self.storage, ReadStore(query)).await??.is_empty())
    }

    async fn rollups(&self, cameras: &[CameraId], read: Read) -> Result<Vec<Rollup>, ApiError> {
        let query = RollupQuery {
            cameras: cameras.to_vec(),
            level: read.level,
            from: read.from,
            to: read.to,
        };
        Ok(ask(&self.storage, ReadStore(query)).await??)
    }
}
