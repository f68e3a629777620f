//! Crossings of lines, and what else a second of counting says of lines and zones.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{CameraId, Direction, InvalidField, LineId, RunId, ZoneId};

/// Somebody crossed a line: a durable event.
///
/// `(run, seq)` is its identity, made where it was counted, so that writing it twice is writing it
/// once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crossing {
    /// The camera.
    pub camera_id: CameraId,
    /// The run that counted.
    pub run: RunId,
    /// Its place among the run's crossings, counted from 0 without gaps.
    pub seq: u32,
    /// The line.
    pub line_id: LineId,
    /// Which way.
    pub direction: Direction,
    /// What the line's operator called that way, then.
    pub direction_name: String,
    /// The person's track: a number that stays the same while the person is followed, within a run.
    pub track_id: u64,
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// How sure the detector was of the person, 0 to 1: the mean over the track.
    pub confidence: f32,
}

impl Crossing {
    /// Its identity.
    pub fn id(&self) -> CrossingId {
        CrossingId { run: self.run, seq: self.seq }
    }

    /// Its place in the order in which crossings are read.
    pub fn position(&self) -> CrossingPosition {
        CrossingPosition { at_micros: self.at.timestamp_micros(), id: self.id() }
    }
}

/// Where a crossing stands among others: by time, in whole microseconds as the store keeps it, then
/// by identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrossingPosition {
    /// When, in microseconds since the Unix epoch.
    pub at_micros: i64,
    /// Which.
    pub id: CrossingId,
}

/// Which stored crossings to read: `from ≤ at < to`, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossingQuery {
    /// The camera.
    pub camera_id: CameraId,
    /// Of this line alone.
    pub line_id: Option<LineId>,
    /// In this direction alone.
    pub direction: Option<Direction>,
    /// Start of the span, inclusive.
    pub from: Option<DateTime<Utc>>,
    /// End of the span, exclusive.
    pub to: Option<DateTime<Utc>>,
    /// Only crossings after this one: where the last page ended.
    pub after: Option<CrossingPosition>,
    /// At most this many.
    pub limit: u32,
}

/// A crossing's identity, written as `<run>-<seq>`. Unique among all cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CrossingId {
    /// The run that counted.
    pub run: RunId,
    /// Its place among the run's crossings.
    pub seq: u32,
}

impl fmt::Display for CrossingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.seq)
    }
}

impl FromStr for CrossingId {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let read = || {
            let (run, seq) = text.split_once('-')?;
            Some(Self { run: RunId(u64::from_str_radix(run, 16).ok()?), seq: seq.parse().ok()? })
        };
        read().ok_or_else(|| InvalidField::new("event_id", "must look like 66a1f00000001-12"))
    }
}

impl TryFrom<String> for CrossingId {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

impl From<CrossingId> for String {
    fn from(id: CrossingId) -> String {
        id.to_string()
    }
}

/// What a second of counting says of lines and zones, beside people in the picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SceneTally {
    /// Lines at which something happened.
    pub lines: Vec<LineTally>,
    /// Every zone in which people are counted.
    pub zones: Vec<ZoneTally>,
}

impl SceneTally {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.zones.is_empty()
    }
}

/// Raw crossings of a line: every change of side, before any rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTally {
    /// The line.
    pub line_id: LineId,
    /// Changes of side in its first direction.
    pub raw_in: u32,
    /// Changes of side in its second direction.
    pub raw_out: u32,
}

/// People in a zone. Frames are those of the sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneTally {
    /// The zone.
    pub zone_id: ZoneId,
    /// People in it in the last frame.
    pub people_last: u32,
    /// Fewest people in it in any frame.
    pub people_min: u32,
    /// Most people in it in any frame.
    pub people_max: u32,
    /// People in it summed over the frames.
    pub people_sum: u32,
    /// Number of people who came into the zone.
    pub entries: u32,
    /// Number of people who left the zone.
    pub exits: u32,
    /// Number of people who left the zone, by dwell time: one number for each bound of [`DWELL_BOUNDS`],
    /// of those who stayed at most that long, and one of those who stayed longer.
    pub dwell: [u32; DWELL_BOUNDS.len() + 1],
    /// Dwell times of the people who left the zone, in milliseconds, summed up.
    pub dwell_sum_ms: u64,
}

/// Bounds of the dwell-time histogram, in seconds.
pub const DWELL_BOUNDS: [u32; 8] = [5, 10, 30, 60, 120, 300, 600, 1800];
