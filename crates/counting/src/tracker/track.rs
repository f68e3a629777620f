//! One track: a person followed from frame to frame.

use crate::tracker::{Appearance, Observation, kalman::BoxFilter};
use crate::{
    geometry::BoundingBox,
    track::{TrackId, TrackedPerson},
};

/// Detections that settle a track. They confirm it, if the first was not certain: it counts.
const SETTLED_HITS: u32 = 2;
/// Scans that may miss a track before it is given up: one that is settled, and another.
const SETTLED_MISSES: u32 = 60;
const UNSETTLED_MISSES: u32 = 2;
/// A track missed in more scans in a row than this does not count until found again.
const COUNTED_MISSES: u32 = 1;
/// A track missed in more scans in a row than this has no search box any more, but may come back.
const SEARCHED_MISSES: u32 = 3;

/// How far a track is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Seen once: perhaps a mistake.
    Tentative,
    /// Somebody.
    Confirmed,
}

/// A person followed from frame to frame.
#[derive(Debug)]
pub struct Track {
    id: Option<TrackId>,
    filter: BoxFilter,
    appearance: Appearance,
    hits: u32,
    /// Scans in a row that did not find it.
    misses: u32,
    seen: bool,
    score_sum: f64,
}

impl Track {
    /// Somebody new; confirmed at once if it has a number.
    pub fn new(first: Observation, id: Option<TrackId>) -> Self {
        Self {
            id,
            filter: BoxFilter::new(&first.detection.bbox),
            appearance: first.appearance,
            hits: 1,
            misses: 0,
            seen: true,
            score_sum: first.detection.score.into(),
        }
    }

    /// How far it is believed.
    pub fn stage(&self) -> Stage {
        if self.id.is_some() { Stage::Confirmed } else { Stage::Tentative }
    }

    /// Where it is believed to be.
    pub fn bbox(&self) -> BoundingBox {
        self.filter.bbox()
    }

    /// What it looks like.
    pub fn appearance(&self) -> &Appearance {
        &self.appearance
    }

    /// Lets time pass.
    pub fn predict(&mut self, steps: f32) {
        self.filter.predict(steps, self.misses > 0);
        self.seen = false;
    }

    /// Takes a detection of it. The first that confirms it gives it its number.
    pub fn take(
        &mut self,
        observation: &Observation,
        sure: bool,
        number: impl FnOnce() -> TrackId,
    ) {
        self.filter.correct(&observation.detection.bbox);
        // A person half hidden looks like the one in front.
        if sure {
            self.appearance.blend(&observation.appearance);
        }
        self.hits = self.hits.saturating_add(1);
        self.misses = 0;
        self.seen = true;
        self.score_sum += f64::from(observation.detection.score);
        if self.is_settled() && self.id.is_none() {
            self.id = Some(number());
        }
    }

    /// The detector ran where the track is and did not find it.
    pub fn miss(&mut self) {
        self.misses += 1;
    }

    /// Whether it is to be given up.
    pub fn is_lost(&self) -> bool {
        self.misses >= if self.is_settled() { SETTLED_MISSES } else { UNSETTLED_MISSES }
    }

    /// Whether it was seen more than once: a mistake is seldom made twice.
    pub fn is_settled(&self) -> bool {
        self.hits >= SETTLED_HITS
    }

    /// Whether it was seen lately.
    pub fn is_recent(&self) -> bool {
        self.misses <= SEARCHED_MISSES
    }

    /// The person, if it counts: seen often enough, and lately.
    pub fn person(&self) -> Option<TrackedPerson> {
        let id = self.id.filter(|_| self.misses <= COUNTED_MISSES)?;
        let confidence = (self.score_sum / f64::from(self.hits)) as f32;
        Some(TrackedPerson { id, bbox: self.bbox(), confidence, seen: self.seen })
    }
}
