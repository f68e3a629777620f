//! Properties over all zones and random spans, clocks that change among them.

use std::collections::BTreeMap;

use becamera_domain::{CameraId, Rollup, RollupLevel, Totals};
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

use super::*;

const RESOLUTIONS: [Resolution; 3] = [Resolution::Minute, Resolution::Hour, Resolution::Day];

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn calendar(zone: Tz) -> Calendar {
    zone.name().parse().unwrap()
}

fn zones() -> impl Strategy<Value = Calendar> {
    prop::sample::select(TZ_VARIANTS.to_vec()).prop_map(calendar)
}

/// Since 1973 no zone has an offset with seconds, and a longer span is likelier to hold a change.
fn spans(days: i64) -> impl Strategy<Value = Span> {
    let from = 100_000_000..4_000_000_000i64;
    (from, 1..days * 86_400)
        .prop_map(|(from, length)| Span::widened(time(from), time(from + length)))
}

fn camera() -> CameraId {
    CameraId::try_from(1).unwrap()
}

/// Seconds that were seen, with their people; what a store keeps of them at a level.
fn rollups(samples: &[(DateTime<Utc>, Totals)], level: RollupLevel) -> Vec<Rollup> {
    let mut sums: BTreeMap<_, Totals> = BTreeMap::new();
    for (at, totals) in samples {
        let start = level.start_of(*at);
        sums.entry(start).and_modify(|sum| sum.add(totals)).or_insert(*totals);
    }
    let rollup = |(bucket_start, totals)| Rollup { camera_id: camera(), bucket_start, totals };
    sums.into_iter().map(rollup).collect()
}

fn totals(people: u32) -> Totals {
    Totals {
        frames: 1 + u64::from(people % 3),
        people_sum: people.into(),
        people_min: people / 2,
        people_max: people,
        covered_ms: 1_000,
    }
}

fn tiles(calendar: Calendar, resolution: Resolution, span: Span) -> Vec<Bucket> {
    let buckets: Vec<_> = calendar.buckets(resolution, span).collect();
    let mut at = span.from;
    for bucket in &buckets {
        assert_eq!(bucket.start, at, "{calendar:?}: a gap or an overlap");
        assert!(bucket.end > bucket.start, "{calendar:?}: an empty bucket at {at}");
        at = bucket.end;
    }
    assert_eq!(at, span.to, "{calendar:?}");
    buckets
}

/// Each bucket but the first starts where the clock shows a full hour, or where it was changed.
fn starts_where_it_should(calendar: Calendar, resolution: Resolution, at: DateTime<Utc>) {
    let (clock, before) = (calendar.local(at), calendar.local(at - TimeDelta::minutes(1)));
    let changed = clock.offset() != before.offset();
    match resolution {
        Resolution::Minute => {}
        Resolution::Hour => assert!(clock.minute() == 0 || changed, "{calendar:?} {clock}"),
        Resolution::Day => {
            let midnight = clock.num_seconds_from_midnight() == 0;
            assert!(midnight || changed, "{calendar:?} {clock}");
            // It is the first moment of its date: the clock may be set back afterwards.
            for hours in 0..3 {
                let earlier = calendar.local(at - TimeDelta::minutes(hours * 60 + 1));
                assert!(earlier.date_naive() < clock.date_naive(), "{calendar:?} {clock}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn buckets_tile_the_span(
        zone in zones(),
        resolution in prop::sample::select(RESOLUTIONS.to_vec()),
        span in spans(20),
    ) {
        let buckets = tiles(zone, resolution, span);
        for bucket in &buckets[1..] {
            starts_where_it_should(zone, resolution, bucket.start);
        }
        if resolution != Resolution::Day {
            let longest = if resolution == Resolution::Hour { 60 } else { 1 };
            prop_assert!(buckets.iter().all(|b| (b.end - b.start).num_minutes() <= longest));
        }
    }

    #[test]
    fn pages_are_cut_like_the_whole(
        zone in zones(),
        resolution in prop::sample::select(vec![Resolution::Hour, Resolution::Day]),
        span in spans(20),
        share in 0.0..1.0,
    ) {
        let whole = tiles(zone, resolution, span);
        let at = whole[(share * whole.len() as f64) as usize].start;
        let rest: Vec<_> = zone.buckets(resolution, Span { from: at, ..span }).collect();
        prop_assert!(whole.ends_with(&rest), "{zone:?} {at}");
        // From within a bucket as well.
        let middle = at + TimeDelta::minutes(7);
        if middle < rest[0].end {
            let cut: Vec<_> = zone.buckets(resolution, Span { from: middle, ..span }).collect();
            prop_assert_eq!(&cut[1..], &rest[1..]);
            prop_assert_eq!(cut[0], Bucket { start: middle, end: rest[0].end });
        }
    }

    #[test]
    fn sums_are_those_of_the_samples(
        zone in zones(),
        resolution in prop::sample::select(RESOLUTIONS.to_vec()),
        span in spans(4),
        samples in prop::collection::vec((-0.1..1.1f64, 0..30u32), 0..200),
        most in 1..500i64,
    ) {
        let length = (span.to - span.from).num_seconds() as f64;
        let mut samples: Vec<_> = samples
            .into_iter()
            .map(|(at, people)| (span.from + TimeDelta::seconds((at * length) as i64), totals(people)))
            .collect();
        samples.sort_by_key(|(at, _)| *at);
        let buckets = tiles(zone, resolution, span);
        let mut series = Series::new(vec![camera()], buckets.clone(), span.to);
        for read in reads(&buckets, most) {
            prop_assert!(read.stretches() <= most);
            prop_assert!(read.level.starts_at(read.from) && read.level.starts_at(read.to));
            let mut stored = rollups(&samples, read.level);
            stored.retain(|r| read.from <= r.bucket_start && r.bucket_start < read.to);
            series.add(&stored);
        }
        for (index, bucket) in buckets.iter().enumerate() {
            let inside = samples.iter().filter(|(at, _)| bucket.holds(*at)).map(|(_, t)| *t);
            let expected = inside.reduce(|mut sum, totals| {
                sum.add(&totals);
                sum
            });
            prop_assert_eq!(series.point(0, index).totals, expected, "{:?} {:?}", zone, bucket);
        }
    }

    #[test]
    fn even_with_offsets_of_seconds_buckets_tile(
        zone in zones(),
        resolution in prop::sample::select(RESOLUTIONS.to_vec()),
        from in -6_000_000_000..100_000_000i64,
        length in 1..2_000_000i64,
    ) {
        tiles(zone, resolution, Span::widened(time(from), time(from + length)));
    }
}

/// Every change of every zone in the years that matter, not just those that chance finds.
#[test]
fn every_change_of_every_zone_is_cut_well() {
    for zone in TZ_VARIANTS {
        let calendar = calendar(zone);
        for year in 2010..2022 {
            let start = |year| format!("{year}-01-01T00:00:00Z").parse().unwrap();
            let span = Span { from: start(year), to: start(year + 1) };
            let days = tiles(calendar, Resolution::Day, span);
            for pair in days.windows(2) {
                starts_where_it_should(calendar, Resolution::Day, pair[1].start);
                // Hours are checked around changes; elsewhere a day has 24.
                let length = (pair[0].end - pair[0].start).num_minutes();
                let whole = Span { from: pair[0].start, to: pair[0].end };
                if length != 1_440 && pair[0].start != span.from {
                    let hours = tiles(calendar, Resolution::Hour, whole);
                    for hour in &hours[1..] {
                        starts_where_it_should(calendar, Resolution::Hour, hour.start);
                    }
                }
            }
        }
    }
}
