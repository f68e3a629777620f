//! One file a resource of the REST interface.

mod analytics;
mod cameras;
mod counts;
mod errors;
mod events;
mod health;
mod history;
mod pictures;
mod queue;
mod scene;
mod sites;
mod snapshots;
mod workers;
