//! The CLEAR MOT metrics.

use std::collections::{HashMap, HashSet};

use crate::assignment::assign;
use crate::evaluation::boxes::{LabelledBox, distance};

/// Sums up the CLEAR MOT metrics frame by frame, as py-motmetrics does: pairs of earlier frames are
/// kept while they overlap, the rest is paired for the least sum of distances.
///
/// K. Bernardin, R. Stiefelhagen: Evaluating Multiple Object Tracking Performance: The CLEAR MOT
/// Metrics. EURASIP Journal on Image and Video Processing, 2008.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClearMot {
    /// The track that a person was paired with last.
    paired: HashMap<u64, u64>,
    objects: u64,
    found: u64,
    misses: u64,
    false_positives: u64,
    switches: u64,
}

impl ClearMot {
    /// Takes a frame. No id may come twice on either side.
    pub fn add(&mut self, truth: &[LabelledBox], tracks: &[LabelledBox]) {
        let mut truth_paired = HashSet::new();
        let mut tracks_paired = HashSet::new();
        for (i, person) in truth.iter().enumerate() {
            let Some(before) = self.paired.get(&person.id) else { continue };
            let Some(j) = tracks.iter().position(|track| track.id == *before) else { continue };
            if !tracks_paired.contains(&j) && distance(&person.bbox, &tracks[j].bbox).is_some() {
                truth_paired.insert(i);
                tracks_paired.insert(j);
            }
        }
        let pairs = assign(truth.len(), tracks.len(), |i, j| {
            let free = !truth_paired.contains(&i) && !tracks_paired.contains(&j);
            free.then(|| distance(&truth[i].bbox, &tracks[j].bbox)).flatten()
        });
        for &(i, j) in &pairs {
            let before = self.paired.insert(truth[i].id, tracks[j].id);
            if before.is_some_and(|before| before != tracks[j].id) {
                self.switches += 1;
            }
        }
        let found = truth_paired.len() + pairs.len();
        self.objects += truth.len() as u64;
        self.found += found as u64;
        self.misses += (truth.len() - found) as u64;
        self.false_positives += (tracks.len() - found) as u64;
    }

    /// Number of times that a person was paired with another track than before.
    pub fn id_switches(&self) -> u64 {
        self.switches
    }

    /// Multiple object tracking accuracy: 1 less misses, false positives and switches per person
    /// and frame; none without people.
    pub fn mota(&self) -> Option<f64> {
        let errors = self.misses + self.switches + self.false_positives;
        ratio(errors, self.objects).map(|errors| 1.0 - errors)
    }

    /// Share of the tracks' boxes that match a person; none without boxes.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.found, self.found + self.false_positives)
    }

    /// Share of the people that a track's box matches; none without people.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.found, self.objects)
    }
}

pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Rectangle;

    fn at(id: u64, left: f64) -> LabelledBox {
        LabelledBox { id, bbox: Rectangle { left, top: 0.0, width: 10.0, height: 10.0 } }
    }

    #[test]
    fn nothing_has_no_ratios() {
        let mut empty = ClearMot::default();
        empty.add(&[], &[]);
        assert_eq!((empty.mota(), empty.precision(), empty.recall()), (None, None, None));
        empty.add(&[], &[at(1, 0.0)]);
        assert_eq!((empty.mota(), empty.precision()), (None, Some(0.0)));
    }

    #[test]
    fn a_pair_is_kept_though_another_track_is_nearer() {
        let mut kept = ClearMot::default();
        kept.add(&[at(1, 0.0)], &[at(7, 2.0)]);
        kept.add(&[at(1, 0.0)], &[at(7, 3.0), at(8, 0.0)]);
        assert_eq!((kept.id_switches(), kept.mota()), (0, Some(0.5)));
        // After a miss too; another track then is a switch, once.
        kept.add(&[at(1, 0.0)], &[]);
        kept.add(&[at(1, 0.0)], &[at(8, 0.0)]);
        kept.add(&[at(1, 0.0)], &[at(8, 0.0), at(7, 0.0)]);
        assert_eq!(kept.id_switches(), 1);
    }
}
