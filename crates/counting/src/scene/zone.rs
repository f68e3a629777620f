//! Stays in one zone.

use std::{collections::HashMap, time::Duration};

use becamera_domain::{DWELL_BOUNDS, FrameSize, Point, Zone, ZoneId, ZoneTally};

use crate::scene::{Pixel, line::FootMove};
use crate::track::{TrackId, TrackedPerson};

/// To enter or leave, a foot must get this far beyond the border, in heights of the person …
const HYSTERESIS: f64 = 0.06;

/// … but no farther than this share of the zone's depth, or nobody could enter a narrow zone.
const DEPTH_SHARE: f64 = 0.5;

/// Places tried along each axis to find a zone's depth.
const GRID: u32 = 24;

/// A side of a zone this close to the picture's edge is no border: nobody can stand beyond it. In
/// widths and heights of the picture.
const AT_EDGE: f64 = 1e-6;

/// A zone, and the people in it.
#[derive(Debug, Clone)]
pub(super) struct ZoneState {
    zone: Zone,
    shape: Shape,
    people: HashMap<TrackId, Place>,
    inside_now: u32,
    tally: ZoneTally,
    frames: u32,
}

/// Where a person is relative to a zone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Outside,
    Inside { since: Duration },
}

impl ZoneState {
    fn new(zone: &Zone) -> Self {
        Self {
            zone: zone.clone(),
            shape: Shape::new(&zone.polygon, FrameSize::default()),
            people: HashMap::new(),
            inside_now: 0,
            tally: empty_tally(&zone.id, 0),
            frames: 0,
        }
    }

    /// The state of a zone, taken from the states before where one has its id.
    pub(super) fn after(old: &mut Vec<Self>, zone: &Zone) -> Self {
        match old.iter().position(|state| state.zone.id == zone.id) {
            Some(place) => {
                let mut state = old.swap_remove(place);
                if state.zone.polygon != zone.polygon {
                    state.shape = Shape::new(&zone.polygon, state.shape.frame);
                }
                Self { zone: zone.clone(), ..state }
            }
            None => Self::new(zone),
        }
    }

    /// The zone's id.
    pub(super) fn id(&self) -> &ZoneId {
        &self.zone.id
    }

    /// A frame of this size begins.
    pub(super) fn begin_frame(&mut self, frame: FrameSize) {
        if self.shape.frame != frame {
            self.shape = Shape::new(&self.zone.polygon, frame);
        }
        self.inside_now = 0;
    }

    /// Takes a person's step.
    pub(super) fn update(&mut self, person: &TrackedPerson, step: &FootMove) {
        let foot = self.shape.in_picture(step.to);
        let inside = contains(&self.shape.corners, foot);
        let margin = (HYSTERESIS * step.height).min(DEPTH_SHARE * self.shape.depth);
        let entered = match self.people.get(&person.id) {
            None => inside,
            Some(Place::Outside) => inside && self.shape.distance(foot) > margin,
            Some(&Place::Inside { since }) => {
                if inside || self.shape.distance(foot) <= margin {
                    self.inside_now += 1;
                    return;
                }
                self.leave(step.at.saturating_sub(since));
                false
            }
        };
        let place = if entered {
            self.tally.entries = self.tally.entries.saturating_add(1);
            self.inside_now += 1;
            Place::Inside { since: step.at }
        } else {
            Place::Outside
        };
        self.people.insert(person.id, place);
    }

    /// The frame is complete; gives the number of people in the zone.
    pub(super) fn end_frame(&mut self) -> u32 {
        let people = self.inside_now;
        let tally = &mut self.tally;
        tally.people_last = people;
        let first = self.frames == 0;
        tally.people_min = if first { people } else { tally.people_min.min(people) };
        tally.people_max = if first { people } else { tally.people_max.max(people) };
        tally.people_sum = tally.people_sum.saturating_add(people);
        self.frames = self.frames.saturating_add(1);
        people
    }

    /// A track ended; its person was last seen then.
    pub(super) fn lose(&mut self, track: TrackId, last_seen: Duration) {
        if let Some(Place::Inside { since }) = self.people.remove(&track) {
            self.leave(last_seen.saturating_sub(since));
        }
    }

    /// What was counted since the last call.
    pub(super) fn take_tally(&mut self) -> ZoneTally {
        self.frames = 0;
        let next = empty_tally(&self.zone.id, self.tally.people_last);
        std::mem::replace(&mut self.tally, next)
    }

    #[cfg(test)]
    pub(super) fn lose_after(&mut self, stay: Duration) {
        self.people.insert(TrackId(0), Place::Inside { since: Duration::ZERO });
        self.lose(TrackId(0), stay);
    }

