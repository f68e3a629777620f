//! Who crosses which line, and who is in which zone: plain functions over tracks.
//!
//! A person stands where the middle of the lower edge of their box is: the foot. Distances are
//! measured in pixels, which are square, and compared with the person's height, so that rules hold
//! near the camera and far from it.

mod line;
mod totals;
mod zone;

use std::{collections::HashMap, time::Duration};

use becamera_domain::{Direction, LineId, Point, Scene, SceneTally, ZoneId, ZoneKind};

pub use crate::scene::totals::SceneTotals;
use crate::scene::{
    line::{LineState, Step},
    zone::{ZoneState, contains},
};
use crate::{
    geometry::BoundingBox,
    track::{TrackId, TrackedPerson},
};

/// Who was not seen for so long is gone. A track that comes back later counts as a new one.
pub const GRACE: Duration = Duration::from_secs(20);

/// Most people that are remembered; beyond them those who are out of sight longest are forgotten.
pub const MAX_TRACKS: usize = 2048;

/// A place in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pixel {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Pixel {
    pub(crate) fn of(point: Point, (width, height): (u32, u32)) -> Self {
        Self { x: point.x * f64::from(width), y: point.y * f64::from(height) }
    }

    fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// What a frame says of lines and zones.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SceneFrame {
    /// Crossings that keep all rules.
    pub crossings: Vec<LineCrossing>,
    /// Every change of side through a line, before any rule.
    pub raw: Vec<RawCrossing>,
    /// People in each zone in which people are counted.
    pub occupancy: Vec<(ZoneId, u32)>,
}

/// Somebody crossed a line.
#[derive(Debug, Clone, PartialEq)]
pub struct LineCrossing {
    /// The line.
    pub line_id: LineId,
    /// Which way.
    pub direction: Direction,
    /// What that way is called.
    pub direction_name: String,
    /// Who.
    pub track: TrackId,
    /// How sure the detector was of the person, 0 to 1.
    pub confidence: f32,
}

/// A foot changed from one side of a line to the other, between the line's ends.
#[derive(Debug, Clone, PartialEq)]
pub struct RawCrossing {
    /// The line.
    pub line_id: LineId,
    /// Which way.
    pub direction: Direction,
    /// Who.
    pub track: TrackId,
}

/// What is remembered of a person, whatever lines and zones there are.
#[derive(Debug, Clone, Copy)]
struct Path {
    first_seen: Duration,
    last_seen: Duration,
    first_foot: Point,
    foot: Point,
    /// Farthest from the first foot, in heights.
    travelled: f64,
}

/// Counts on the lines and zones of a scene, frame by frame.
#[derive(Debug, Clone)]
pub struct SceneCounter {
    lines: Vec<LineState>,
    zones: Vec<ZoneState>,
    paths: HashMap<TrackId, Path>,
}

impl SceneCounter {
    /// A counter that has seen nobody yet.
    pub fn new(scene: &Scene) -> Self {
        let mut counter = Self { lines: Vec::new(), zones: Vec::new(), paths: HashMap::new() };
        counter.replace(scene);
        counter
    }

    /// Goes on with another scene. A line that stays where it is keeps what it knows of everybody,
    /// whatever it and its directions are called and whatever its rules are; one that was moved
    /// starts anew, so that nobody crosses it by standing still. A zone that keeps its name keeps
    /// who is in it; those who no longer are when it was moved leave it. Who is in a zone that is
    /// deleted neither leaves it nor stays.
    pub fn replace(&mut self, scene: &Scene) {
        let mut old = std::mem::take(&mut self.lines);
        self.lines = scene.lines.iter().map(|line| LineState::after(&mut old, line)).collect();
        let mut old = std::mem::take(&mut self.zones);
        let counted = scene.zones.iter().filter(|zone| zone.kind == ZoneKind::Count);
        self.zones = counted.map(|zone| ZoneState::after(&mut old, zone)).collect();
    }

    /// Takes the people of a frame, `at` this time of the stream, which never goes back. Boxes are
    /// in pixels of a picture of `frame`'s width and height. The same frame once more changes
    /// nothing but what is summed over frames.
    pub fn update(
        &mut self,
        at: Duration,
        people: &[TrackedPerson],
        frame: (u32, u32),
    ) -> SceneFrame {
        let mut said = SceneFrame::default();
        self.zones.iter_mut().for_each(|zone| zone.begin_frame(frame));
        for (place, person) in people.iter().enumerate() {
            let Some(foot) = foot(&person.bbox, frame) else { continue };
            // A number that comes twice is taken once.
            if people[..place].iter().any(|other| other.id == person.id) {
                continue;
            }
            let step = self.step(at, person, foot, frame);
            for line in &mut self.lines {
                line.update(person, &step, frame, &mut said);
            }
            for zone in &mut self.zones {
                zone.update(person, &step);
            }
        }
        for zone in &mut self.zones {
            said.occupancy.push((zone.id().clone(), zone.end_frame()));
        }
        self.forget(at);
        said
    }

