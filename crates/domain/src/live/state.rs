//! The newest record of everything.

use std::collections::BTreeMap;

use crate::{CameraId, LatestCount, LiveCamera, LiveEvent, LiveKey, LiveKind, LiveRecord};

/// The newest record of everything that events told of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveState(BTreeMap<LiveKey, LiveRecord>);

impl LiveState {
    /// Takes an event in.
    pub fn apply(&mut self, event: &LiveEvent) {
        match event {
            LiveEvent::Changed(record) => {
                self.0.insert(record.key(), record.clone());
            }
            LiveEvent::Removed(key) => {
                for key in key.with_dependents() {
                    self.0.remove(&key);
                }
            }
            // What only happened leaves no state.
            _ => {}
        }
    }

    /// The newest record of this.
    pub fn get(&self, key: &LiveKey) -> Option<&LiveRecord> {
        self.0.get(key)
    }

    /// A camera's newest count.
    pub fn count(&self, camera: CameraId) -> Option<&LatestCount> {
        match self.get(&LiveKey::Count(camera)) {
            Some(LiveRecord::Count(count)) => Some(count),
            _ => None,
        }
    }

    /// What a camera is doing.
    pub fn camera(&self, camera: CameraId) -> Option<&LiveCamera> {
        match self.get(&LiveKey::Camera(camera)) {
            Some(LiveRecord::Camera(camera)) => Some(camera),
            _ => None,
        }
    }

    /// Every record, by kind and then by number or name.
    pub fn records(&self) -> impl Iterator<Item = &LiveRecord> {
        self.0.values()
    }

    /// The records of one kind, by number or name.
    pub fn of_kind(&self, kind: LiveKind) -> impl Iterator<Item = &LiveRecord> {
        self.records().filter(move |record| record.kind() == kind)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::WorkerId;

    fn count(id: i64, second: i64) -> LiveEvent {
        LiveEvent::changed(LatestCount {
            camera_id: CameraId::try_from(id).unwrap(),
            people: 1,
            at: DateTime::from_timestamp(second, 0).unwrap(),
            worker_id: WorkerId::from_index(0),
            zones: BTreeMap::new(),
        })
    }

    #[test]
    fn the_newest_stays_and_a_deleted_camera_leaves_nothing() {
        let mut state = LiveState::default();
        [count(1, 5), count(2, 5), count(1, 6)].iter().for_each(|event| state.apply(event));
        let camera_id = CameraId::try_from(1).unwrap();
        assert_eq!(state.count(camera_id).unwrap().at.timestamp(), 6);
        state.apply(&LiveEvent::Removed(LiveKey::Camera(camera_id)));
        assert_eq!(state.of_kind(LiveKind::Count).count(), 1);
    }
}
