//! What the cache's backend has still to be told: of each subject only the newest, but every crossing.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::Bound::{Excluded, Unbounded},
};

use becamera_domain::{CameraId, LiveCrossing, LiveEvent, LiveState, SiteId, WorkerId};

/// Crossings that wait at most, while the backend is away; beyond it the oldest are not told. They
/// are in the database all the same.
const MAX_CROSSINGS: usize = 10_000;

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Count(CameraId),
    Camera(CameraId),
    Worker(WorkerId),
    Site(SiteId),
}

/// One thing to tell the backend.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Task {
    /// An event.
    Publish(LiveEvent),
    /// Everything that is known.
    Keep(LiveState),
}

/// The newest of everything, and what of it the backend has still to be told.
#[derive(Debug, Default)]
pub(super) struct Pending {
    state: LiveState,
    deleted: BTreeSet<CameraId>,
    deleted_sites: BTreeSet<SiteId>,
    changed: BTreeSet<Subject>,
    // Each of them matters, so that no newer one replaces it.
    crossings: VecDeque<LiveCrossing>,
    // Where the round of subjects stands, so that none waits behind the busier ones.
    last: Option<Subject>,
    keep: bool,
}

impl Pending {
    /// The newest of everything.
    pub(super) fn state(&self) -> &LiveState {
        &self.state
    }

    /// Takes an event in.
    pub(super) fn add(&mut self, event: &LiveEvent) {
        self.state.apply(event);
        match event {
            LiveEvent::Count(count) => {
                self.changed.insert(Subject::Count(count.camera_id));
            }
            LiveEvent::Camera(camera) => {
                self.changed.insert(Subject::Camera(camera.camera_id));
            }
            LiveEvent::Worker(worker) => {
                self.changed.insert(Subject::Worker(worker.worker_id));
            }
            LiveEvent::Site(site) => {
                self.changed.insert(Subject::Site(site.site_id.clone()));
            }
            LiveEvent::SiteDeleted { site_id } => {
                self.changed.remove(&Subject::Site(site_id.clone()));
                self.deleted_sites.insert(site_id.clone());
            }
            LiveEvent::Crossing(crossing) => {
                self.crossings.push_back(crossing.clone());
                self.drop_surplus();
            }
            LiveEvent::CameraDeleted { camera_id } => {
                self.changed.remove(&Subject::Count(*camera_id));
                self.changed.remove(&Subject::Camera(*camera_id));
                self.deleted.insert(*camera_id);
            }
        }
    }

    /// Says that the backend may have lost anything: it is told everything again.
    pub(super) fn keep_all(&mut self) {
        self.keep = true;
    }

    /// Whether the backend may still have what is no longer true of this camera.
    pub(super) fn is_deleted(&self, camera: CameraId) -> bool {
        self.deleted.contains(&camera)
    }

    /// What to tell next. Deletions come first: what follows of the same camera is of its
    /// successor. Then everything, if the backend may have lost it; then crossings, in their order;
    /// then what changed.
    pub(super) fn next(&mut self) -> Option<Task> {
        if let Some(camera_id) = self.deleted.pop_first() {
            return Some(Task::Publish(LiveEvent::CameraDeleted { camera_id }));
        }
        if let Some(site_id) = self.deleted_sites.pop_first() {
            return Some(Task::Publish(LiveEvent::SiteDeleted { site_id }));
        }
        if std::mem::take(&mut self.keep) {
            return Some(Task::Keep(self.state.clone()));
        }
        if let Some(crossing) = self.crossings.pop_front() {
            return Some(Task::Publish(LiveEvent::Crossing(crossing)));
        }
        loop {
            let subject = self.next_subject()?;
            self.changed.remove(&subject);
            let newest = self.newest(&subject);
            self.last = Some(subject);
            if let Some(event) = newest {
                return Some(Task::Publish(event));
            }
        }
    }

