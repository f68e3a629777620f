//! What a publisher has still to be told: of each subject the newest record, and every crossing.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::Bound::{Excluded, Unbounded},
};

use becamera_domain::{LiveEvent, LiveKey, LiveState};

/// Crossings that wait at most while the publisher is unreachable; beyond it the oldest are not
/// published. They are in the database all the same.
const MAX_CROSSINGS: usize = 10_000;

/// One thing to tell the publisher.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Delivery {
    /// An event.
    Publish(LiveEvent),
    /// Everything that is known.
    Keep(LiveState),
}

/// The newest of everything, and what of it the publisher has still to be told.
#[derive(Debug, Default)]
pub(super) struct Pending {
    state: LiveState,
    removed: BTreeSet<LiveKey>,
    changed: BTreeSet<LiveKey>,
    // Events that no newer one replaces, in their order: crossings and the like.
    queue: VecDeque<LiveEvent>,
    // Where the round of what changed stands, so that none waits behind the busier ones.
    last: Option<LiveKey>,
    keep: bool,
}

impl Pending {
    /// Takes an event in.
    pub(super) fn add(&mut self, event: &LiveEvent) {
        self.state.apply(event);
        match event {
            LiveEvent::Changed(record) => {
                self.changed.insert(record.key());
            }
            LiveEvent::Removed(key) => {
                for key in key.with_dependents() {
                    self.changed.remove(&key);
                }
                self.removed.insert(key.clone());
            }
            // It replaces nothing and nothing replaces it.
            _ => {
                self.queue.push_back(event.clone());
                self.drop_surplus();
            }
        }
    }

    /// Says that the publisher's target may have lost anything: it is told everything again.
    pub(super) fn keep_all(&mut self) {
        self.keep = true;
    }

