//! PublisherActor: takes live events to one [`LivePublisher`](crate::ports::LivePublisher).
//!
//! `pending` is what the publisher has still to be told, as plain data; `actor` is the shell with
//! time limits and retries around it. Every publisher has an actor of its own, so that one that is
//! slow or unreachable holds up nothing else.

mod actor;
mod pending;

pub use actor::PublisherActor;
