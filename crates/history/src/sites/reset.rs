//! When a site's counting begins anew: every day at a time of its own clock.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, offset::LocalResult};
use chrono_tz::Tz;

/// The newest reset at or before this moment, and the next one after it.
///
/// A time that is there twice, when the clock is set back, is a reset the first time only. One that is
/// skipped, when the clock is set forward, is a reset at the first moment after the gap.
pub fn around(zone: Tz, at: NaiveTime, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let today = now.with_timezone(&zone).date_naive();
    // Two days to each side: where a date was skipped the neighbour is far.
    let first = today.checked_sub_days(Days::new(2)).unwrap_or(today);
    let resets = first.iter_days().take(5).map(|date| on(zone, date, at));
    let (mut last, mut next) = (now - TimeDelta::days(1), now + TimeDelta::days(1));
    let (before, after): (Vec<_>, Vec<_>) = resets.partition(|reset| *reset <= now);
    // Always there, but for the first and the last days of time.
    if let Some(newest) = before.into_iter().max() {
        last = newest;
    }
    if let Some(soonest) = after.into_iter().min() {
        next = soonest;
    }
    (last, next)
}

/// The reset of a date.
fn on(zone: Tz, date: NaiveDate, at: NaiveTime) -> DateTime<Utc> {
    let mut local = date.and_time(at);
    // The longest gap, a skipped date, is a day.
    for _ in 0..=24 * 60 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => {
                return moment.to_utc();
            }
            LocalResult::None => local += TimeDelta::minutes(1),
        }
    }
    local.and_utc()
}

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn time(text: &str) -> NaiveTime {
        NaiveTime::parse_from_str(text, "%H:%M").unwrap()
    }

    fn last(zone: &str, at: &str, now: &str) -> DateTime<Utc> {
        around(zone.parse().unwrap(), time(at), utc(now)).0
    }

    #[test]
    fn it_is_by_the_sites_own_clock() {
        assert_eq!(last("UTC", "04:00", "2026-06-01T04:00:00Z"), utc("2026-06-01T04:00:00Z"));
        assert_eq!(last("UTC", "04:00", "2026-06-01T03:59:59Z"), utc("2026-05-31T04:00:00Z"));
        // Summer and winter of Berlin.
        let berlin = |now| last("Europe/Berlin", "04:00", now);
        assert_eq!(berlin("2026-07-01T12:00:00Z"), utc("2026-07-01T02:00:00Z"));
        assert_eq!(berlin("2026-12-01T12:00:00Z"), utc("2026-12-01T03:00:00Z"));
        assert_eq!(
            last("Asia/Kolkata", "04:00", "2026-07-01T00:00:00Z"),
            utc("2026-06-30T22:30:00Z")
        );
    }

    #[test]
    fn a_time_that_is_skipped_or_there_twice_is_one_reset() {
        // 02:30 of 29 March 2026 is not there: at 03:00, which is 01:00 UTC.
        let spring = |now| last("Europe/Berlin", "02:30", now);
        assert_eq!(spring("2026-03-29T12:00:00Z"), utc("2026-03-29T01:00:00Z"));
        assert_eq!(spring("2026-03-29T00:59:59Z"), utc("2026-03-28T01:30:00Z"));
        // 02:30 of 25 October 2026 is there at 00:30 and 01:30 UTC.
        let autumn = |now| last("Europe/Berlin", "02:30", now);
        assert_eq!(autumn("2026-10-25T01:29:00Z"), utc("2026-10-25T00:30:00Z"));
        assert_eq!(autumn("2026-10-25T12:00:00Z"), utc("2026-10-25T00:30:00Z"));
        // Samoa had no 30 December 2011.
        let (last, next) = around(Tz::Pacific__Apia, time("04:00"), utc("2011-12-29T20:00:00Z"));
        assert_eq!((last, next), (utc("2011-12-29T14:00:00Z"), utc("2011-12-30T10:00:00Z")));
    }

    proptest! {
        /// In every zone, at every time, resets follow each other without gap, about a day apart.
        #[test]
        fn resets_follow_each_other(
            zone in prop::sample::select(TZ_VARIANTS.to_vec()),
            minute in 0u32..1_440,
            seconds in 300_000_000i64..2_500_000_000,
        ) {
            let at = NaiveTime::from_num_seconds_from_midnight_opt(minute * 60, 0).unwrap();
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let (last, next) = around(zone, at, now);
            prop_assert!(last <= now && now < next);
            prop_assert!(next - last <= TimeDelta::hours(25), "{zone}: {last} {next}");
            prop_assert_eq!(around(zone, at, last), (last, next));
            prop_assert_eq!(around(zone, at, next - TimeDelta::seconds(1)), (last, next));
            prop_assert_eq!(around(zone, at, next).0, next);
        }
    }
}