    /// What to tell next. Deletions come first: what follows of the same camera is of its
    /// successor. Then everything, if the target may have lost it; then crossings, in their order;
    /// then what changed.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        if let Some(key) = self.removed.pop_first() {
            return Some(Delivery::Publish(LiveEvent::Removed(key)));
        }
        if std::mem::take(&mut self.keep) {
            return Some(Delivery::Keep(self.state.clone()));
        }
        if let Some(event) = self.queue.pop_front() {
            return Some(Delivery::Publish(event));
        }
        loop {
            let key = self.next_changed()?;
            self.changed.remove(&key);
            let newest = self.state.get(&key).cloned();
            self.last = Some(key);
            if let Some(record) = newest {
                return Some(Delivery::Publish(LiveEvent::Changed(record)));
            }
        }
    }

    /// Takes back what could not be told. Of a change only its key counts: what was newest then may
    /// be newer, or deleted, by now.
    pub(super) fn give_back(&mut self, task: &Delivery) {
        match task {
            Delivery::Keep(_) => self.keep = true,
            Delivery::Publish(LiveEvent::Changed(record)) => {
                self.changed.insert(record.key());
            }
            Delivery::Publish(LiveEvent::Removed(key)) => {
                self.removed.insert(key.clone());
            }
            Delivery::Publish(event) => {
                self.queue.push_front(event.clone());
                self.drop_surplus();
            }
        }
    }

    fn drop_surplus(&mut self) {
        while self.queue.len() > MAX_CROSSINGS {
            self.queue.pop_front();
        }
    }

    fn next_changed(&self) -> Option<LiveKey> {
        let after = self
            .last
            .as_ref()
            .and_then(|last| self.changed.range((Excluded(last), Unbounded)).next());
        after.or_else(|| self.changed.first()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::{
        CameraId, CameraState, Crossing, Direction, LatestCount, LiveCamera, RunId, WorkerId,
    };
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn camera(id: i64) -> CameraId {
        CameraId::try_from(id).unwrap()
    }

    fn count(id: i64, people: u32) -> LiveEvent {
        let at = DateTime::from_timestamp(i64::from(people), 0).unwrap();
        let worker_id = WorkerId::from_index(0);
        LiveEvent::changed(LatestCount {
            camera_id: camera(id),
            people,
            at,
            worker_id,
            zones: Default::default(),
        })
    }

    fn state(id: i64, error_count: u64) -> LiveEvent {
        LiveEvent::changed(LiveCamera {
            camera_id: camera(id),
            state: CameraState::Processing,
            since: DateTime::from_timestamp(0, 0).unwrap(),
            worker_id: None,
            retry_at: None,
            last_error: None,
            error_count,
        })
    }

    #[test]
    fn only_the_newest_of_each_is_told_in_turn() {
        let mut pending = Pending::default();
        for people in 0..10 {
            pending.add(&count(1, people));
            pending.add(&count(2, people));
        }
        assert_eq!(pending.next(), Some(Delivery::Publish(count(1, 9))));
        // The busier one does not push ahead.
        pending.add(&count(1, 10));
        assert_eq!(pending.next(), Some(Delivery::Publish(count(2, 9))));
        assert_eq!(pending.next(), Some(Delivery::Publish(count(1, 10))));
        assert_eq!(pending.next(), None);
    }

    #[test]
    fn what_is_given_back_is_told_as_it_is_by_then() {
        let mut pending = Pending::default();
        pending.add(&count(1, 1));
        let task = pending.next().unwrap();
        pending.add(&count(1, 2));
        pending.give_back(&task);
        assert_eq!(pending.next(), Some(Delivery::Publish(count(1, 2))));
        let (task, deleted) =
            (Delivery::Publish(count(1, 2)), LiveEvent::Removed(LiveKey::Camera(camera(1))));
        pending.add(&deleted);
        pending.give_back(&task);
        assert_eq!(pending.next(), Some(Delivery::Publish(deleted)));
        assert_eq!(pending.next(), None, "what was deleted does not come back");
    }

    fn crossing(seq: u32) -> LiveEvent {
        LiveEvent::Crossed(Crossing {
            camera_id: camera(1),
            run: RunId(1),
            seq,
            line_id: "door".parse().unwrap(),
            direction: Direction::In,
            direction_name: "in".into(),
            track_id: 1,
            at: DateTime::from_timestamp(0, 0).unwrap(),
            confidence: 0.5,
        })
    }

    #[test]
    fn every_crossing_is_told_in_order_and_the_oldest_make_room() {
        let mut pending = Pending::default();
        (0..3).for_each(|seq| pending.add(&crossing(seq)));
        let first = pending.next().unwrap();
        assert_eq!(first, Delivery::Publish(crossing(0)));
        pending.give_back(&first);
        for seq in 0..3 {
            assert_eq!(pending.next(), Some(Delivery::Publish(crossing(seq))));
        }
        assert_eq!(pending.next(), None);
        (0..MAX_CROSSINGS as u32 + 5).for_each(|seq| pending.add(&crossing(seq)));
        assert_eq!(pending.next(), Some(Delivery::Publish(crossing(5))));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Add(LiveEvent),
        /// Tell the next thing; the backend fails, and may have taken it all the same.
        Tell {
            fails: bool,
            took: bool,
        },
        /// The backend restarts, empty.
        Lose,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let event = prop_oneof![
            (1..4_i64, 0..9_u32).prop_map(|(id, people)| count(id, people)),
            (1..4_i64, 0..9_u64).prop_map(|(id, errors)| state(id, errors)),
            (1..4_i64).prop_map(|id| LiveEvent::Removed(LiveKey::Camera(camera(id)))),
        ];
        let step = prop_oneof![
            3 => event.prop_map(Step::Add),
            3 => any::<(bool, bool)>().prop_map(|(fails, took)| Step::Tell { fails, took }),
            1 => Just(Step::Lose),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        /// Whatever fails and is lost on the way, in the end the backend has what is true.
        #[test]
        fn the_backend_is_consistent_in_the_end(steps in steps()) {
            let mut pending = Pending::default();
            let mut backend = LiveState::default();
            let mut truth = LiveState::default();
            let take = |backend: &mut LiveState, task: &Delivery| match task {
                Delivery::Publish(event) => backend.apply(event),
                Delivery::Keep(state) => {
                    for record in state.records() {
                        backend.apply(&LiveEvent::Changed(record.clone()));
                    }
                }
            };
            for step in steps {
                match step {
                    Step::Add(event) => {
                        truth.apply(&event);
                        pending.add(&event);
                    }
                    Step::Tell { fails, took } => {
                        let Some(task) = pending.next() else { continue };
                        if took || !fails {
                            take(&mut backend, &task);
                        }
                        if fails {
                            pending.give_back(&task);
                        }
                    }
                    Step::Lose => {
                        backend = LiveState::default();
                        pending.keep_all();
                    }
                }
            }
            while let Some(task) = pending.next() {
                take(&mut backend, &task);
            }
            prop_assert_eq!(backend, truth);
        }
    }
}
