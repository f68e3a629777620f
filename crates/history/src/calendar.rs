//! Time cut into the minutes, hours and days of a time zone.
//!
//! All of it lies on the grid of whole UTC minutes, which is as fine as rollups are. Offsets with
//! seconds, which zones had until 1972, are cut down to the minute: there a bucket starts up to
//! 59 s off the zone's own clock.

use std::str::FromStr;

use becamera_domain::InvalidField;
use chrono::{DateTime, FixedOffset, NaiveDate, Offset, TimeZone, Utc};
use chrono_tz::Tz;

const HOUR: i64 = 60;
const DAY: i64 = 1_440;
/// Longer than any clock was ever set back, and some days more.
const WELL_BEFORE: i64 = 5 * DAY;

/// How long buckets are, by the zone's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Minutes.
    Minute,
    /// From a full hour to the next. Where the offset changes a bucket ends, so that each has one
    /// offset; the hour that is there twice in autumn is two buckets.
    Hour,
    /// Calendar days, from the first moment of a date to the first moment of the next one: 23 to
    /// 25 hours as a rule. A date that the zone skipped has none.
    Day,
}

impl Resolution {
    /// Its name in questions and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// From a moment to another, both whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Start, inclusive.
    pub from: DateTime<Utc>,
    /// End, exclusive.
    pub to: DateTime<Utc>,
}

impl Span {
    /// The whole minutes that hold `[from, to)`.
    pub fn widened(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        let end = floor(to) + i64::from(time(floor(to)) < to);
        Self { from: time(floor(from)), to: time(end) }
    }
}

/// A stretch of time `[start, end)` of a zone's clock, or what of it lies in the asked span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Start, inclusive.
    pub start: DateTime<Utc>,
    /// End, exclusive.
    pub end: DateTime<Utc>,
}

/// A time zone and its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar(Tz);

impl Calendar {
    /// The clock of UTC.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone's name in the IANA database.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Whether its name says that it is UTC.
    pub fn is_utc(self) -> bool {
        self.0 == Tz::UTC
    }

    /// What the zone's clock shows.
    pub fn local(self, at: DateTime<Utc>) -> DateTime<FixedOffset> {
        let seconds = i32::try_from(self.offset(floor(at)) * 60).unwrap_or(0);
        // Below a day, as all offsets are.
        at.with_timezone(&FixedOffset::east_opt(seconds).unwrap_or_else(|| Utc.fix()))
    }

    /// The date that a day bucket that starts here stands for.
    pub fn date(self, start: DateTime<Utc>) -> NaiveDate {
        self.local(start).date_naive()
    }

    /// Cuts a span. The buckets follow each other without gap or overlap; the first and the last
    /// are cut off where the span starts and ends. Where they lie between does not depend on it.
    pub fn buckets(self, resolution: Resolution, span: Span) -> Buckets {
        let (at, to) = (floor(span.from), floor(span.to));
        Buckets { calendar: self, resolution, at, next: None, to }
    }

    /// Start of the bucket that holds this moment.
    pub fn start_of(self, resolution: Resolution, at: DateTime<Utc>) -> DateTime<Utc> {
        time(self.around(resolution, floor(at)).0)
    }

    /// Minutes that its clock is ahead of UTC.
    fn offset(self, minute: i64) -> i64 {
        let utc = time(minute).naive_utc();
        let offset = self.0.offset_from_utc_datetime(&utc).fix();
        i64::from(offset.local_minus_utc().div_euclid(60))
    }

    /// What its clock shows, as minutes since 1970.
    fn clock(self, minute: i64) -> i64 {
        minute + self.offset(minute)
    }

    /// Start and end of the whole bucket that holds this minute.
    fn around(self, resolution: Resolution, minute: i64) -> (i64, i64) {
        let before = match resolution {
            Resolution::Minute => return (minute, minute + 1),
            Resolution::Hour => minute - HOUR,
            Resolution::Day => minute - WELL_BEFORE,
        };
        // The first end may be off, when it starts from a date that is there for the second time.
        let mut start = before;
        loop {
            let end = self.end(resolution, start);
            if end > minute {
                return (start, end);
            }
            start = end;
        }
    }

    /// End of the bucket that starts at this minute.
    fn end(self, resolution: Resolution, start: i64) -> i64 {
        match resolution {
            Resolution::Minute => start + 1,
            Resolution::Hour => {
                let full = start + HOUR - self.clock(start).rem_euclid(HOUR);
                self.change(start, full).unwrap_or(full)
            }
            Resolution::Day => self.next_date(start),
        }
    }

    /// The first minute whose date is after the one at this minute.
    fn next_date(self, start: i64) -> i64 {
        let midnight = (self.clock(start).div_euclid(DAY) + 1) * DAY;
        let mut at = start;
        loop {
            let left = midnight - self.clock(at);
            if left <= 0 {
                return at;
            }
            // Until the offset changes, the clock runs evenly. A change at midnight counts: the
            // clock may be set back just before the date would begin.
            match self.change(at, at + left) {
                None => return at + left,
                Some(change) => at = change,
            }
        }
    }

    /// The first minute in `(after, until]` whose offset is another than that at `after`.
    fn change(self, after: i64, until: i64) -> Option<i64> {
        let offset = self.offset(after);
        let mut low = after;
        // No zone changed its offset and changed it back within an hour.
        while low < until {
            let mut high = (low + HOUR).min(until);
            if self.offset(high) != offset {
                while high - low > 1 {
                    let middle = low + (high - low) / 2;
                    let same = self.offset(middle) == offset;
                    *(if same { &mut low } else { &mut high }) = middle;
                }
                return Some(high);
            }
            low = high;
        }
        None
    }
}

impl FromStr for Calendar {
    type Err = InvalidField;

    fn from_str(name: &str) -> Result<Self, InvalidField> {
        name.parse().map(Self).map_err(|_| {
            let reason = if name.contains(' ') {
                "is not a time zone; write a + in its name as %2B"
            } else {
                "is not a time zone of the IANA database, such as UTC or Europe/Berlin"
            };
            InvalidField::new("tz", reason)
        })
    }
}

/// The buckets of a span, one after the other.
#[derive(Debug, Clone)]
pub struct Buckets {
    calendar: Calendar,
    resolution: Resolution,
    at: i64,
    /// End of the whole bucket that holds `at`, once it is known.
    next: Option<i64>,
    to: i64,
}

impl Iterator for Buckets {
    type Item = Bucket;

    fn next(&mut self) -> Option<Bucket> {
        let start = self.at;
        if start >= self.to {
            return None;
        }
        let (calendar, resolution) = (self.calendar, self.resolution);
        let whole = self.next.unwrap_or_else(|| calendar.around(resolution, start).1);
        self.at = whole.min(self.to);
        if self.at < self.to {
            self.next = Some(calendar.end(resolution, whole));
        }
        Some(Bucket { start: time(start), end: time(self.at) })
    }
}

/// The minute that holds this moment, counted from 1970.
fn floor(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

fn time(minute: i64) -> DateTime<Utc> {
    // Out of range only some days before the year -262143 or after 262142.
    DateTime::from_timestamp(minute.saturating_mul(60), 0).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
