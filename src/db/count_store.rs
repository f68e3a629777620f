//! The `CountStore` port on diesel.

use std::sync::Arc;

use becamera_actors::ports::{CountStore, StoreError};
use becamera_domain::{
    AuditPage, AuditQuery, Camera, Correction, CrossingPage, CrossingQuery, Cutoffs, LineRollup,
    LineRollupQuery, Rollup, RollupQuery, Sample, SamplePage, SampleQuery, Site, Write, ZoneRollup,
    ZoneRollupQuery, settings::StorageSettings,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use log::{error, info};

use crate::vault::Vault;

use super::{
    DatabaseUrl, DbError, audit,
    connection::{self, DbConnection, Pool},
    error::store_error,
    expiry,
    migrate::migrate,
    models::{CameraRow, RollupRow, SampleRow},
    scene_reads,
    schema::{cameras, rollups, samples},
    sealing, sites, writes,
};

/// Keeps cameras and samples in SQLite or PostgreSQL.
pub struct DieselCountStore {
    url: DatabaseUrl,
    pool: Pool,
    vault: Arc<Vault>,
}

impl DieselCountStore {
    /// Opens the database that the settings name and brings its tables up to date, and what is
    /// sealed in it under the present key.
    ///
    /// # Errors
    /// When the URL is wrong, the database can't be reached, opened or written, a newer becamera
    /// has changed it, or a stream URL is sealed under a key that is not given. Takes about 2 s at
    /// most to notice that a server is away.
    pub fn connect(settings: &StorageSettings) -> Result<Self, DbError> {
        let url: DatabaseUrl = settings.database_url.parse()?;
        let report = migrate(&url)?;
        for migration in &report.applied {
            info!("database {url}: applied migration {migration}");
        }
        let mut connection = connection::open(&url, false)?;
        let writable = connection::check_writable(&mut connection);
        if let Some(reason) = writable.map_err(|e| e.to_string()).and_then(|w| w).err() {
            let reason = url.redact_in(&reason);
            return Err(DbError::NotWritable { url, reason });
        }
        let vault = Arc::new(Vault::new(settings.secret_key.as_ref()));
        sealing::bring_up_to_date(&mut connection, &vault, &url)?;
        info!("database {url} is open, schema version {}", report.version);
        let pool = connection::pool(&url, settings.pool_size);
        Ok(Self { url, pool, vault })
    }

    /// What it seals stream URLs with.
    pub fn vault(&self) -> Arc<Vault> {
        self.vault.clone()
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let mut connection = connection::get(&self.pool)?;
        work(&mut connection).map_err(|error| store_error(&self.url, &error))
    }
}

/// A bound within a second starts with the next whole one.
pub(super) fn whole_second_after(time: DateTime<Utc>) -> i64 {
    time.timestamp() + i64::from(time.timestamp_subsec_nanos() > 0)
}

impl CountStore for DieselCountStore {
    fn write(&self, new: &[Write]) -> Result<(), StoreError> {
        let groups = writes::group(new, &self.vault)?;
        self.with(|connection| {
            connection.transaction(|connection| {
                groups.iter().try_for_each(|group| group.carry_out(connection))
            })
        })
    }

    fn read_samples(&self, query: &SampleQuery) -> Result<SamplePage, StoreError> {
        let limit = query.limit as usize;
        let rows = self.with(|connection| {
            use samples::{bucket_start, run_id, seq};
            let mut select = samples::table
                .filter(samples::camera_id.eq(query.camera_id.get()))
                .select(SampleRow::as_select())
                .order((bucket_start.asc(), run_id.asc(), seq.asc()))
                .limit(i64::from(query.limit) + 1)
                .into_boxed();
            if let Some(from) = query.from {
                select = select.filter(bucket_start.ge(whole_second_after(from)));
            }
            if let Some(to) = query.to {
                select = select.filter(bucket_start.lt(whole_second_after(to)));
            }
            if let Some(after) = query.after {
                let start = after.bucket_start.timestamp();
                let run = i64::try_from(after.run.0).unwrap_or(i64::MAX);
                let last = i32::try_from(after.seq).unwrap_or(i32::MAX);
                let same_run = run_id.eq(run).and(seq.gt(last));
                let same_second = bucket_start.eq(start).and(run_id.gt(run).or(same_run));
                // The first condition is for the index, which can't use the second.
                select = select
                    .filter(bucket_start.ge(start))
                    .filter(bucket_start.gt(start).or(same_second));
            }
            select.load(connection)
        })?;
        let more = rows.len() > limit;
        let samples =
            rows.into_iter().take(limit).map(Sample::try_from).collect::<Result<_, _>>()?;
        Ok(SamplePage { samples, more })
    }

    fn read_rollups(&self, query: &RollupQuery) -> Result<Vec<Rollup>, StoreError> {
        let rows = self.with(|connection| {
            let mut rows: Vec<RollupRow> = Vec::new();
            // One contiguous read of the key per camera.
            for camera in &query.cameras {
                let select = rollups::table
                    .filter(rollups::camera_id.eq(camera.get()))
                    .filter(rollups::level.eq(query.level.seconds()))
                    .filter(rollups::bucket_start.ge(whole_second_after(query.from)))
                    .filter(rollups::bucket_start.lt(whole_second_after(query.to)))
                    .select(RollupRow::as_select())
                    .order(rollups::bucket_start.asc());
                rows.append(&mut select.load(connection)?);
            }
            Ok(rows)
        })?;
        rows.into_iter().map(Rollup::try_from).collect()
    }

    fn read_line_rollups(&self, query: &LineRollupQuery) -> Result<Vec<LineRollup>, StoreError> {
        let rows = self.with(|connection| scene_reads::line_rollups(connection, query))?;
        rows.into_iter().map(LineRollup::try_from).collect()
    }

    fn read_zone_rollups(&self, query: &ZoneRollupQuery) -> Result<Vec<ZoneRollup>, StoreError> {
        let rows = self.with(|connection| scene_reads::zone_rollups(connection, query))?;
        rows.into_iter().map(ZoneRollup::try_from).collect()
    }

    fn read_crossings(&self, query: &CrossingQuery) -> Result<CrossingPage, StoreError> {
        scene_reads::page(
            self.with(|connection| scene_reads::crossings(connection, query))?,
            query.limit,
        )
    }

    fn read_audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        audit::page(self.with(|connection| audit::select(connection, query))?, query.limit)
    }

    // As with cameras: one that can't be read must not keep the others away.
    fn load_sites(&self) -> Result<Vec<Site>, StoreError> {
        let read = |row: sites::SiteRow| {
            let id = row.id.clone();
            Site::try_from(row)
                .inspect_err(|reason| error!("site {id}: its stored row can't be read: {reason}"))
                .ok()
        };
        Ok(self.with(sites::load)?.into_iter().filter_map(read).collect())
    }

    fn read_corrections(&self, from: DateTime<Utc>) -> Result<Vec<Correction>, StoreError> {
        let rows = self.with(|connection| sites::corrections(connection, from))?;
        rows.into_iter().map(Correction::try_from).collect()
    }

    // A row that can't be read must not keep the other cameras from running.
    fn load_cameras(&self) -> Result<Vec<Camera>, StoreError> {
        let rows: Vec<CameraRow> = self.with(|connection| {
            cameras::table.select(CameraRow::as_select()).order(cameras::id.asc()).load(connection)
        })?;
        let read = |row: CameraRow| {
            let id = row.id;
            row.open(&self.vault)
                .inspect_err(|reason| error!("camera {id}: its stored row can't be read: {reason}"))
                .ok()
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    fn expire(&self, cutoffs: &Cutoffs) -> Result<bool, StoreError> {
        self.with(|connection| expiry::delete_batch(connection, cutoffs))
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.with(connection::check_writable)?.map_err(StoreError::Unavailable)
    }
}