    fn leave(&mut self, stay: Duration) {
        let tally = &mut self.tally;
        tally.exits = tally.exits.saturating_add(1);
        let bound = |seconds: &u32| stay <= Duration::from_secs((*seconds).into());
        let class = DWELL_BOUNDS.iter().position(bound).unwrap_or(DWELL_BOUNDS.len());
        tally.dwell[class] = tally.dwell[class].saturating_add(1);
        let milliseconds = u64::try_from(stay.as_millis()).unwrap_or(u64::MAX);
        tally.dwell_sum_ms = tally.dwell_sum_ms.saturating_add(milliseconds);
    }
}

fn empty_tally(zone_id: &ZoneId, people: u32) -> ZoneTally {
    ZoneTally {
        zone_id: zone_id.clone(),
        people_last: people,
        people_min: people,
        people_max: people,
        people_sum: 0,
        entries: 0,
        exits: 0,
        dwell: [0; DWELL_BOUNDS.len() + 1],
        dwell_sum_ms: 0,
    }
}

/// A polygon in a picture of some size.
#[derive(Debug, Clone)]
struct Shape {
    frame: FrameSize,
    corners: Vec<Pixel>,
    /// Its sides except those along the picture's edge.
    borders: Vec<[Pixel; 2]>,
    /// About the largest distance from the borders inside, in pixels.
    depth: f64,
}

impl Shape {
    /// A polygon in a picture of this size.
    fn new(polygon: &[Point], frame: FrameSize) -> Self {
        let corners: Vec<_> = polygon.iter().map(|corner| Pixel::of(*corner, frame)).collect();
        let along_edge = |a: &Point, b: &Point| {
            let both = |place: fn(&Point) -> f64, edge: f64| {
                (place(a) - edge).abs() < AT_EDGE && (place(b) - edge).abs() < AT_EDGE
            };
            let (x, y) = (|point: &Point| point.x, |point: &Point| point.y);
            both(x, 0.0) || both(x, 1.0) || both(y, 0.0) || both(y, 1.0)
        };
        let sides = polygon.iter().zip(polygon.iter().cycle().skip(1));
        let borders = sides
            .filter(|(a, b)| !along_edge(a, b))
            .map(|(a, b)| [Pixel::of(*a, frame), Pixel::of(*b, frame)])
            .collect();
        let mut shape = Self { frame, corners, borders, depth: 0.0 };
        shape.depth = shape.measured_depth();
        shape
    }

    /// Distance of a place from the borders; infinite where there are none.
    fn distance(&self, place: Pixel) -> f64 {
        let distances = self.borders.iter().map(|side| distance_to(side, place));
        distances.fold(f64::INFINITY, f64::min)
    }

    /// The nearest place inside the picture: a person cut off by its lower edge stands there.
    fn in_picture(&self, place: Pixel) -> Pixel {
        let clamp = |value: f64, size: u32| {
            let size = f64::from(size);
            value.clamp(size * AT_EDGE, size * (1.0 - AT_EDGE))
        };
        Pixel { x: clamp(place.x, self.frame.width), y: clamp(place.y, self.frame.height) }
    }

    fn measured_depth(&self) -> f64 {
        let range = |values: fn(&Pixel) -> f64| {
            let values = || self.corners.iter().map(values);
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
        };
        let (x, y) = (range(|corner| corner.x), range(|corner| corner.y));
        let at = |(least, most): (f64, f64), step: u32| {
            least + (most - least) * (f64::from(step) + 0.5) / f64::from(GRID)
        };
        let places =
            (0..GRID).flat_map(|i| (0..GRID).map(move |j| Pixel { x: at(x, i), y: at(y, j) }));
        places
            .filter(|place| contains(&self.corners, *place))
            .map(|place| self.distance(place))
            .fold(0.0, f64::max)
    }
}

/// Whether a place lies in a polygon, by the even-odd rule.
pub(super) fn contains(corners: &[Pixel], place: Pixel) -> bool {
    let mut inside = false;
    for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        if (a.y > place.y) != (b.y > place.y) {
            let x = a.x + (place.y - a.y) / (b.y - a.y) * (b.x - a.x);
            inside ^= place.x < x;
        }
    }
    inside
}

/// Distance of a place from a segment.
fn distance_to([a, b]: &[Pixel; 2], place: Pixel) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let share = ((place.x - a.x) * dx + (place.y - a.y) * dy) / (dx * dx + dy * dy);
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    place.distance(Pixel { x: a.x + share * dx, y: a.y + share * dy })
}
