//! Samples summed up per stretch of time, as the store keeps them.

use chrono::{DateTime, Utc};

use crate::{CameraId, Sample};

/// How long the stretches of a stored rollup are. Each level cuts UTC time from the epoch on.
///
/// Quarters of an hour are kept because time zones differ from UTC by multiples of them: every
/// zone's hours and days can be put together from few rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RollupLevel {
    /// 60 s.
    Minute,
    /// 900 s.
    QuarterHour,
    /// 3,600 s.
    Hour,
    /// 86,400 s, from midnight UTC.
    Day,
}

impl RollupLevel {
    /// All levels, finest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::QuarterHour, Self::Hour, Self::Day];

    /// The length of its stretches in seconds; also what names it in the database.
    pub const fn seconds(self) -> i32 {
        match self {
            Self::Minute => 60,
            Self::QuarterHour => 900,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// The start of the stretch that holds this time.
    pub fn start_of(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let within = at.timestamp().rem_euclid(self.seconds().into());
        DateTime::from_timestamp(at.timestamp() - within, 0).unwrap_or(at)
    }

    /// Whether this time is the start of one of its stretches.
    pub fn starts_at(self, at: DateTime<Utc>) -> bool {
        self.start_of(at) == at
    }
}

/// What one camera showed in one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollup {
    /// The camera.
    pub camera_id: CameraId,
    /// Start of the stretch, UTC.
    pub bucket_start: DateTime<Utc>,
    /// What was counted in it.
    pub totals: Totals,
}

/// Sums over samples. Adding is commutative and exact, so that any order of arrival gives the
/// same totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Frames analysed; at least 1.
    pub frames: u64,
    /// People summed over the frames.
    pub people_sum: u64,
    /// Fewest people in any frame.
    pub people_min: u32,
    /// Most people in any frame.
    pub people_max: u32,
    /// Milliseconds that the camera was really seen.
    pub covered_ms: u64,
}

impl Totals {
    /// Adds another stretch's totals.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.people_sum += other.people_sum;
        self.people_min = self.people_min.min(other.people_min);
        self.people_max = self.people_max.max(other.people_max);
        self.covered_ms += other.covered_ms;
    }

    /// Mean of people over the frames.
    pub fn people_mean(&self) -> f64 {
        self.people_sum as f64 / self.frames.max(1) as f64
    }
}

impl From<&Sample> for Totals {
    fn from(sample: &Sample) -> Self {
        Self {
            frames: sample.frames.into(),
            people_sum: sample.people_sum.into(),
            people_min: sample.people_min,
            people_max: sample.people_max,
            covered_ms: sample.covered_ms.into(),
        }
    }
}

/// Which stored rollups to read: `from ≤ bucket_start < to`, by camera, then oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct RollupQuery {
    /// The cameras; at least one.
    pub cameras: Vec<CameraId>,
    /// Which stretches.
    pub level: RollupLevel,
    /// Start of the span, inclusive.
    pub from: DateTime<Utc>,
    /// End of the span, exclusive.
    pub to: DateTime<Utc>,
}
