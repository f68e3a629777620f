//! One file a resource of the REST interface.

mod cameras;
mod counts;
mod errors;
mod events;
mod health;
mod queue;
mod workers;
