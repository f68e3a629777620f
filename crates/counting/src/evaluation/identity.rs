//! The identity metrics.

use std::collections::{BTreeMap, HashMap};

use crate::assignment::assign;
use crate::evaluation::{
    boxes::{LabelledBox, distance},
    clear_mot::ratio,
};

/// Sums up IDF1: the number of frames that each person and each track spend together.
///
/// E. Ristani et al.: Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking.
/// ECCV Workshops, 2016.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Identity {
    people: BTreeMap<u64, u64>,
    tracks: BTreeMap<u64, u64>,
    together: HashMap<(u64, u64), u64>,
}

impl Identity {
    /// Takes a frame.
    pub fn add(&mut self, truth: &[LabelledBox], tracks: &[LabelledBox]) {
        truth.iter().for_each(|person| *self.people.entry(person.id).or_default() += 1);
        tracks.iter().for_each(|track| *self.tracks.entry(track.id).or_default() += 1);
        for person in truth {
            for track in tracks {
                if distance(&person.bbox, &track.bbox).is_some() {
                    *self.together.entry((person.id, track.id)).or_default() += 1;
                }
            }
        }
    }

    /// Harmonic mean of identity precision and recall: the share of all boxes, on both sides, whose
    /// counterpart is the right one when each person is paired with one track, the best over all
    /// frames. None without boxes.
    pub fn idf1(&self) -> Option<f64> {
        let people: Vec<_> = self.people.keys().collect();
        let tracks: Vec<_> = self.tracks.keys().collect();
        let together =
            |i: usize, j: usize| self.together.get(&(*people[i], *tracks[j])).copied().unwrap_or(0);
        // A pair that is never together costs as much as no pair: the same sum as py-motmetrics'
        // least-cost assignment of misses and false positives.
        let pairs = assign(people.len(), tracks.len(), |i, j| Some(-(together(i, j) as f64)));
        let right: u64 = pairs.into_iter().map(|(i, j)| together(i, j)).sum();
        let boxes = self.people.values().sum::<u64>() + self.tracks.values().sum::<u64>();
        ratio(2 * right, boxes)
    }
}
