//! The store's ports on diesel.

use std::sync::Arc;

use becamera_actors::ports::{
    AuditReader, CameraReader, CrossingReader, RollupReader, SampleReader, SiteReader, StoreError,
    WriteStore,
};
use becamera_domain::{
    AuditEntry, AuditQuery, Camera, Correction, Crossing, CrossingQuery, Cutoffs, LineRollup,
    LineRollupQuery, Page, Rollup, RollupQuery, Sample, SampleQuery, Site, Write, ZoneRollup,
    ZoneRollupQuery, settings::StorageSettings,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use log::info;

use super::{
    DatabaseUrl, DbError, audit, cameras, columns,
    connection::{self, DbConnection, Pool},
    crossings,
    error::store_error,
    expiry, lines,
    migrate::migrate,
    rollups, samples, sealing, sites, writes, zones,
};
use crate::vault::Vault;

/// Keeps everything in SQLite or PostgreSQL.
pub struct DieselStore {
    url: DatabaseUrl,
    pool: Pool,
    vault: Arc<Vault>,
}

impl DieselStore {
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

    fn read<R, T>(
        &self,
        read: impl FnOnce(&mut DbConnection) -> QueryResult<Vec<R>>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: TryFrom<R, Error = StoreError>,
    {
        self.with(read)?.into_iter().map(T::try_from).collect()
    }
}

impl WriteStore for DieselStore {
    fn write(&self, new: &[Write]) -> Result<(), StoreError> {
        let groups = writes::group(new, &self.vault)?;
        self.with(|connection| {
            connection.transaction(|connection| {
                groups.into_iter().try_for_each(|group| group.carry_out(connection))
            })
        })
    }

    fn expire(&self, cutoffs: &Cutoffs) -> Result<bool, StoreError> {
        self.with(|connection| expiry::delete_batch(connection, cutoffs))
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.with(connection::check_writable)?.map_err(StoreError::Unavailable)
    }
}

impl CameraReader for DieselStore {
    fn load_cameras(&self) -> Result<Vec<Camera>, StoreError> {
        Ok(cameras::open_all(self.with(cameras::load)?, &self.vault))
    }
}

impl SampleReader for DieselStore {
    fn read_samples(&self, query: &SampleQuery) -> Result<Page<Sample>, StoreError> {
        columns::page(self.with(|connection| samples::read(connection, query))?, query.limit)
    }
}

impl CrossingReader for DieselStore {
    fn read_crossings(&self, query: &CrossingQuery) -> Result<Page<Crossing>, StoreError> {
        columns::page(self.with(|connection| crossings::read(connection, query))?, query.limit)
    }
}

impl RollupReader for DieselStore {
    fn read_rollups(&self, query: &RollupQuery) -> Result<Vec<Rollup>, StoreError> {
        self.read(|connection| rollups::read(connection, query))
    }

    fn read_line_rollups(&self, query: &LineRollupQuery) -> Result<Vec<LineRollup>, StoreError> {
        self.read(|connection| lines::read(connection, query))
    }

    fn read_zone_rollups(&self, query: &ZoneRollupQuery) -> Result<Vec<ZoneRollup>, StoreError> {
        self.read(|connection| zones::read(connection, query))
    }
}

impl SiteReader for DieselStore {
    fn load_sites(&self) -> Result<Vec<Site>, StoreError> {
        Ok(sites::read_all(self.with(sites::load)?))
    }

    fn read_corrections(&self, from: DateTime<Utc>) -> Result<Vec<Correction>, StoreError> {
        self.read(|connection| sites::corrections(connection, from))
    }
}

impl AuditReader for DieselStore {
    fn read_audit(&self, query: &AuditQuery) -> Result<Page<AuditEntry>, StoreError> {
        columns::page(self.with(|connection| audit::read(connection, query))?, query.limit)
    }
}
