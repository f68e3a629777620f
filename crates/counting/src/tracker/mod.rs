//! Follows people from frame to frame, so that each is one person however often seen.
//!
//! Tracking by detection: Kalman filters predict boxes (SORT, Bewley et al., 2016,
//! arXiv:1602.00763), sure detections are assigned before doubtful ones (ByteTrack, Zhang et al.,
//! 2022, arXiv:2110.06864), clothes tell people apart (DeepSORT, Wojke et al., 2017,
//! arXiv:1703.07402). Since frames are scanned in parts, a track is counted as missed only
//! where the detector ran.
//! The same input always gives the same tracks.

mod appearance;
mod kalman;
mod track;

use std::time::Duration;

use becamera_domain::FrameSize;

use crate::{
    assignment::assign,
    geometry::{BoundingBox, Detection},
    track::{TrackId, TrackedPerson},
};
pub use appearance::Appearance;
use kalman::STEP;
use track::{Stage, Track};

/// Most tracks at once: beyond it, none is added.
const MOST_TRACKS: usize = 512;
/// Most detections taken of a frame, best first.
const MOST_DETECTIONS: usize = 512;

/// Weights of the cost of an assignment, beside the distance in heights.
const APPEARANCE_WEIGHT: f32 = 1.5;
const SCORE_WEIGHT: f32 = 0.2;
const GROWTH_WEIGHT: f32 = 0.5;
/// No person grows or shrinks by more than this from one frame to the next: logarithm of the factor.
const MOST_GROWTH: f32 = 0.35;

/// A person cut off by the left or right edge of the frame and narrower than this share of the
/// height has more than a quarter of the body outside, as people are 0.41 times as wide as tall (Dollár et
/// al., "Pedestrian Detection: An Evaluation of the State of the Art", 2012): not in the picture.
const NARROWEST_AT_EDGE: f32 = 0.3;
/// A box so close to an edge is cut off by it, in heights.
const EDGE_MARGIN: f32 = 0.03;

/// Which scores are what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// A detection is sure from here.
    pub sure: f32,
    /// Below this it is nothing.
    pub doubtful: f32,
    /// From here it may be somebody new.
    pub birth: f32,
    /// From here it is somebody, though seen for the first time.
    pub certain: f32,
}

impl Scores {
    /// The scores that go with a threshold of sure detections.
    pub fn of(confidence: f32) -> Self {
        Self {
            sure: confidence,
            doubtful: 0.4 * confidence,
            birth: (confidence + 0.25).min((1.0 + confidence) / 2.0),
            certain: confidence + 0.6 * (1.0 - confidence),
        }
    }
}

/// A detection and the colours in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The box and how sure it is.
    pub detection: Detection,
    /// The colours.
    pub appearance: Appearance,
}

/// Follows the people of one stream.
#[derive(Debug)]
pub struct Tracker {
    scores: Scores,
    tracks: Vec<Track>,
    last_id: u64,
    at: Option<Duration>,
}

impl Tracker {
    /// A tracker that follows nobody yet.
    pub fn new(scores: Scores) -> Self {
        Self { scores, tracks: Vec::new(), last_id: 0, at: None }
    }

    /// Lets time pass until a frame at this place in the stream.
    pub fn predict(&mut self, at: Duration) {
        let elapsed = self.at.map_or(STEP, |last| at.saturating_sub(last));
        self.at = Some(at);
        // After a long gap nobody is where he was; a prediction far ahead would say nothing.
        let steps = (elapsed.as_secs_f32() / STEP.as_secs_f32()).clamp(0.0, 20.0);
        self.tracks.iter_mut().for_each(|track| track.predict(steps));
    }

    /// Takes what was found in a frame of this size, best first, after [`Self::predict`] for it.
    /// `scanned` are the parts of the frame in which people were looked for.
    pub fn update(
        &mut self,
        frame: FrameSize,
        scanned: &[BoundingBox],
        mut found: Vec<Observation>,
    ) {
        let frame = BoundingBox::from_corners(0.0, 0.0, frame.width as f32, frame.height as f32);
        found.truncate(MOST_DETECTIONS);
        let (sure, doubtful): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|o| o.detection.score >= self.scores.sure);
        let mut matched = vec![false; self.tracks.len()];
        let sure = self.match_stage(Stage::Confirmed, sure, &mut matched, SURE);
        let doubtful = doubtful
            .into_iter()
            .filter(|o| o.detection.score >= self.scores.doubtful)
            .collect::<Vec<_>>();
        self.match_stage(Stage::Confirmed, doubtful, &mut matched, DOUBTFUL);
        let new = self.match_stage(Stage::Tentative, sure, &mut matched, SURE);