    /// What was counted since the last time, for the end of a second.
    pub fn take_tally(&mut self) -> SceneTally {
        SceneTally {
            lines: self.lines.iter_mut().filter_map(LineState::take_tally).collect(),
            zones: self.zones.iter_mut().map(ZoneState::take_tally).collect(),
        }
    }

    /// Nobody is followed any more, as at a stream's end: whoever is in a zone leaves it, after a
    /// stay until they were last seen.
    pub fn end(&mut self) {
        let gone: Vec<_> = self.paths.keys().copied().collect();
        gone.into_iter().for_each(|track| self.lose(track));
    }

    /// How many people it remembers.
    pub fn remembered(&self) -> usize {
        self.paths.len()
    }

    fn step(
        &mut self,
        at: Duration,
        person: &TrackedPerson,
        foot: Point,
        frame: (u32, u32),
    ) -> Step {
        let height = f64::from(person.bbox.height);
        let new = Path { first_seen: at, last_seen: at, first_foot: foot, foot, travelled: 0.0 };
        let path = self.paths.entry(person.id).or_insert(new);
        let before = path.foot;
        let now = Pixel::of(foot, frame);
        let distance = now.distance(Pixel::of(path.first_foot, frame));
        if height > 0.0 {
            path.travelled = path.travelled.max(distance / height);
        }
        path.foot = foot;
        path.last_seen = at;
        Step {
            at,
            age: at.saturating_sub(path.first_seen),
            travelled: path.travelled,
            from: Pixel::of(before, frame),
            to: now,
            height,
        }
    }

    /// Bounds what is remembered.
    fn forget(&mut self, at: Duration) {
        let unseen = |path: &Path| at.saturating_sub(path.last_seen);
        let gone = self.paths.iter().filter(|(_, path)| unseen(path) > GRACE);
        let gone: Vec<_> = gone.map(|(track, _)| *track).collect();
        gone.into_iter().for_each(|track| self.lose(track));
        if self.paths.len() > MAX_TRACKS {
            let mut oldest: Vec<_> =
                self.paths.iter().map(|(track, path)| (path.last_seen, *track)).collect();
            oldest.sort_unstable();
            oldest.truncate(self.paths.len() - MAX_TRACKS);
            oldest.into_iter().for_each(|(_, track)| self.lose(track));
        }
    }

    fn lose(&mut self, track: TrackId) {
        let Some(path) = self.paths.remove(&track) else { return };
        self.lines.iter_mut().for_each(|line| line.forget(track));
        self.zones.iter_mut().for_each(|zone| zone.lose(track, path.last_seen));
    }
}

/// Whether a box is to be left out: its centre lies in a zone whose kind is
/// [`Exclude`](ZoneKind::Exclude).
pub fn is_masked(scene: &Scene, bbox: &BoundingBox, frame: (u32, u32)) -> bool {
    let masks = || scene.zones.iter().filter(|zone| zone.kind == ZoneKind::Exclude);
    if masks().next().is_none() || !bbox.is_finite() {
        return false;
    }
    let centre = Pixel {
        x: f64::from(bbox.left) + f64::from(bbox.width) / 2.0,
        y: f64::from(bbox.top) + f64::from(bbox.height) / 2.0,
    };
    masks().any(|zone| {
        let corners: Vec<_> = zone.polygon.iter().map(|corner| Pixel::of(*corner, frame)).collect();
        contains(&corners, centre)
    })
}

/// Where a person stands, in widths and heights of the picture.
fn foot(bbox: &BoundingBox, (width, height): (u32, u32)) -> Option<Point> {
    if !bbox.is_finite() || width == 0 || height == 0 {
        return None;
    }
    let x = f64::from(bbox.left) + f64::from(bbox.width) / 2.0;
    let y = f64::from(bbox.top) + f64::from(bbox.height);
    Some(Point { x: x / f64::from(width), y: y / f64::from(height) })
}

#[cfg(test)]
mod tests;
