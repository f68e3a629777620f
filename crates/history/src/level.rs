//! Which stored rollups buckets are made of.

use becamera_domain::RollupLevel;
use chrono::{DateTime, TimeDelta, Utc};

use crate::Bucket;

/// Most stretches of one level for one bucket, before levels are mixed: a day of quarters of an
/// hour is one quick read, a day of minutes is not.
const MOST_PER_BUCKET: i64 = 100;

/// A read of contiguous rollups: `from ≤ bucket_start < to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Which stretches.
    pub level: RollupLevel,
    /// Start, inclusive.
    pub from: DateTime<Utc>,
    /// End, exclusive.
    pub to: DateTime<Utc>,
}

impl Read {
    /// How many stretches it has, seen or not.
    pub fn stretches(&self) -> i64 {
        (self.to - self.from).num_seconds() / i64::from(self.level.seconds())
    }
}

/// The reads that give each moment of these buckets exactly once, in the order of time; no read
/// has more than `most` stretches, or than one.
///
/// A bucket is read at the coarsest level that begins where it begins and ends where it ends: the
/// days of UTC are days, the days of Berlin hours, everything of Kolkata (+05:30) and Kathmandu
/// (+05:45) quarters of an hour. What is cut off in the middle is put together from several.
pub fn reads(buckets: &[Bucket], most: i64) -> Vec<Read> {
    let mut reads: Vec<Read> = Vec::new();
    for part in buckets.iter().flat_map(|bucket| parts(*bucket)) {
        match reads.last_mut() {
            Some(last) if last.level == part.level && last.to == part.from => last.to = part.to,
            _ => reads.push(part),
        }
    }
    reads.into_iter().flat_map(|read| split(read, most.max(1))).collect()
}

/// The levels from the coarsest to the finest.
fn coarsest_first() -> impl Iterator<Item = RollupLevel> {
    RollupLevel::ALL.into_iter().rev()
}

fn length(level: RollupLevel) -> TimeDelta {
    TimeDelta::seconds(level.seconds().into())
}

fn parts(bucket: Bucket) -> Vec<Read> {
    let Bucket { start: from, end: to } = bucket;
    let whole = coarsest_first()
        .find(|level| level.starts_at(from) && level.starts_at(to))
        .map(|level| Read { level, from, to })
        .filter(|read| read.stretches() <= MOST_PER_BUCKET);
    match whole {
        Some(read) => vec![read],
        None => mixed(from, to),
    }
}

/// As few stretches as possible: coarse ones inside, fine ones at both ends.
fn mixed(from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Read> {
    let mut parts: Vec<Read> = Vec::new();
    let mut at = from;
    while at < to {
        let fits = |level: &RollupLevel| level.starts_at(at) && at + length(*level) <= to;
        // Buckets lie on whole minutes: a minute always fits.
        let level = coarsest_first().find(fits).unwrap_or(RollupLevel::Minute);
        let next = at + length(level);
        match parts.last_mut() {
            Some(last) if last.level == level => last.to = next,
            _ => parts.push(Read { level, from: at, to: next }),
        }
        at = next;
    }
    parts
}

fn split(read: Read, most: i64) -> impl Iterator<Item = Read> {
    let step = length(read.level) * i32::try_from(most).unwrap_or(i32::MAX);
    let mut from = read.from;
    std::iter::from_fn(move || {
        let part = Read { from, to: (from + step).min(read.to), ..read };
        from = part.to;
        (part.from < part.to).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Calendar, Resolution, Span};

    fn plan(zone: &str, resolution: Resolution, from: &str, to: &str) -> Vec<(i32, i64)> {
        let calendar: Calendar = zone.parse().unwrap();
        let span = Span::widened(from.parse().unwrap(), to.parse().unwrap());
        let buckets: Vec<_> = calendar.buckets(resolution, span).collect();
        let reads = reads(&buckets, 100_000);
        reads.into_iter().map(|read| (read.level.seconds(), read.stretches())).collect()
    }

    #[test]
    fn the_coarsest_level_that_fits() {
        let month = ("2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z");
        assert_eq!(plan("UTC", Resolution::Day, month.0, month.1), [(86_400, 30)]);
        assert_eq!(plan("UTC", Resolution::Hour, month.0, month.1), [(3_600, 720)]);
        assert_eq!(plan("UTC", Resolution::Minute, month.0, month.1), [(60, 43_200)]);
        assert_eq!(plan("Europe/Berlin", Resolution::Day, month.0, month.1), [(3_600, 720)]);
        // The span starts and ends half an hour into an hour of Kolkata.
        let hours = plan("Asia/Kolkata", Resolution::Hour, month.0, month.1);
        assert_eq!(hours, [(900, 2_880)]);
        let days =
            plan("Asia/Kathmandu", Resolution::Day, "2026-01-01T18:15:00Z", "2026-01-03T18:15:00Z");
        assert_eq!(days, [(900, 192)]);
    }

    #[test]
    fn what_is_cut_off_is_put_together() {
        let day = plan("UTC", Resolution::Day, "2026-01-01T10:07:00Z", "2026-01-02T02:31:00Z");
        assert_eq!(day, [(60, 8), (900, 3), (3_600, 15), (900, 2), (60, 1)]);
        let monrovia = plan(
            "Africa/Monrovia",
            Resolution::Day,
            "1971-01-01T00:45:00Z",
            "1971-01-02T00:45:00Z",
        );
        assert_eq!(monrovia, [(900, 96)]);
        let hour = plan("UTC", Resolution::Hour, "2026-01-01T10:07:00Z", "2026-01-01T11:00:00Z");
        assert_eq!(hour, [(60, 53)]);
    }

    #[test]
    fn no_read_is_longer_than_asked() {
        let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let bucket = Bucket { start, end: start + TimeDelta::hours(5) };
        let reads = reads(&[bucket], 2);
        assert_eq!(reads.iter().map(Read::stretches).collect::<Vec<_>>(), [2, 2, 1]);
    }
}
