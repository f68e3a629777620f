//! One file a resource of the REST interface.

mod cameras;
mod counts;
mod errors;
mod health;
mod queue;
mod workers;
