//! What operators draw into a camera's picture: lines that people cross, zones in which they stay.

use serde::{Deserialize, Serialize};

use crate::{InvalidField, LineId, ZoneId};

/// Most lines of a camera.
pub const MAX_LINES: usize = 32;
/// Most zones of a camera.
pub const MAX_ZONES: usize = 32;
/// Most corners of a zone.
pub const MAX_CORNERS: usize = 64;
/// Shortest line, in widths of the picture.
const SHORTEST_LINE: f64 = 0.01;
/// Longest name of a direction and longest title, in characters.
const LONGEST_TITLE: usize = 100;

/// A place in the picture: `[x, y]`, from `[0, 0]` at the top left to `[1, 1]` at the bottom right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Point {
    /// From the left edge, in widths of the picture.
    pub x: f64,
    /// From the top edge, in heights of the picture.
    pub y: f64,
}

impl From<[f64; 2]> for Point {
    fn from([x, y]: [f64; 2]) -> Self {
        Self { x, y }
    }
}

impl From<Point> for [f64; 2] {
    fn from(point: Point) -> Self {
        [point.x, point.y]
    }
}

impl Point {
    fn is_in_picture(&self) -> bool {
        let range = 0.0..=1.0;
        range.contains(&self.x) && range.contains(&self.y)
    }
}

/// Lines and zones of a camera. Travels to the worker: nothing in it may be left out when it is
/// written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scene {
    /// Lines, by name.
    pub lines: Vec<Line>,
    /// Zones, by name.
    pub zones: Vec<Zone>,
}

impl Scene {
    /// Whether nothing is drawn.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.zones.is_empty()
    }

    /// Checks everything that is drawn.
    pub fn validate(&self) -> Result<(), InvalidField> {
        if self.lines.len() > MAX_LINES {
            let reason = format!("a camera has at most {MAX_LINES} lines");
            return Err(InvalidField::new("lines", reason));
        }
        if self.zones.len() > MAX_ZONES {
            let reason = format!("a camera has at most {MAX_ZONES} zones");
            return Err(InvalidField::new("zones", reason));
        }
        self.lines.iter().try_for_each(Line::validate)?;
        self.zones.iter().try_for_each(Zone::validate)
    }
}

/// A segment that people cross with their feet.
///
/// Seen by an observer at `from` who looks to `to`, people who cross from the left to the right go
/// in the first direction, `in`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its name.
    pub id: LineId,
    /// One end.
    pub from: Point,
    /// The other end.
    pub to: Point,
    /// What its directions are called.
    #[serde(default)]
    pub directions: Directions,
    /// What counts as a crossing.
    #[serde(default)]
    pub rules: CrossingRules,
}

/// What a line's two directions are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Directions {
    /// From the left to the right of the line, seen from its `from` to its `to`.
    #[serde(rename = "in")]
    pub inwards: String,
    /// From the right to the left.
    #[serde(rename = "out")]
    pub outwards: String,
}

impl Default for Directions {
    fn default() -> Self {
        Self { inwards: "in".into(), outwards: "out".into() }
    }
}

impl Directions {
    /// What a direction is called.
    pub fn name(&self, direction: Direction) -> &str {
        match direction {
            Direction::In => &self.inwards,
            Direction::Out => &self.outwards,
        }
    }
}

/// One of a line's two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the left to the right of the line, seen from its `from` to its `to`.
    In,
    /// From the right to the left.
    Out,
}

impl Direction {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// What counts as a crossing of a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CrossingRules {
    /// How far beyond the line a person must get to cross it, in heights of the person. 0 to 2.
    pub hysteresis: f32,
    /// How long a person must have been tracked to cross, in milliseconds. 0 to 60,000.
    pub min_age_ms: u32,
    /// How far a person must have moved to cross, in heights of the person. 0 to 10.
    pub min_travel: f32,
}

impl Default for CrossingRules {
    fn default() -> Self {
        Self { hysteresis: 0.12, min_age_ms: 200, min_travel: 0.1 }
    }
}

