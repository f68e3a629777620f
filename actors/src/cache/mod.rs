//! CacheActor: keeps the newest counts and states behind the cache port. `pending` is what the
//! backend has still to be told, as plain data.

mod actor;
mod pending;

pub use actor::CacheActor;
