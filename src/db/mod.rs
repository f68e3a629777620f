//! The database behind the store's ports; and the spool, a small database of what the other can't
//! take now.
//!
//! One code path serves SQLite and PostgreSQL; the scheme of the database URL chooses. Each subject
//! has a module with its rows, its writes and its reads. They know the base (`connection`,
//! `columns`, `insert`, `json`, `sums`, `schema`) and not each other; `writes`, `expiry` and `store`
//! put them together.

mod audit;
mod cameras;
mod columns;
mod connection;
mod crossings;
mod error;
mod expiry;
mod insert;
mod json;
mod lines;
mod migrate;
mod rollups;
mod samples;
mod schema;
mod sealing;
mod sites;
mod spool;
mod store;
mod sums;
mod url;
mod writes;
mod zones;

pub use error::DbError;
pub use migrate::{MigrationReport, migrate};
pub use spool::SqliteSpool;
pub use store::DieselStore;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};
