//! Crossings of one line.

use std::{collections::HashMap, time::Duration};

use becamera_domain::{CrossingRules, Direction, FrameSize, Line, LineTally};

use crate::scene::{LineCrossing, Pixel, RawCrossing, SceneFrame};
use crate::track::{TrackId, TrackedPerson};

/// What a person did from one frame to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct FootMove {
    /// The frame's time.
    pub at: Duration,
    /// Since the person was first seen.
    pub age: Duration,
    /// Farthest from where the person was first seen, in heights.
    pub travelled: f64,
    /// Where the foot was, and is: equal in the person's first frame.
    pub from: Pixel,
    pub to: Pixel,
    /// Height of the person in pixels.
    pub height: f64,
}

/// A line, and on which side of it each track is.
#[derive(Debug, Clone)]
pub(super) struct LineState {
    line: Line,
    people: HashMap<TrackId, Standing>,
    raw_in: u32,
    raw_out: u32,
}

/// A side of a line, seen from its `from` to its `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Side {
    /// The side of a signed distance from the line; none on the line.
    fn of(distance: f64) -> Option<Self> {
        if distance > 0.0 {
            Some(Self::Right)
        } else if distance < 0.0 {
            Some(Self::Left)
        } else {
            None
        }
    }

    /// The direction of a crossing that ends on this side.
    fn reached(self) -> Direction {
        match self {
            Self::Right => Direction::In,
            Self::Left => Direction::Out,
        }
    }
}

/// Where a person stands relative to a line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Standing {
    /// The side of the foot; none while it was only on the line itself.
    side: Option<Side>,
    established: Established,
}

/// The side on which a person was last beyond the band along the line.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Established {
    /// The person was always in the band: leaving it for the first time is no crossing.
    Nowhere,
    /// On this side. `through` is the number of passes through the line since then, between its
    /// ends: those from left to right less those back.
    On { side: Side, through: i32 },
}

impl Established {
    /// The foot went through the line.
    fn pass(&mut self, reached: Side) {
        if let Self::On { through, .. } = self {
            *through += match reached {
                Side::Right => 1,
                Side::Left => -1,
            };
        }
    }

    /// The foot is beyond the band on this side; gives whether that is a crossing. `rules_hold`: the
    /// track is old enough and has come far enough. Until then a crossing waits.
    fn beyond(&mut self, now: Side, rules_hold: bool) -> bool {
        let went_through = match *self {
            Self::On { side, through } if side != now => match now {
                Side::Right => through > 0,
                Side::Left => through < 0,
            },
            _ => false,
        };
        if went_through && !rules_hold {
            return false;
        }
        *self = Self::On { side: now, through: 0 };
        went_through
    }
}

impl LineState {
    fn new(line: &Line) -> Self {
        Self { line: line.clone(), people: HashMap::new(), raw_in: 0, raw_out: 0 }
    }

    /// The state of a line, taken from the states before where it keeps its id and its place.
    pub(super) fn after(old: &mut Vec<Self>, line: &Line) -> Self {
        let same = |state: &Self| {
            state.line.id == line.id && state.line.from == line.from && state.line.to == line.to
        };
        match old.iter().position(same) {
            Some(place) => Self { line: line.clone(), ..old.swap_remove(place) },
            None => Self::new(line),
        }
    }

    /// Takes a person's step.
    pub(super) fn update(
        &mut self,
        person: &TrackedPerson,
        step: &FootMove,
        frame: FrameSize,
        said: &mut SceneFrame,
    ) {
        let ends = [Pixel::of(self.line.from, frame), Pixel::of(self.line.to, frame)];
        let Some(distance) = distance(ends, step.to) else { return };
        let standing = self
            .people
            .entry(person.id)
            .or_insert(Standing { side: None, established: Established::Nowhere });
        let Some(reached) = Side::of(distance) else { return };
        let direction = reached.reached();
        let left = standing.side.replace(reached);
        if left.is_some_and(|left| left != reached) && passes(ends, step) {
            standing.established.pass(reached);
            let count = match direction {
                Direction::In => &mut self.raw_in,
                Direction::Out => &mut self.raw_out,
            };
            *count = count.saturating_add(1);
            let line_id = self.line.id.clone();
            said.raw.push(RawCrossing { line_id, direction, track: person.id });
        }
        let CrossingRules { hysteresis, min_age_ms, min_travel } = self.line.rules;
        let rules_hold = step.age >= Duration::from_millis(min_age_ms.into())
            && step.travelled >= f64::from(min_travel);
        if distance.abs() > f64::from(hysteresis) * step.height
            && standing.established.beyond(reached, rules_hold)
        {
            said.crossings.push(LineCrossing {
                line_id: self.line.id.clone(),
                direction,
                direction_name: self.line.directions.name(direction).to_owned(),
                track: person.id,
                confidence: person.confidence,
            });
        }
    }

    /// Forgets a track.
    pub(super) fn forget(&mut self, track: TrackId) {
        self.people.remove(&track);
    }

    #[cfg(test)]
    pub(super) fn is_forgotten(&self) -> bool {
        self.people.is_empty()
    }

    /// Raw crossings since the last call; none where there are none.
    pub(super) fn take_tally(&mut self) -> Option<LineTally> {
        let (raw_in, raw_out) = (self.raw_in, self.raw_out);
        (self.raw_in, self.raw_out) = (0, 0);
        let happened = raw_in > 0 || raw_out > 0;
        happened.then(|| LineTally { line_id: self.line.id.clone(), raw_in, raw_out })
    }
}

/// Distance of a place from the infinite line through the ends, positive on its right; none where
/// the ends are one place.
fn distance([from, to]: [Pixel; 2], place: Pixel) -> Option<f64> {
    let length = from.distance(to);
    let twice_area = (to.x - from.x) * (place.y - from.y) - (to.y - from.y) * (place.x - from.x);
    Some(twice_area / length).filter(|distance| distance.is_finite())
}

/// Whether a step that changes sides goes between the ends: where it meets the infinite line, or
/// where it leaves it.
fn passes(ends: [Pixel; 2], step: &FootMove) -> bool {
    let (Some(before), Some(after)) = (distance(ends, step.from), distance(ends, step.to)) else {
        return false;
    };
    let share = before / (before - after);
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let met = Pixel {
        x: step.from.x + share * (step.to.x - step.from.x),
        y: step.from.y + share * (step.to.y - step.from.y),
    };
    let [from, to] = ends;
    let along = (met.x - from.x) * (to.x - from.x) + (met.y - from.y) * (to.y - from.y);
    let length = from.distance(to);
    (0.0..=length * length).contains(&along)
}
