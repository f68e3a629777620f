//! EventHub: numbers events, keeps the newest, and hands them to its subscribers.

use std::{fmt, sync::Arc, time::Duration};

use actix::prelude::*;
use becamera_domain::{LiveEvent, LiveState, settings::EventSettings};
use bytes::Bytes;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use super::{EventEncoder, EventFilter, EventId, EventLog, Publish, Resumed};
use crate::metrics::Metrics;

/// Events that may wait for a subscriber. More than a burst of all cameras at once, in the usual
/// sizes; a subscriber that is further behind does not keep up.
const QUEUE: usize = 1024;

/// Subscribes to events from now on.
#[derive(Debug, Message)]
#[rtype(result = "Result<Subscription, SubscribeError>")]
pub struct Subscribe {
    /// Which events.
    pub filter: EventFilter,
    /// The id of the last event that the subscriber saw before, as it says; none: it never did.
    pub last_event_id: Option<String>,
    /// Ends the subscriber's connection when it does not keep up: what it does not read it would
    /// hold for ever.
    pub disconnect: Disconnect,
}

/// Ends a client's connection.
pub struct Disconnect(pub Box<dyn Fn() + Send>);

impl fmt::Debug for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disconnect")
    }
}

/// What a new subscriber gets.
#[derive(Debug)]
pub struct Subscription {
    /// Where the subscription begins.
    pub start: Start,
    /// Everything after that. The channel ends when the service stops or the subscriber does not
    /// keep up.
    pub events: Receiver<Bytes>,
}

/// Where a new subscriber begins.
#[derive(Debug)]
pub enum Start {
    /// With the state of things.
    Snapshot {
        /// The newest event that the state holds.
        id: EventId,
        /// The state, unfiltered.
        state: Arc<LiveState>,
        /// The subscriber asked to go on after an event, and what came after that is no longer
        /// known.
        reset: bool,
    },
    /// With what the subscriber missed, oldest first.
    Missed(Vec<Bytes>),
}

/// Why there can't be one more subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// There are as many as there may be.
    #[error("No more than {0} clients can follow the events")]
    TooManyClients(usize),
    /// The service stops.
    #[error("The service is shutting down")]
    Draining,
}

/// Ends every subscription, and takes no new ones.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseEvents;

struct Client {
    filter: EventFilter,
    queue: Sender<Bytes>,
    disconnect: Disconnect,
}

impl Client {
    /// Hands something over. Answers whether the client is still there and keeps up.
    fn give(&mut self, encoded: &Bytes, metrics: &Metrics) -> bool {
        match self.queue.try_send(encoded.clone()) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                log::info!("a client of the events does not keep up: disconnected");
                metrics.sse_clients_dropped.inc();
                (self.disconnect.0)();
                false
            }
        }
    }
}

/// Hands events to its subscribers: each is encoded once, and waits for no subscriber.
pub struct EventHub {
    log: EventLog,
    state: Arc<LiveState>,
    clients: Vec<Client>,
    max_clients: usize,
    heartbeat: Duration,
    encoder: Arc<dyn EventEncoder>,
    metrics: Metrics,
    draining: bool,
}

impl EventHub {
    /// A hub without subscribers. `epoch` must differ at every start of the service.
    pub fn new(
        epoch: u64,
        settings: &EventSettings,
        encoder: Arc<dyn EventEncoder>,
        metrics: Metrics,
    ) -> Self {
        Self {
            log: EventLog::new(epoch, settings.buffer),
            state: Arc::default(),
            clients: Vec::new(),
            max_clients: settings.max_clients,
            heartbeat: settings.heartbeat,
            encoder,
            metrics,
            draining: false,
        }
    }

    fn publish(&mut self, event: LiveEvent) {
        // Copied only while a new subscriber still reads the state.
        Arc::make_mut(&mut self.state).apply(&event);
        let encoded = self.encoder.event(self.log.next(), &event, &self.state);
        self.hand_out(&encoded, |filter| filter.takes(&event));
        self.log.push(event, encoded);
        self.metrics.events_published.inc();
    }

    fn hand_out(&mut self, encoded: &Bytes, wanted: impl Fn(&EventFilter) -> bool) {
        let metrics = &self.metrics;
        self.clients.retain_mut(|client| !wanted(&client.filter) || client.give(encoded, metrics));
        self.count_clients();
    }

    fn subscribe(&mut self, message: Subscribe) -> Result<Subscription, SubscribeError> {
        if self.draining {
            return Err(SubscribeError::Draining);
        }
        self.clients.retain(|client| !client.queue.is_closed());
        if self.clients.len() >= self.max_clients {
            return Err(SubscribeError::TooManyClients(self.max_clients));
        }
        let Subscribe { filter, last_event_id, disconnect } = message;
        let resumed = last_event_id.map(|id| match id.parse() {
            Ok(id) => self.log.resume_after(id, &filter),
            Err(_) => Resumed::Reset,
        });
        let (id, state) = (self.log.newest(), self.state.clone());
        let start = match resumed {
            Some(Resumed::Events(missed)) => Start::Missed(missed),
            reset => Start::Snapshot { id, state, reset: reset.is_some() },
        };
        let (queue, events) = mpsc::channel(QUEUE);
        self.clients.push(Client { filter, queue, disconnect });
        self.count_clients();
        Ok(Subscription { start, events })
    }

    fn count_clients(&self) {
        self.metrics.sse_clients.set(self.clients.len() as i64);
    }
}

impl Actor for EventHub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Clients that are gone are noticed by it too.
        ctx.run_interval(self.heartbeat, |hub, _| {
            let heartbeat = hub.encoder.heartbeat(hub.log.newest());
            hub.hand_out(&heartbeat, |_| true);
        });
    }
}

impl Supervised for EventHub {}

impl Handler<Publish> for EventHub {
    type Result = ();

    fn handle(&mut self, message: Publish, _: &mut Self::Context) {
        self.publish(message.0);
    }
}

impl Handler<Subscribe> for EventHub {
    type Result = Result<Subscription, SubscribeError>;

    fn handle(&mut self, message: Subscribe, _: &mut Self::Context) -> Self::Result {
        self.subscribe(message)
    }
}

impl Handler<CloseEvents> for EventHub {
    type Result = ();

    fn handle(&mut self, _: CloseEvents, _: &mut Self::Context) {
        self.draining = true;
        self.clients.clear();
        self.count_clients();
    }
}

#[cfg(test)]
mod tests;
