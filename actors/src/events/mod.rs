//! Live events for subscribers: the clients of `/events`.
//!
//! `id`, `log` and `filter` are plain data; `hub` is the actor that hands events to its subscribers.
//! [`Publish`] is how any actor tells of a live event, [`Subscribers`] are the actors it tells.

mod filter;
mod hub;
mod id;
mod log;

use actix::{Message, Recipient};
use becamera_domain::{LiveEvent, LiveState};
use bytes::Bytes;

pub use filter::EventFilter;
pub use hub::{CloseEvents, Disconnect, EventHub, Start, Subscribe, SubscribeError, Subscription};
pub use id::EventId;
pub use log::{EventLog, Resumed};

/// Something happened. The supervisor sends what is of cameras and workers, the sites' actor what is
/// of sites, each in order.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Publish(pub LiveEvent);

/// The actors that are told live events.
#[derive(Clone)]
pub struct Subscribers(Vec<Recipient<Publish>>);

impl Subscribers {
    /// Tells all of them, in this order, without waiting.
    pub fn publish(&self, event: &LiveEvent) {
        for subscriber in &self.0 {
            subscriber.do_send(Publish(event.clone()));
        }
    }
}

impl From<Vec<Recipient<Publish>>> for Subscribers {
    fn from(subscribers: Vec<Recipient<Publish>>) -> Self {
        Self(subscribers)
    }
}

/// Encodes events as clients get them: each once, however many clients there are.
pub trait EventEncoder: Send + Sync {
    /// An event with its id. `state` has the event applied.
    fn event(&self, id: EventId, event: &LiveEvent, state: &LiveState) -> Bytes;

    /// A sign of life that tells the id of the newest event.
    fn heartbeat(&self, newest: EventId) -> Bytes;
}