        for (track, matched) in self.tracks.iter_mut().zip(matched) {
            let looked_for = || {
                // A track outside the frame can be found nowhere: it counts as missed.
                let centre = track.bbox().centre();
                !frame.contains(centre) || scanned.iter().any(|part| part.contains(centre))
            };
            if !matched && looked_for() {
                track.miss();
            }
        }
        self.tracks.retain(|track| !track.is_lost());
        let births = new.into_iter().filter(|o| o.detection.score >= self.scores.birth);
        let room = MOST_TRACKS - self.tracks.len().min(MOST_TRACKS);
        let last_id = &mut self.last_id;
        self.tracks.extend(births.take(room).map(|first| {
            let certain = first.detection.score >= self.scores.certain;
            Track::new(first, certain.then(|| next_id(last_id)))
        }));
    }

    /// The people who count now in a frame of this size: confirmed, seen lately, and not more than
    /// a quarter outside.
    pub fn people(&self, frame: FrameSize) -> Vec<TrackedPerson> {
        let inside = |person: &TrackedPerson| !is_outside(&person.bbox, frame.width as f32);
        self.tracks.iter().filter_map(Track::person).filter(inside).collect()
    }

    /// Whether some track has too few detections to be settled.
    pub fn is_unsettled(&self) -> bool {
        !self.tracks.iter().all(Track::is_settled)
    }

    /// Boxes around which to search next: of all tracks detected lately, also of those that are
    /// not confirmed yet.
    pub fn search_boxes(&self) -> impl Iterator<Item = BoundingBox> + '_ {
        self.tracks.iter().filter(|track| track.is_recent()).map(Track::bbox)
    }

    /// Assigns observations to tracks of a stage that have none yet; gives back the others.
    fn match_stage(
        &mut self,
        stage: Stage,
        observations: Vec<Observation>,
        matched: &mut [bool],
        (gate, cost): Rule,
    ) -> Vec<Observation> {
        let free: Vec<usize> = (0..self.tracks.len())
            .filter(|&at| !matched[at] && self.tracks[at].stage() == stage)
            .collect();
        let costs: Vec<Option<f32>> = free
            .iter()
            .flat_map(|&at| observations.iter().map(move |observation| (at, observation)))
            .map(|(at, observation)| {
                cost(&self.tracks[at], observation).filter(|cost| *cost <= gate)
            })
            .collect();
        let at = |row: usize, column: usize| costs[row * observations.len() + column];
        // To leave a pair out costs as much as the most that one may cost: no pair is made better
        // by making another bad.
        let pairs = assign(free.len(), observations.len(), |row, column| {
            Some(at(row, column).map_or(0.0, |cost| f64::from(cost - gate)))
        });
        let pairs: Vec<_> = pairs.into_iter().filter(|&(r, c)| at(r, c).is_some()).collect();
        let mut left: Vec<Option<Observation>> = observations.into_iter().map(Some).collect();
        for (row, column) in pairs {
            let Some(observation) = left[column].take() else { continue };
            let sure = observation.detection.score >= self.scores.sure;
            let last_id = &mut self.last_id;
            self.tracks[free[row]].take(&observation, sure, || next_id(last_id));
            matched[free[row]] = true;
        }
        left.into_iter().flatten().collect()
    }
}

/// Whether more than a quarter of a person is beyond the left or right edge of the frame.
fn is_outside(bbox: &BoundingBox, frame_width: f32) -> bool {
    let margin = EDGE_MARGIN * bbox.height;
    let cut = bbox.left <= margin || bbox.right() >= frame_width - margin;
    cut && bbox.width < NARROWEST_AT_EDGE * bbox.height
}

fn next_id(last: &mut u64) -> TrackId {
    *last += 1;
    TrackId(*last)
}

/// What a pair costs, if it may be at all, and the most that it may cost.
type Rule = (f32, fn(&Track, &Observation) -> Option<f32>);

const SURE: Rule = (1.0, |track, observation| {
    Some(likeness(track, observation)? + SCORE_WEIGHT * (1.0 - observation.detection.score))
});
const DOUBTFUL: Rule = (0.5, likeness);

/// Distance in heights of the person, plus how different the clothes are; none where it is too far.
fn likeness(track: &Track, observation: &Observation) -> Option<f32> {
    let (predicted, found) = (track.bbox(), observation.detection.bbox);
    let ((x, y), (other_x, other_y)) = (predicted.centre(), found.centre());
    let growth = (found.height / predicted.height.max(1.0)).ln().abs();
    if growth > MOST_GROWTH {
        return None;
    }
    let height = (predicted.height + found.height) / 2.0;
    let distance = (x - other_x).hypot(y - other_y) / height.max(1.0);
    // Colours take longer to compare than places.
    if distance.is_nan() || distance > SURE.0 {
        return None;
    }
    let alike = track.appearance().similarity(&observation.appearance);
    Some(distance + GROWTH_WEIGHT * growth + APPEARANCE_WEIGHT * (1.0 - alike))
}

#[cfg(test)]
mod tests;
