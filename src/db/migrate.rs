//! Brings a database's tables up to date. The migrations are part of the binary.

use diesel::{
    backend::Backend,
    migration::{Migration, MigrationSource},
    prelude::*,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{
    DatabaseUrl, DbError,
    connection::{self, DbConnection},
};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRESQL: EmbeddedMigrations = embed_migrations!("migrations/postgresql");

/// Names PostgreSQL's advisory lock: "becamer" as a number.
const LOCK: i64 = 0x0062_6563_616d_6572;

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The database, without credentials.
    pub database: String,
    /// Names of the migrations that were applied now, oldest first.
    pub applied: Vec<String>,
    /// The schema version that the database has now.
    pub version: String,
}

/// Brings the tables of a database up to date, making them (and the file of an SQLite database)
/// where they are not there.
///
/// # Errors
/// When it can't be opened or written, or when a newer becamera has changed it.
pub fn migrate(url: &DatabaseUrl) -> Result<MigrationReport, DbError> {
    let mut connection = connection::open(url, true)?;
    // One service migrates at a time; of two that start at once the second waits.
    let result = match &mut connection {
        DbConnection::Sqlite(sqlite) => sqlite.immediate_transaction(|c| run(c, SQLITE)),
        DbConnection::Postgres(postgres) => {
            // Released with the connection.
            let lock = diesel::sql_query(format!("SELECT pg_advisory_lock({LOCK})"));
            lock.execute(postgres).map_err(Failure::from).and_then(|_| run(postgres, POSTGRESQL))
        }
    };
    let url = url.clone();
    match result {
        Ok((applied, version)) => {
            Ok(MigrationReport { database: url.to_string(), applied, version })
        }
        Err(Failure::TooNew(version)) => Err(DbError::SchemaTooNew { url, version }),
        Err(Failure::Other(reason)) => {
            let reason = url.redact_in(&reason);
            Err(match reason.contains("readonly") || reason.contains("read-only") {
                true => DbError::NotWritable { url, reason },
                false => DbError::Migration { url, reason },
            })
        }
    }
}

enum Failure {
    TooNew(String),
    Other(String),
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for Failure {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::Other(error.to_string())
    }
}

fn run<DB, C>(
    connection: &mut C,
    source: EmbeddedMigrations,
) -> Result<(Vec<String>, String), Failure>
where
    DB: Backend,
    C: MigrationHarness<DB>,
{
    let mut known: Vec<Box<dyn Migration<DB>>> = source.migrations()?;
    known.sort_by_key(|migration| migration.name().version().as_owned());
    let versions: Vec<String> = known.iter().map(|m| m.name().version().to_string()).collect();
    let present: Vec<String> =
        connection.applied_migrations()?.iter().map(ToString::to_string).collect();
    if let Some(unknown) = present.iter().filter(|version| !versions.contains(version)).max() {
        return Err(Failure::TooNew(unknown.clone()));
    }
    let mut applied = Vec::new();
    for migration in known {
        if !present.contains(&migration.name().version().to_string()) {
            connection.run_migration(&*migration)?;
            applied.push(migration.name().to_string());
        }
    }
    Ok((applied, versions.last().cloned().unwrap_or_default()))
}
