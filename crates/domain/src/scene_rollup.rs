//! Crossings and zones summed up per stretch of time, as the store keeps them. Adding is commutative
//! and exact, so that any order of arrival gives the same totals.

use chrono::{DateTime, Utc};

use crate::{
    CameraId, Crossing, DWELL_BOUNDS, Direction, LineId, LineTally, RollupLevel, Sample, ZoneId,
    ZoneTally,
};

/// What happened at a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineTotals {
    /// Crossings in its first direction, by its rules.
    pub crossed_in: u64,
    /// Crossings in its second direction, by its rules.
    pub crossed_out: u64,
    /// Changes of side in its first direction, before any rule.
    pub raw_in: u64,
    /// Changes of side in its second direction, before any rule.
    pub raw_out: u64,
}

impl LineTotals {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.crossed_in += other.crossed_in;
        self.crossed_out += other.crossed_out;
        self.raw_in += other.raw_in;
        self.raw_out += other.raw_out;
    }

    /// How many more went in than out.
    pub fn net(&self) -> i64 {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        number(self.crossed_in) - number(self.crossed_out)
    }
}

impl From<&Crossing> for LineTotals {
    fn from(crossing: &Crossing) -> Self {
        match crossing.direction {
            Direction::In => Self { crossed_in: 1, ..Self::default() },
            Direction::Out => Self { crossed_out: 1, ..Self::default() },
        }
    }
}

impl From<&LineTally> for LineTotals {
    fn from(tally: &LineTally) -> Self {
        Self { raw_in: tally.raw_in.into(), raw_out: tally.raw_out.into(), ..Self::default() }
    }
}

/// What happened in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneTotals {
    /// Frames analysed; at least 1.
    pub frames: u64,
    /// Milliseconds that the camera was really seen while the zone was drawn.
    pub covered_ms: u64,
    /// People in it summed over the frames.
    pub people_sum: u64,
    /// Fewest people in it in any frame.
    pub people_min: u32,
    /// Most people in it in any frame.
    pub people_max: u32,
    /// Number of people who came into the zone.
    pub entries: u64,
    /// Number of people who left the zone.
    pub exits: u64,
    /// Number of people who left the zone, by dwell time; see [`ZoneTally::dwell`].
    pub dwell: [u64; DWELL_BOUNDS.len() + 1],
    /// Dwell times of the people who left the zone, in milliseconds, summed up.
    pub dwell_sum_ms: u64,
}

impl ZoneTotals {
    /// What a sample says of one of its zones.
    pub fn of(sample: &Sample, tally: &ZoneTally) -> Self {
        Self {
            frames: sample.frames.into(),
            covered_ms: sample.covered_ms.into(),
            people_sum: tally.people_sum.into(),
            people_min: tally.people_min,
            people_max: tally.people_max,
            entries: tally.entries.into(),
            exits: tally.exits.into(),
            dwell: tally.dwell.map(u64::from),
            dwell_sum_ms: tally.dwell_sum_ms,
        }
    }

    /// Adds another stretch's totals.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.covered_ms += other.covered_ms;
        self.people_sum += other.people_sum;
        self.people_min = self.people_min.min(other.people_min);
        self.people_max = self.people_max.max(other.people_max);
        self.entries += other.entries;
        self.exits += other.exits;
        self.dwell.iter_mut().zip(other.dwell).for_each(|(sum, more)| *sum += more);
        self.dwell_sum_ms += other.dwell_sum_ms;
    }

    /// Mean of people over the frames.
    pub fn people_mean(&self) -> f64 {
        self.people_sum as f64 / self.frames.max(1) as f64
    }

    /// Mean dwell time of the people who left, in milliseconds; none where none left.
    pub fn dwell_mean_ms(&self) -> Option<f64> {
        let left: u64 = self.dwell.iter().sum();
        (left > 0).then(|| self.dwell_sum_ms as f64 / left as f64)
    }
}

/// What happened at one line in one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRollup {
    /// The camera.
    pub camera_id: CameraId,
    /// Its line.
    pub line_id: LineId,
    /// Start of the stretch, UTC.
    pub bucket_start: DateTime<Utc>,
    /// What was counted in it.
    pub totals: LineTotals,
}

/// What happened in one zone in one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRollup {
    /// The camera.
    pub camera_id: CameraId,
    /// Its zone.
    pub zone_id: ZoneId,
    /// Start of the stretch, UTC.
    pub bucket_start: DateTime<Utc>,
    /// What was counted in it.
    pub totals: ZoneTotals,
}

/// Which stored rollups of lines to read: `from ≤ bucket_start < to`, by camera, then oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct LineRollupQuery {
    /// The cameras; at least one.
    pub cameras: Vec<CameraId>,
    /// This line alone; none: all.
    pub line_id: Option<LineId>,
    /// Which stretches.
    pub level: RollupLevel,
    /// Start of the span, inclusive.
    pub from: DateTime<Utc>,
    /// End of the span, exclusive.
    pub to: DateTime<Utc>,
}

/// Which stored rollups of a zone to read: `from ≤ bucket_start < to`, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneRollupQuery {
    /// The camera.
    pub camera_id: CameraId,
    /// Its zone.
    pub zone_id: ZoneId,
    /// Which stretches.
    pub level: RollupLevel,
    /// Start of the span, inclusive.
    pub from: DateTime<Utc>,
    /// End of the span, exclusive.
    pub to: DateTime<Utc>,
}
