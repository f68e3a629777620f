//! The database: cameras and counts behind the `CountStore` port; and the spool, a small
//! database of what the other can't take now.
//!
//! One code path serves SQLite and PostgreSQL; the scheme of the database URL chooses.

mod audit;
mod connection;
mod count_store;
mod error;
mod expiry;
mod insert;
mod migrate;
mod models;
mod sample_writes;
mod scene_reads;
mod scene_rows;
mod scene_writes;
mod schema;
mod sealing;
mod sites;
mod spool;
mod url;
mod writes;

pub use count_store::DieselCountStore;
pub use error::DbError;
pub use migrate::{MigrationReport, migrate};
pub use spool::SqliteSpool;
pub use url::DatabaseUrl;