impl Line {
    /// Checks every value.
    pub fn validate(&self) -> Result<(), InvalidField> {
        for (field, point) in [("from", self.from), ("to", self.to)] {
            in_picture(field, &point)?;
        }
        if (self.from.x - self.to.x).hypot(self.from.y - self.to.y) < SHORTEST_LINE {
            let reason = format!("must be at least {SHORTEST_LINE} away from `from`");
            return Err(InvalidField::new("to", reason));
        }
        for (field, name) in [
            ("directions.in", &self.directions.inwards),
            ("directions.out", &self.directions.outwards),
        ] {
            title(field, name)?;
        }
        if self.directions.inwards == self.directions.outwards {
            return Err(InvalidField::new("directions.out", "must differ from `directions.in`"));
        }
        let CrossingRules { hysteresis, min_age_ms, min_travel } = self.rules;
        // Written so that NaN fails too.
        if !(0.0..=2.0).contains(&hysteresis) {
            return Err(InvalidField::new(
                "rules.hysteresis",
                "must be from 0 to 2 heights of a person",
            ));
        }
        if min_age_ms > 60_000 {
            return Err(InvalidField::new("rules.min_age_ms", "must be at most 60000 ms"));
        }
        if !(0.0..=10.0).contains(&min_travel) {
            return Err(InvalidField::new(
                "rules.min_travel",
                "must be from 0 to 10 heights of a person",
            ));
        }
        Ok(())
    }
}

/// A polygon in the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name.
    pub id: ZoneId,
    /// What it is for.
    #[serde(default)]
    pub kind: ZoneKind,
    /// Its corners in order; the last is joined to the first.
    pub polygon: Vec<Point>,
}

/// What a zone is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneKind {
    /// People who stand in the zone are counted.
    #[default]
    Count,
    /// Detections in the zone are no people: a poster, a mirror, a screen.
    Exclude,
}

impl Zone {
    /// Checks every value.
    pub fn validate(&self) -> Result<(), InvalidField> {
        let corners = &self.polygon;
        if !(3..=MAX_CORNERS).contains(&corners.len()) {
            let reason = format!("must have 3 to {MAX_CORNERS} corners");
            return Err(InvalidField::new("polygon", reason));
        }
        corners.iter().try_for_each(|corner| in_picture("polygon", corner))?;
        if crosses_itself(corners) {
            return Err(InvalidField::new("polygon", "must not cross or touch itself"));
        }
        if area(corners).abs() < 1e-4 {
            return Err(InvalidField::new("polygon", "must cover a part of the picture"));
        }
        Ok(())
    }
}

fn in_picture(field: &'static str, point: &Point) -> Result<(), InvalidField> {
    if point.is_in_picture() {
        return Ok(());
    }
    Err(InvalidField::new(field, "must lie in the picture: x and y from 0 to 1"))
}

fn title(field: &'static str, text: &str) -> Result<(), InvalidField> {
    if text.trim().is_empty() || text.chars().count() > LONGEST_TITLE {
        let reason = format!("must have 1 to {LONGEST_TITLE} characters");
        return Err(InvalidField::new(field, reason));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidField::new(field, "must not contain control characters"));
    }
    Ok(())
}

/// A polygon's area, positive where its corners go clockwise on the screen.
fn area(corners: &[Point]) -> f64 {
    let next = corners.iter().cycle().skip(1);
    corners.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f64>() / 2.0
}

fn crosses_itself(corners: &[Point]) -> bool {
    let count = corners.len();
    let side = |at: usize| (corners[at], corners[(at + 1) % count]);
    (0..count).any(|first| {
        let (a, b) = side(first);
        (first + 1..count).any(|second| {
            let (c, d) = side(second);
            let neighbours = second == first + 1 || (first == 0 && second == count - 1);
            // Neighbours share a corner; they must not run back over each other.
            if neighbours {
                let (shared, before, after) = if b == c { (b, a, d) } else { (a, b, c) };
                return before == shared
                    || after == shared
                    || (turn(before, shared, after) == 0.0 && back(before, shared, after));
            }
            touch(a, b, c, d)
        })
    })
}

