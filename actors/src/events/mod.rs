//! Events for those who follow the service live.
//!
//! `id`, `log` and `filter` are plain data; `hub` is the actor that passes events on.

mod filter;
mod hub;
mod id;
mod log;

use actix::Message;
use becamera_domain::{LiveEvent, LiveState};
use bytes::Bytes;

pub use filter::{EventFilter, EventKind};
pub use hub::{CloseEvents, EventHub, Follow, FollowError, Followed, HangUp, Start};
pub use id::EventId;
pub use log::{EventLog, Resumed};

/// Something happened. Sent by the supervisor, in order; what is of sites, by their actor.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Publish(pub LiveEvent);

/// Writes events as followers get them: once each, however many follow.
pub trait EventEncoder: Send + Sync {
    /// An event with its id. `state` has the event applied.
    fn event(&self, id: EventId, event: &LiveEvent, state: &LiveState) -> Bytes;

    /// A sign of life that tells the id of the newest event.
    fn heartbeat(&self, newest: EventId) -> Bytes;
}
