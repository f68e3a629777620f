//! What waits to be written: a plain, bounded buffer without clocks, threads or actors.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::write::Outcome;
use crate::domain::{Camera, CameraId, Sample};

type Key = (CameraId, DateTime<Utc>);

/// The net change of one camera's registration.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraChange {
    /// The camera.
    pub camera_id: CameraId,
    /// Forget the camera and its samples first.
    pub forget: bool,
    /// Then register this.
    pub save: Option<Camera>,
}

/// What one write takes: camera changes first, then samples, both in order of arrival.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Changes of cameras, with their places in the order of arrival.
    pub cameras: Vec<(u64, CameraChange)>,
    /// Samples, with their places in the order of arrival.
    pub samples: Vec<(u64, Sample)>,
}

/// Everything that waits to be written, and the one batch that is being written.
///
/// Every entry has a place in the order of arrival. A batch takes the oldest; one that failed
/// goes back to its old place, so that samples are written in the order in which they came.
#[derive(Debug)]
pub struct WriteQueue {
    capacity: usize,
    next_place: u64,
    samples: BTreeMap<u64, Sample>,
    places: HashMap<Key, u64>,
    cameras: BTreeMap<u64, CameraChange>,
    in_flight: Option<Arc<Batch>>,
    // Bounded by what operators delete; a camera leaves it when it is registered again.
    forgotten: HashSet<CameraId>,
}

impl WriteQueue {
    /// A queue that keeps at most `capacity` samples, those being written included.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            next_place: 0,
            samples: BTreeMap::new(),
            places: HashMap::new(),
            cameras: BTreeMap::new(),
            in_flight: None,
            forgotten: HashSet::new(),
        }
    }

    /// Takes a sample. Answers how many of the oldest were lost to make room.
    pub fn push(&mut self, sample: Sample) -> usize {
        if self.forgotten.contains(&sample.camera_id) {
            return 0;
        }
        let place = self.place();
        self.insert(place, sample);
        self.shrink()
    }

    /// Takes a camera's registration.
    pub fn save(&mut self, camera: Camera) {
        self.forgotten.remove(&camera.id);
        let forget = self.take_change(camera.id).is_some_and(|change| change.forget);
        let place = self.place();
        let change = CameraChange { camera_id: camera.id, forget, save: Some(camera) };
        self.cameras.insert(place, change);
    }

    /// Takes the order to forget a camera, and drops its samples that wait.
    pub fn forget(&mut self, camera_id: CameraId) {
        self.forgotten.insert(camera_id);
        self.take_change(camera_id);
        let places = &mut self.places;
        self.samples.retain(|_, sample| {
            let keep = sample.camera_id != camera_id;
            if !keep {
                places.remove(&key(sample));
            }
            keep
        });
        let place = self.place();
        self.cameras.insert(place, CameraChange { camera_id, forget: true, save: None });
    }

    /// Takes the oldest entries to be written: all camera changes and at most `max` samples.
    /// `None` while a batch is being written or nothing waits.
    pub fn take(&mut self, max: usize) -> Option<Arc<Batch>> {
        if self.in_flight.is_some() || (self.samples.is_empty() && self.cameras.is_empty()) {
            return None;
        }
        let mut batch = Batch {
            cameras: std::mem::take(&mut self.cameras).into_iter().collect(),
            samples: Vec::with_capacity(max.min(self.samples.len())),
        };
        while batch.samples.len() < max {
            let Some((place, sample)) = self.samples.pop_first() else { break };
            self.places.remove(&key(&sample));
            batch.samples.push((place, sample));
        }
        let batch = Arc::new(batch);
        self.in_flight = Some(batch.clone());
        Some(batch)
    }

    /// Takes the outcome of the batch that was being written; what was not written goes back to
    /// its place. Answers how many samples were lost because there was no room for them.
    pub fn settle(&mut self, outcome: &Outcome) -> usize {
        let Some(batch) = self.in_flight.take() else { return 0 };
        if outcome.unavailable.is_none() {
            return 0;
        }
        let cameras = batch.cameras.iter().skip(outcome.cameras_done);
        for (place, change) in cameras {
            self.restore_change(*place, change);
        }
        let refused = outcome.refused_samples.iter().map(|refused| &refused.place);
        let done: HashSet<&u64> = outcome.written.iter().chain(refused).collect();
        for (place, sample) in &batch.samples {
            if !done.contains(place) && !self.forgotten.contains(&sample.camera_id) {
                self.insert(*place, sample.clone());
            }
        }
        self.shrink()
    }

    /// Puts a batch whose outcome will never be known back to its place. Writing it twice does
    /// no harm.
    pub fn abandon(&mut self) -> usize {
        self.settle(&Outcome { unavailable: Some(String::new()), ..Outcome::default() })
    }

    /// Samples that wait, those being written included.
    pub fn samples_waiting(&self) -> usize {
        self.samples.len() + self.in_flight.as_ref().map_or(0, |batch| batch.samples.len())
    }

    /// Samples that wait and are not being written.
    pub fn samples_ready(&self) -> usize {
        self.samples.len()
    }

    /// Whether nothing waits and nothing is being written.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.cameras.is_empty() && self.in_flight.is_none()
    }

    /// Whether a batch is being written.
    pub fn is_writing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The place that the next entry will get: everything that came so far is before it.
    pub fn watermark(&self) -> u64 {
        self.next_place
    }

    /// Whether nothing that came before `watermark` waits or is being written.
    pub fn is_settled(&self, watermark: u64) -> bool {
        let in_flight = self.in_flight.iter().flat_map(|batch| {
            let cameras = batch.cameras.iter().map(|(place, _)| *place);
            cameras.chain(batch.samples.iter().map(|(place, _)| *place))
        });
        let waiting = self.samples.keys().next().into_iter().chain(self.cameras.keys().next());
        in_flight.chain(waiting.copied()).all(|place| place >= watermark)
    }

    fn place(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place - 1
    }

    // Of two samples with the same key the one with more frames stays, at the older place.
    fn insert(&mut self, place: u64, sample: Sample) {
        match self.places.entry(key(&sample)) {
            Entry::Vacant(entry) => {
                entry.insert(place);
                self.samples.insert(place, sample);
            }
            Entry::Occupied(mut entry) => {
                let Some(other) = self.samples.remove(entry.get()) else { return };
                let first = place.min(*entry.get());
                let (older, newer) = if first == place { (sample, other) } else { (other, sample) };
                let kept = if newer.frames > older.frames { newer } else { older };
                entry.insert(first);
                self.samples.insert(first, kept);
            }
        }
    }

    fn shrink(&mut self) -> usize {
        let mut lost = 0;
        while self.samples_waiting() > self.capacity {
            // What is being written can't be taken back: at worst a new sample makes no room.
            let Some((_, sample)) = self.samples.pop_first() else { break };
            self.places.remove(&key(&sample));
            lost += 1;
        }
        lost
    }

    fn take_change(&mut self, camera_id: CameraId) -> Option<CameraChange> {
        let place = self.cameras.iter().find(|(_, change)| change.camera_id == camera_id)?.0;
        let place = *place;
        self.cameras.remove(&place)
    }

    // A newer change of the same camera replaces the failed one, but must not forget to forget.
    fn restore_change(&mut self, place: u64, failed: &CameraChange) {
        let newer = self.cameras.values_mut().find(|change| change.camera_id == failed.camera_id);
        match newer {
            Some(newer) => newer.forget |= failed.forget,
            None => {
                self.cameras.insert(place, failed.clone());
            }
        }
    }
}

fn key(sample: &Sample) -> Key {
    (sample.camera_id, sample.bucket_start)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
