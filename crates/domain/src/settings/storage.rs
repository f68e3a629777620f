//! What outlasts the service.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::settings::at_least;
use crate::{InvalidField, Retention, SecretKeys};

/// `[storage]`: where counts and cameras are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSettings {
    /// The database; its scheme chooses which: `sqlite:PATH` or `postgres://…`. May hold a
    /// password: keep the configuration file private then.
    pub database_url: String,
    /// Connections kept open: 1 to 64.
    pub pool_size: u32,
    /// Samples are written at least this often, which is what `kill -9` can cost: at least 10 ms.
    #[serde(with = "humantime_serde")]
    pub flush_interval: Duration,
    /// Samples kept in memory while neither the database nor the spool takes them (a full disk): at
    /// least 1; beyond it the oldest are thinned out.
    pub buffer_samples: usize,
    /// The spool: writes wait in this file while the database is unreachable, also over a restart.
    /// Only one becamera can use it; keep it on the machine's own disk.
    pub spool_path: PathBuf,
    /// How large the spool may grow, in bytes (16 MiB at least): beyond it the oldest samples are
    /// thinned out. A camera needs about 1.2 MB for an hour.
    pub spool_max_bytes: u64,
    /// The key that seals the cameras' stream URLs before they are stored; several are separated by
    /// commas, the first seals and all open. A secret: give it as BECAMERA_SECRET_KEY in the
    /// environment rather than in a file. Not set: they are stored in plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<SecretKeys>,
    /// How long what is stored is kept.
    pub retention: Retention,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            database_url: "sqlite:becamera.sqlite3".into(),
            pool_size: 4,
            flush_interval: Duration::from_secs(1),
            buffer_samples: 100_000,
            spool_path: "becamera-spool.sqlite3".into(),
            spool_max_bytes: 256 << 20,
            secret_key: None,
            retention: Retention::default(),
        }
    }
}

impl StorageSettings {
    pub(super) fn validate(&self) -> Result<(), InvalidField> {
        if !(1..=64).contains(&self.pool_size) {
            return Err(InvalidField::new("storage.pool_size", "must be from 1 to 64"));
        }
        at_least("storage.flush_interval", self.flush_interval, 10)?;
        if self.buffer_samples == 0 {
            return Err(InvalidField::new("storage.buffer_samples", "must be at least 1"));
        }
        // What is spooled at once must fit.
        if self.spool_max_bytes < 16 << 20 {
            return Err(InvalidField::new("storage.spool_max_bytes", "must be at least 16777216"));
        }
        self.retention.validate()
    }
}
