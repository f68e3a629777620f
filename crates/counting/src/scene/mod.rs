//! Crossings of lines and stays in zones: plain functions over tracks.
//!
//! A person stands where the middle of the lower edge of their box is: the foot. Distances are
//! measured in pixels, which are square, and compared with the person's height, so that rules hold
//! near the camera and far from it.

mod line;
mod totals;
mod zone;

use std::{collections::HashMap, time::Duration};

use becamera_domain::{Direction, FrameSize, LineId, Point, Scene, SceneTally, ZoneId, ZoneKind};
use serde::{Deserialize, Serialize};

pub use crate::scene::totals::SceneTotals;
use crate::scene::{
    line::{FootMove, LineState},
    zone::{ZoneState, contains},
};
use crate::{
    geometry::BoundingBox,
    track::{TrackId, TrackedPerson},
};

/// Time without its person after which a track is forgotten. One that comes back later counts as a
/// new track.
pub const GRACE: Duration = Duration::from_secs(20);

/// Most people that are remembered; beyond them those out of sight longest are forgotten.
pub const MAX_TRACKS: usize = 2048;

/// A place in a frame, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pixel {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Pixel {
    pub(crate) fn of(point: Point, frame: FrameSize) -> Self {
        Self { x: point.x * f64::from(frame.width), y: point.y * f64::from(frame.height) }
    }

    fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// What happened on lines and in zones with a frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SceneFrame {
    /// Crossings that follow all rules of their lines.
    pub crossings: Vec<LineCrossing>,
    /// Every change of side through a line, before any rule.
    pub raw: Vec<RawCrossing>,
    /// People in each zone in which people are counted.
    pub occupancy: Vec<(ZoneId, u32)>,
}

/// A person crossed a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineCrossing {
    /// The line.
    pub line_id: LineId,
    /// The direction.
    pub direction: Direction,
    /// The line's name for this direction.
    pub direction_name: String,
    /// The person's track.
    pub track: TrackId,
    /// Mean score of the person's detections, 0 to 1.
    pub confidence: f32,
}

/// A foot changed from one side of a line to the other, between the line's ends.
#[derive(Debug, Clone, PartialEq)]
pub struct RawCrossing {
    /// The line.
    pub line_id: LineId,
    /// The direction.
    pub direction: Direction,
    /// The person's track.
    pub track: TrackId,
}

/// What is remembered of a person, whatever lines and zones there are.
#[derive(Debug, Clone, Copy)]
struct Path {
    first_seen: Duration,
    last_seen: Duration,
    first_foot: Point,
    foot: Point,
    /// Largest distance from the first foot, in heights of the person.
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
    /// A counter that knows no track yet.
    pub fn new(scene: &Scene) -> Self {
        let mut counter = Self { lines: Vec::new(), zones: Vec::new(), paths: HashMap::new() };
        counter.update_scene(scene);
        counter
    }

    /// Goes on with another scene. A line that keeps its id and its place keeps its state of every
    /// track, even when its rules or the names of its directions change; one that was moved starts
    /// anew, so that nobody crosses it by standing still. A zone that keeps its id keeps the people
    /// in it; those outside of its new polygon leave it. People in a zone that is deleted are counted
    /// neither as leaving nor as staying.
    pub fn update_scene(&mut self, scene: &Scene) {
        let mut old = std::mem::take(&mut self.lines);
        self.lines = scene.lines.iter().map(|line| LineState::after(&mut old, line)).collect();
        let mut old = std::mem::take(&mut self.zones);
        let counted = scene.zones.iter().filter(|zone| zone.kind == ZoneKind::Count);
        self.zones = counted.map(|zone| ZoneState::after(&mut old, zone)).collect();
    }

    /// Takes the people of a frame of this size, `at` this time of the stream, which never goes
    /// back. Boxes are in pixels of the frame. The same frame once more changes nothing but what is
    /// summed over frames.
    pub fn update(
        &mut self,
        at: Duration,
        people: &[TrackedPerson],
        frame: FrameSize,
    ) -> SceneFrame {
        let mut said = SceneFrame::default();
        self.zones.iter_mut().for_each(|zone| zone.begin_frame(frame));
        for (place, person) in people.iter().enumerate() {
            let Some(foot) = foot(&person.bbox, frame) else { continue };
            // A track that comes twice is taken once.
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

    /// What was counted since the last call, for the end of a second.
    pub fn take_tally(&mut self) -> SceneTally {
        SceneTally {
            lines: self.lines.iter_mut().filter_map(LineState::take_tally).collect(),
            zones: self.zones.iter_mut().map(ZoneState::take_tally).collect(),
        }
    }

    /// Ends all tracks, as at a stream's end: everybody in a zone leaves it, after a dwell until
    /// they were last seen.
    pub fn end(&mut self) {
        let gone: Vec<_> = self.paths.keys().copied().collect();
        gone.into_iter().for_each(|track| self.lose(track));
    }

    /// Number of people that are remembered.
    pub fn remembered(&self) -> usize {
        self.paths.len()
    }

    fn step(
        &mut self,
        at: Duration,
        person: &TrackedPerson,
        foot: Point,
        frame: FrameSize,
    ) -> FootMove {
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
        FootMove {
            at,
            age: at.saturating_sub(path.first_seen),
            travelled: path.travelled,
            from: Pixel::of(before, frame),
            to: now,
            height,
        }
    }

    /// Forgets tracks without a person, and the oldest beyond [`MAX_TRACKS`].
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

/// Whether the centre of a box lies in a zone of the kind [`Exclude`](ZoneKind::Exclude), so that the
/// detection is dropped. The box is in pixels of a frame of this size.
pub fn is_masked(scene: &Scene, bbox: &BoundingBox, frame: FrameSize) -> bool {
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

/// Where a person stands, in widths and heights of the frame; none without finite numbers.
fn foot(bbox: &BoundingBox, FrameSize { width, height }: FrameSize) -> Option<Point> {
    if !bbox.is_finite() || width == 0 || height == 0 {
        return None;
    }
    let x = f64::from(bbox.left) + f64::from(bbox.width) / 2.0;
    let y = f64::from(bbox.top) + f64::from(bbox.height);
    Some(Point { x: x / f64::from(width), y: y / f64::from(height) })
}

#[cfg(test)]
mod tests;
