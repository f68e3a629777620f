//! The database: cameras and counts behind the `CountStore` port.
//!
//! One code path serves SQLite and PostgreSQL; the scheme of the database URL chooses.

mod connection;
mod count_store;
mod error;
mod migrate;
mod models;
mod sample_writes;
mod schema;
mod url;

pub use count_store::DieselCountStore;
pub use error::DbError;
pub use migrate::{MigrationReport, migrate};
pub use url::DatabaseUrl;
