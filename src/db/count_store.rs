//! The `CountStore` port on diesel.

use std::collections::BTreeMap;

use becamera_actors::{
    domain::{Camera, CameraId, Sample, SamplePage, SampleQuery},
    ports::{CountStore, StoreError},
    settings::StorageSettings,
};
use diesel::prelude::*;
use log::{error, info};

use super::{
    DatabaseUrl, DbError,
    connection::{self, DbConnection, Pool, on_either},
    error::store_error,
    migrate::migrate,
    models::{CameraRow, SampleRow},
    schema::{cameras, samples},
    upsert::upsert_samples,
};

/// Keeps cameras and samples in SQLite or PostgreSQL.
pub struct DieselCountStore {
    url: DatabaseUrl,
    pool: Pool,
}

impl DieselCountStore {
    /// Opens the database that the settings name and brings its tables up to date.
    ///
    /// # Errors
    /// When the URL is wrong, the database can't be reached, opened or written, or a newer
    /// becamera has changed it. Takes about 2 s at most to notice that a server is away.
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
        info!("database {url} is open, schema version {}", report.version);
        let pool = connection::pool(&url, settings.pool_size);
        Ok(Self { url, pool })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let mut connection = connection::get(&self.pool)?;
        work(&mut connection).map_err(|error| store_error(&self.url, &error))
    }
}

impl CountStore for DieselCountStore {
    fn write_samples(&self, new: &[Sample]) -> Result<(), StoreError> {
        // PostgreSQL takes no key twice in one statement; and writers that lock rows in the
        // same order can't deadlock.
        let mut rows: BTreeMap<(i32, i64), SampleRow> = BTreeMap::new();
        for sample in new {
            let row = SampleRow::try_from(sample)?;
            let key = (row.camera_id, row.bucket_start);
            if rows.get(&key).is_none_or(|other| row.frames > other.frames) {
                rows.insert(key, row);
            }
        }
        let rows: Vec<SampleRow> = rows.into_values().collect();
        self.with(|connection| {
            connection.transaction(|connection| upsert_samples(connection, &rows))
        })
    }

    fn read_samples(&self, query: &SampleQuery) -> Result<SamplePage, StoreError> {
        let limit = query.limit as usize;
        let rows = self.with(|connection| {
            let mut select = samples::table
                .filter(samples::camera_id.eq(query.camera_id.get()))
                .select(SampleRow::as_select())
                .order(samples::bucket_start.asc())
                .limit(i64::from(query.limit) + 1)
                .into_boxed();
            // A bound within a second starts with the next whole one.
            let ceil = |t: chrono::DateTime<chrono::Utc>| {
                t.timestamp() + i64::from(t.timestamp_subsec_nanos() > 0)
            };
            if let Some(from) = query.from {
                select = select.filter(samples::bucket_start.ge(ceil(from)));
            }
            if let Some(to) = query.to {
                select = select.filter(samples::bucket_start.lt(ceil(to)));
            }
            if let Some(after) = query.after {
                select = select.filter(samples::bucket_start.gt(after.timestamp()));
            }
            select.load(connection)
        })?;
        let more = rows.len() > limit;
        let samples =
            rows.into_iter().take(limit).map(Sample::try_from).collect::<Result<_, _>>()?;
        Ok(SamplePage { samples, more })
    }

    // A row that can't be read must not keep the other cameras from running.
    fn load_cameras(&self) -> Result<Vec<Camera>, StoreError> {
        let rows: Vec<CameraRow> = self.with(|connection| {
            cameras::table.select(CameraRow::as_select()).order(cameras::id.asc()).load(connection)
        })?;
        let read = |row: CameraRow| {
            let id = row.id;
            Camera::try_from(row)
                .inspect_err(|reason| error!("camera {id}: its stored row can't be read: {reason}"))
                .ok()
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    fn save_camera(&self, camera: &Camera) -> Result<(), StoreError> {
        let row = CameraRow::try_from(camera)?;
        self.with(|connection| {
            on_either!(connection, c => diesel::insert_into(cameras::table)
                .values(&row)
                .on_conflict(cameras::id)
                .do_update()
                .set(&row)
                .execute(c)
                .map(drop))
        })
    }

    fn delete_camera(&self, camera: CameraId) -> Result<(), StoreError> {
        // Its samples go with it: ON DELETE CASCADE.
        self.with(|connection| {
            diesel::delete(cameras::table.find(camera.get())).execute(connection).map(drop)
        })
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.with(connection::check_writable)?.map_err(StoreError::Unavailable)
    }
}