    /// Takes back what could not be told. Of an event only its subject counts: what was newest
    /// then may be newer, or deleted, by now.
    pub(super) fn give_back(&mut self, task: &Task) {
        let subject = match task {
            Task::Keep(_) => {
                self.keep = true;
                return;
            }
            Task::Publish(LiveEvent::SiteDeleted { site_id }) => {
                self.deleted_sites.insert(site_id.clone());
                return;
            }
            Task::Publish(LiveEvent::Site(site)) => Subject::Site(site.site_id.clone()),
            Task::Publish(LiveEvent::Crossing(crossing)) => {
                self.crossings.push_front(crossing.clone());
                return self.drop_surplus();
            }
            Task::Publish(LiveEvent::CameraDeleted { camera_id }) => {
                self.deleted.insert(*camera_id);
                return;
            }
            Task::Publish(LiveEvent::Count(count)) => Subject::Count(count.camera_id),
            Task::Publish(LiveEvent::Camera(camera)) => Subject::Camera(camera.camera_id),
            Task::Publish(LiveEvent::Worker(worker)) => Subject::Worker(worker.worker_id),
        };
        self.changed.insert(subject);
    }

    fn drop_surplus(&mut self) {
        while self.crossings.len() > MAX_CROSSINGS {
            self.crossings.pop_front();
        }
    }

    fn next_subject(&self) -> Option<Subject> {
        let after = self
            .last
            .as_ref()
            .and_then(|last| self.changed.range((Excluded(last), Unbounded)).next());
        after.or_else(|| self.changed.first()).cloned()
    }

    fn newest(&self, subject: &Subject) -> Option<LiveEvent> {
        let state = &self.state;
        match subject {
            Subject::Count(id) => state.counts.get(id).cloned().map(LiveEvent::Count),
            Subject::Camera(id) => state.cameras.get(id).cloned().map(LiveEvent::Camera),
            Subject::Worker(id) => state.workers.get(id).cloned().map(LiveEvent::Worker),
            Subject::Site(id) => state.sites.get(id).cloned().map(LiveEvent::Site),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use becamera_domain::{CameraState, CrossingId, Direction, LatestCount, LiveCamera, RunId};

    fn camera(id: i64) -> CameraId {
        CameraId::try_from(id).unwrap()
    }

    fn count(id: i64, people: u32) -> LiveEvent {
        let at = DateTime::from_timestamp(i64::from(people), 0).unwrap();
        let worker_id = WorkerId::from_index(0);
        LiveEvent::Count(LatestCount {
            camera_id: camera(id),
            people,
            at,
            worker_id,
            zones: Default::default(),
        })
    }

    fn state(id: i64, error_count: u64) -> LiveEvent {
        LiveEvent::Camera(LiveCamera {
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
        assert_eq!(pending.next(), Some(Task::Publish(count(1, 9))));
        // The busier one does not push ahead.
        pending.add(&count(1, 10));
        assert_eq!(pending.next(), Some(Task::Publish(count(2, 9))));
        assert_eq!(pending.next(), Some(Task::Publish(count(1, 10))));
        assert_eq!(pending.next(), None);
    }

    #[test]
    fn what_is_given_back_is_told_as_it_is_by_then() {
        let mut pending = Pending::default();
        pending.add(&count(1, 1));
        let task = pending.next().unwrap();
        pending.add(&count(1, 2));
        pending.give_back(&task);
        assert_eq!(pending.next(), Some(Task::Publish(count(1, 2))));
        let (task, deleted) =
            (Task::Publish(count(1, 2)), LiveEvent::CameraDeleted { camera_id: camera(1) });
        pending.add(&deleted);
        pending.give_back(&task);
        assert_eq!(pending.next(), Some(Task::Publish(deleted)));
        assert_eq!(pending.next(), None, "what was deleted does not come back");
    }

    fn crossing(seq: u32) -> LiveEvent {
        LiveEvent::Crossing(LiveCrossing {
            event_id: CrossingId { run: RunId(1), seq },
            camera_id: camera(1),
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
        assert_eq!(first, Task::Publish(crossing(0)));
        pending.give_back(&first);
        for seq in 0..3 {
            assert_eq!(pending.next(), Some(Task::Publish(crossing(seq))));
        }
        assert_eq!(pending.next(), None);
        (0..MAX_CROSSINGS as u32 + 5).for_each(|seq| pending.add(&crossing(seq)));
        assert_eq!(pending.next(), Some(Task::Publish(crossing(5))));
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
            (1..4_i64).prop_map(|id| LiveEvent::CameraDeleted { camera_id: camera(id) }),
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
            let take = |backend: &mut LiveState, task: &Task| match task {
                Task::Publish(event) => backend.apply(event),
                Task::Keep(state) => {
                    backend.counts.extend(BTreeMap::clone(&state.counts));
                    backend.cameras.extend(BTreeMap::clone(&state.cameras));
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