/// Twice the area of a triangle: positive where its corners turn clockwise on the screen.
fn turn(a: Point, b: Point, c: Point) -> f64 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

fn back(before: Point, shared: Point, after: Point) -> bool {
    (before.x - shared.x) * (after.x - shared.x) + (before.y - shared.y) * (after.y - shared.y)
        > 0.0
}

/// Whether two segments have a point in common.
fn touch(a: Point, b: Point, c: Point, d: Point) -> bool {
    let on = |p: Point, q: Point, r: Point| {
        turn(p, q, r) == 0.0
            && (p.x.min(q.x)..=p.x.max(q.x)).contains(&r.x)
            && (p.y.min(q.y)..=p.y.max(q.y)).contains(&r.y)
    };
    let apart = |p: Point, q: Point, r: Point, s: Point| turn(p, q, r) * turn(p, q, s) < 0.0;
    (apart(a, b, c, d) && apart(c, d, a, b))
        || on(a, b, c)
        || on(a, b, d)
        || on(c, d, a)
        || on(c, d, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: [f64; 2], to: [f64; 2]) -> Line {
        Line {
            id: "door".parse().unwrap(),
            from: from.into(),
            to: to.into(),
            directions: Directions::default(),
            rules: CrossingRules::default(),
        }
    }

    fn polygon(corners: &[[f64; 2]]) -> Result<(), InvalidField> {
        let polygon = corners.iter().copied().map(Point::from).collect();
        Zone { id: "hall".parse().unwrap(), kind: ZoneKind::Count, polygon }.validate()
    }

    #[test]
    fn a_line_needs_two_places_in_the_picture() {
        assert_eq!(line([0.1, 0.5], [0.9, 0.5]).validate(), Ok(()));
        let field = |line: Line| line.validate().unwrap_err().field;
        assert_eq!(field(line([-0.1, 0.5], [0.9, 0.5])), "from");
        assert_eq!(field(line([0.1, 0.5], [f64::NAN, 0.5])), "to");
        assert_eq!(field(line([0.1, 0.5], [0.1, 0.5])), "to");
        let rules = CrossingRules { hysteresis: f32::NAN, ..CrossingRules::default() };
        assert_eq!(field(Line { rules, ..line([0.1, 0.5], [0.9, 0.5]) }), "rules.hysteresis");
        let directions = Directions { inwards: "out".into(), ..Directions::default() };
        assert_eq!(field(Line { directions, ..line([0.1, 0.5], [0.9, 0.5]) }), "directions.out");
    }

    #[test]
    fn a_line_is_read_as_users_write_it() {
        let text = r#"{"id":"door","from":[0.1,0.5],"to":[0.9,0.5],"rules":{"hysteresis":0.2}}"#;
        let read: Line = serde_json::from_str(text).unwrap();
        assert_eq!((read.rules.hysteresis, read.from.x), (0.2, 0.1));
        assert_eq!(read.directions, Directions::default());
    }

    #[test]
    fn a_zone_is_a_plain_polygon() {
        assert_eq!(polygon(&[[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]), Ok(()));
        // Concave.
        assert_eq!(polygon(&[[0.1, 0.1], [0.9, 0.1], [0.5, 0.3], [0.5, 0.9]]), Ok(()));
        let refused = [
            &[[0.1, 0.1], [0.9, 0.1]][..],
            &[[0.1, 0.1], [0.9, 0.1], [0.5, 0.1]],
            &[[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]],
            &[[0.1, 0.1], [0.9, 0.1], [0.9, 0.1], [0.5, 0.9]],
            &[[0.1, 0.1], [0.9, 0.1], [0.5, 1.1]],
            // A corner on another side.
            &[[0.0, 0.0], [1.0, 0.0], [0.5, 0.0], [0.5, 1.0]],
            &[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.0], [0.0, 1.0]],
        ];
        for corners in refused {
            assert_eq!(polygon(corners).unwrap_err().field, "polygon", "{corners:?}");
        }
    }
}
