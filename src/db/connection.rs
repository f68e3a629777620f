//! Connections: opened by URL scheme, pooled by r2d2.

use std::{path::Path, time::Duration};

use becamera_actors::ports::StoreError;
use diesel::{
    connection::SimpleConnection, pg::PgConnection, prelude::*, r2d2::R2D2Connection,
    sql_types::Text, sqlite::SqliteConnection,
};
use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    unistd::{AccessFlags, faccessat},
};

use super::{DatabaseUrl, DbError, insert::Dialect};

/// How long a connection may be awaited before the database counts as away.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub(super) enum DbConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl DbConnection {
    /// The SQL that it understands.
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

/// Runs the same statement on a connection of either kind, where diesel can't express it for
/// both at once.
macro_rules! on_either {
    ($connection:expr, $c:ident => $body:expr) => {
        match $connection {
            $crate::db::connection::DbConnection::Sqlite($c) => $body,
            $crate::db::connection::DbConnection::Postgres($c) => $body,
        }
    };
}
pub(super) use on_either;

pub(super) type Pool = r2d2::Pool<Manager>;

/// Opens and checks the pool's connections.
pub(super) struct Manager {
    url: DatabaseUrl,
}

impl r2d2::ManageConnection for Manager {
    type Connection = DbConnection;
    type Error = DbError;

    fn connect(&self) -> Result<DbConnection, DbError> {
        open(&self.url, false)
    }

    fn is_valid(&self, connection: &mut DbConnection) -> Result<(), DbError> {
        // SQLite would go on writing to a file that was deleted.
        if let Some(path) = self.url.sqlite_path().filter(|path| !path.exists()) {
            return Err(open_error(&self.url, &format!("{} is gone", path.display())));
        }
        connection.ping().map_err(|error| open_error(&self.url, &error.to_string()))
    }

    fn has_broken(&self, connection: &mut DbConnection) -> bool {
        connection.is_broken()
    }
}

/// Failures to connect reach the callers that wait for a connection, and are logged there.
#[derive(Debug)]
struct Silent;

impl r2d2::HandleError<DbError> for Silent {
    fn handle_error(&self, error: DbError) {
        log::debug!("{error}");
    }
}

/// A pool that opens its connections when they are needed.
pub(super) fn pool(url: &DatabaseUrl, size: u32) -> Pool {
    r2d2::Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(1))
        .connection_timeout(CONNECTION_TIMEOUT)
        .error_handler(Box::new(Silent))
        .build_unchecked(Manager { url: url.clone() })
}

/// A pooled connection, within [`CONNECTION_TIMEOUT`].
pub(super) fn get(pool: &Pool) -> Result<r2d2::PooledConnection<Manager>, StoreError> {
    pool.get().map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// Opens a connection; `create` makes the file of an SQLite database that is not there.
pub(super) fn open(url: &DatabaseUrl, create: bool) -> Result<DbConnection, DbError> {
    if let Some(path) = url.sqlite_path() {
        return open_sqlite(url, path, create).map(DbConnection::Sqlite);
    }
    let connection = PgConnection::establish(&url.libpq_url().unwrap_or_default());
    connection.map(DbConnection::Postgres).map_err(|error| open_error(url, &error.to_string()))
}

fn open_sqlite(url: &DatabaseUrl, path: &Path, create: bool) -> Result<SqliteConnection, DbError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(open_error(url, &format!("{} is not a folder", folder.display())));
    }
    let Some(uri) = sqlite_uri(path, create) else {
        return Err(open_error(url, "the path is not UTF-8"));
    };
    let mut connection =
        SqliteConnection::establish(&uri).map_err(|error| sqlite_error(url, path, error))?;
    // The timeout first: changing to WAL takes a lock.
    connection
        .batch_execute(
            "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
             PRAGMA foreign_keys = ON;",
        )
        .map_err(|error| sqlite_error(url, path, error))?;
    Ok(connection)
}

// SQLite can't even open a file in WAL mode whose folder it can't write, and does not say why.
fn sqlite_error(url: &DatabaseUrl, path: &Path, error: impl ToString) -> DbError {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let read_only = [Some(path), folder.or(Some(Path::new(".")))]
        .into_iter()
        .flatten()
        .find(|place| place.exists() && !may_write(place));
    match read_only {
        Some(place) => DbError::NotWritable {
            url: url.clone(),
            reason: format!("{} is not writable", place.display()),
        },
        None => open_error(url, &error.to_string()),
    }
}

// With the rights that files are opened with, as access(2) does not.
fn may_write(path: &Path) -> bool {
    faccessat(AT_FDCWD, path, AccessFlags::W_OK, AtFlags::AT_EACCESS).is_ok()
}

/// How SQLite is to be told of a file; none where the path is not UTF-8.
pub(super) fn sqlite_uri(path: &Path, create: bool) -> Option<String> {
    let mode = if create { "rwc" } else { "rw" };
    Some(format!("file:{}?mode={mode}", uri_path(path.to_str()?)))
}

// See "URI Filenames" in SQLite's manual: these three would end or change the path.
fn uri_path(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn open_error(url: &DatabaseUrl, reason: &str) -> DbError {
    let reason = url.redact_in(reason);
    // Told apart because another cure is needed: the disk, not the path or the server.
    if reason.contains("readonly database") {
        return DbError::NotWritable { url: url.clone(), reason };
    }
    DbError::Open { url: url.clone(), reason }
}

#[derive(QueryableByName)]
struct ReadOnly {
    #[diesel(sql_type = Text)]
    read_only: String,
}

/// Checks that the database can be written, without writing.
pub(super) fn check_writable(connection: &mut DbConnection) -> QueryResult<Result<(), String>> {
    match connection {
        DbConnection::Sqlite(sqlite) => {
            // Taking the write lock fails on a read-only disk.
            sqlite.immediate_transaction(|c| c.batch_execute("SELECT 1 FROM cameras LIMIT 1"))?;
            Ok(Ok(()))
        }
        DbConnection::Postgres(postgres) => {
            let sql = "SELECT current_setting('transaction_read_only') AS read_only";
            let ReadOnly { read_only } = diesel::sql_query(sql).get_result(postgres)?;
            let writable = read_only == "off";
            Ok(if writable { Ok(()) } else { Err("the server is read-only".into()) })
        }
    }
}
