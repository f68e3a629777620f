//! What can go wrong with a database, and what that means for a caller.

use std::path::PathBuf;

use becamera_actors::ports::StoreError;
use diesel::result::{DatabaseErrorKind as Kind, Error};

use super::url::{DatabaseUrl, InvalidDatabaseUrl};

/// Why a database can't be used. No text holds credentials.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The URL is not one of a database.
    #[error(transparent)]
    InvalidUrl(#[from] InvalidDatabaseUrl),
    /// The database can't be reached or opened.
    #[error("can't open the database {url}: {reason}")]
    Open {
        /// The database.
        url: DatabaseUrl,
        /// What its library says.
        reason: String,
    },
    /// The database can be read but not written.
    #[error("can't write to the database {url}: {reason}")]
    NotWritable {
        /// The database.
        url: DatabaseUrl,
        /// What its library says.
        reason: String,
    },
    /// A newer becamera has changed its tables.
    #[error(
        "the database {url} has schema version {version}, which this becamera does not know: \
         run the newer version that made it"
    )]
    SchemaTooNew {
        /// The database.
        url: DatabaseUrl,
        /// The newest version that the database has.
        version: String,
    },
    /// Stream URLs are sealed under keys that are not given. Nothing was changed.
    #[error(
        "storage.secret_key (BECAMERA_SECRET_KEY): {place} has the stream URLs of cameras \
         {cameras} sealed under {keys}, which is not given: set it to that key, or add that key after the \
         one in use"
    )]
    UnknownKey {
        /// Where they are.
        place: String,
        /// The cameras' ids.
        cameras: String,
        /// The ids of the keys.
        keys: String,
    },
    /// The spool can't be used.
    #[error("storage.spool_path: can't use {}: {reason}", path.display())]
    Spool {
        /// Its file.
        path: PathBuf,
        /// What failed.
        reason: String,
    },
    /// Its tables could not be brought up to date.
    #[error("can't migrate the database {url}: {reason}")]
    Migration {
        /// The database.
        url: DatabaseUrl,
        /// What failed.
        reason: String,
    },
}

/// Tells errors that pass from those that stay. What the database says of a row's content stays;
/// everything else (a lost connection, a full disk, a lock, a missing table) an operator can
/// mend, and data must not be given up for it.
pub(super) fn store_error(url: &DatabaseUrl, error: &Error) -> StoreError {
    let text = url.redact_in(&error.to_string());
    match error {
        Error::DatabaseError(
            Kind::UniqueViolation
            | Kind::ForeignKeyViolation
            | Kind::NotNullViolation
            | Kind::CheckViolation
            | Kind::ExclusionViolation
            | Kind::RestrictViolation,
            _,
        )
        | Error::InvalidCString(_)
        | Error::QueryBuilderError(_)
        | Error::SerializationError(_)
        | Error::DeserializationError(_) => StoreError::Rejected(text),
        _ => StoreError::Unavailable(text),
    }
}
