//! The newest events, for clients that come back.

use std::collections::VecDeque;

use becamera_domain::LiveEvent;
use bytes::Bytes;

use super::{EventFilter, EventId};

/// Numbers events and keeps the newest of them, encoded.
#[derive(Debug)]
pub struct EventLog {
    epoch: u64,
    newest: u64,
    capacity: usize,
    // The last one has the number `newest`, those before it count down without gaps.
    ring: VecDeque<(LiveEvent, Bytes)>,
}

/// What a client that comes back is to be given.
#[derive(Debug, Clone, PartialEq)]
pub enum Resumed {
    /// The events that it missed, oldest first.
    Events(Vec<Bytes>),
    /// What it missed is no longer known: it must begin anew.
    Reset,
}

impl EventLog {
    /// An empty log that keeps `capacity` events. `epoch` must differ at every start of the service.
    pub fn new(epoch: u64, capacity: usize) -> Self {
        Self { epoch, newest: 0, capacity, ring: VecDeque::new() }
    }

    /// The id of the newest event.
    pub fn newest(&self) -> EventId {
        self.id(self.newest)
    }

    /// The id that the next event gets.
    pub fn next(&self) -> EventId {
        self.id(self.newest + 1)
    }

    /// Adds an event that was encoded with the id [`EventLog::next`].
    pub fn push(&mut self, event: LiveEvent, encoded: Bytes) {
        self.newest += 1;
        if self.ring.len() >= self.capacity {
            self.ring.pop_front();
        }
        if self.capacity > 0 {
            self.ring.push_back((event, encoded));
        }
    }

    /// What came after `id` and passes the filter.
    pub fn resume_after(&self, id: EventId, filter: &EventFilter) -> Resumed {
        if id.epoch != self.epoch || id.number > self.newest {
            return Resumed::Reset;
        }
        let missed = self.newest - id.number;
        let Some(skipped) =
            usize::try_from(missed).ok().and_then(|n| self.ring.len().checked_sub(n))
        else {
            return Resumed::Reset;
        };
        let wanted = self.ring.range(skipped..).filter(|(event, _)| filter.takes(event));
        Resumed::Events(wanted.map(|(_, encoded)| encoded.clone()).collect())
    }

    fn id(&self, number: u64) -> EventId {
        EventId { epoch: self.epoch, number }
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::{CameraId, LiveKey};
    use proptest::prelude::*;

    use super::*;

    fn deleted(camera: i64) -> LiveEvent {
        LiveEvent::Removed(LiveKey::Camera(CameraId::try_from(camera).unwrap()))
    }

    fn log(capacity: usize, cameras: &[i64]) -> EventLog {
        let mut log = EventLog::new(7, capacity);
        for camera in cameras {
            let encoded = Bytes::from(log.next().to_string());
            log.push(deleted(*camera), encoded);
        }
        log
    }

    #[test]
    fn ids_of_another_start_or_of_the_future_mean_to_begin_anew() {
        let log = log(10, &[1, 1, 1]);
        let all = EventFilter::default();
        assert_eq!(log.resume_after(EventId { epoch: 8, number: 1 }, &all), Resumed::Reset);
        assert_eq!(log.resume_after(EventId { epoch: 7, number: 4 }, &all), Resumed::Reset);
        assert_eq!(log.resume_after(log.newest(), &all), Resumed::Events(vec![]));
    }

    proptest! {
        /// A client that comes back gets every wanted event after the last one it saw, once and in
        /// order, or is told to begin anew, and that only when an event is really gone.
        #[test]
        fn nothing_is_missed_or_doubled(
            capacity in 0_usize..20,
            cameras in prop::collection::vec(1_i64..4, 0..60),
            seen in 0_u64..70,
            wanted in prop::collection::btree_set(1_i64..4, 0..3),
        ) {
            let log = log(capacity, &cameras);
            prop_assert!(log.ring.len() <= capacity);
            let ids = wanted.iter().map(|id| CameraId::try_from(*id).unwrap()).collect();
            let filter = EventFilter { cameras: Some(ids), kinds: None };
            let total = cameras.len() as u64;
            match log.resume_after(EventId { epoch: 7, number: seen }, &filter) {
                Resumed::Reset => {
                    let gone = total.saturating_sub(capacity as u64);
                    prop_assert!(seen > total || seen < gone);
                }
                Resumed::Events(events) => {
                    let expected: Vec<Bytes> = (seen + 1..=total)
                        .filter(|number| wanted.contains(&cameras[*number as usize - 1]))
                        .map(|number| EventId { epoch: 7, number }.to_string().into())
                        .collect();
                    prop_assert_eq!(events, expected);
                }
            }
        }
    }
}
