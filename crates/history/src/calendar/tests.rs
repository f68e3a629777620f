use super::*;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The starts by the zone's clock, and the lengths in minutes.
fn cut(zone: &str, resolution: Resolution, from: &str, to: &str) -> Vec<(String, i64)> {
    let calendar: Calendar = zone.parse().unwrap();
    let span = Span::widened(utc(from), utc(to));
    let buckets = calendar.buckets(resolution, span);
    let show = |b: Bucket| {
        let start = calendar.local(b.start).format("%m-%d %H:%M%:z").to_string();
        (start, (b.end - b.start).num_minutes())
    };
    buckets.map(show).collect()
}

fn is(got: &[(String, i64)], expected: &[(&str, i64)]) {
    let got: Vec<_> = got.iter().map(|(start, length)| (start.as_str(), *length)).collect();
    assert_eq!(got, expected);
}

#[test]
fn the_clock_goes_forward_in_berlin() {
    let day = ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    is(&cut("Europe/Berlin", Resolution::Day, day.0, day.1), &[("03-29 00:00+01:00", 1_380)]);
    let hours = cut("Europe/Berlin", Resolution::Hour, day.0, day.1);
    assert_eq!(hours.len(), 23);
    is(&hours[1..3], &[("03-29 01:00+01:00", 60), ("03-29 03:00+02:00", 60)]);
}

#[test]
fn the_clock_goes_back_in_berlin() {
    let day = ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    is(&cut("Europe/Berlin", Resolution::Day, day.0, day.1), &[("10-25 00:00+02:00", 1_500)]);
    let hours = cut("Europe/Berlin", Resolution::Hour, day.0, day.1);
    assert_eq!(hours.len(), 25);
    is(&hours[2..4], &[("10-25 02:00+02:00", 60), ("10-25 02:00+01:00", 60)]);
}

#[test]
fn zones_off_the_full_hour() {
    let hours = |zone| cut(zone, Resolution::Hour, "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z");
    is(
        &hours("Asia/Kolkata"),
        &[("01-01 05:30+05:30", 30), ("01-01 06:00+05:30", 60), ("01-01 07:00+05:30", 30)],
    );
    is(
        &hours("Asia/Kathmandu"),
        &[("01-01 05:45+05:45", 15), ("01-01 06:00+05:45", 60), ("01-01 07:00+05:45", 45)],
    );
    let days = cut("Asia/Kolkata", Resolution::Day, "2026-01-01T18:30:00Z", "2026-01-03T18:30:00Z");
    is(&days, &[("01-02 00:00+05:30", 1_440), ("01-03 00:00+05:30", 1_440)]);
}

#[test]
fn lord_howe_moves_its_clock_by_half_an_hour() {
    // Back at 02:00 to 01:30.
    let hours = cut(
        "Australia/Lord_Howe",
        Resolution::Hour,
        "2026-04-04T14:00:00Z",
        "2026-04-04T16:30:00Z",
    );
    is(&hours, &[("04-05 01:00+11:00", 60), ("04-05 01:30+10:30", 30), ("04-05 02:00+10:30", 60)]);
    // Forward at 02:00 to 02:30.
    let hours = cut(
        "Australia/Lord_Howe",
        Resolution::Hour,
        "2026-10-03T14:30:00Z",
        "2026-10-03T17:00:00Z",
    );
    is(&hours, &[("10-04 01:00+10:30", 60), ("10-04 02:30+11:00", 30), ("10-04 03:00+11:00", 60)]);
    let days =
        cut("Australia/Lord_Howe", Resolution::Day, "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z");
    is(&days, &[("04-05 00:00+11:00", 1_470)]);
}

#[test]
fn a_day_without_midnight() {
    // São Paulo's clock went from 23:59 to 01:00.
    let days =
        cut("America/Sao_Paulo", Resolution::Day, "2018-11-03T03:00:00Z", "2018-11-06T02:00:00Z");
    is(
        &days,
        &[("11-03 00:00-03:00", 1_440), ("11-04 01:00-02:00", 1_380), ("11-05 00:00-02:00", 1_440)],
    );
    // And back at midnight to 23:00: the date had not begun yet.
    let days =
        cut("America/Sao_Paulo", Resolution::Day, "2018-02-17T02:00:00Z", "2018-02-19T03:00:00Z");
    is(&days, &[("02-17 00:00-02:00", 1_500), ("02-18 00:00-03:00", 1_440)]);
}

#[test]
fn a_date_that_begins_twice_begins_the_first_time() {
    // St. John's went back from 00:01 to 23:01 of the day before.
    let days =
        cut("America/St_Johns", Resolution::Day, "2006-10-28T02:30:00Z", "2006-10-30T03:30:00Z");
    is(&days, &[("10-28 00:00-02:30", 1_440), ("10-29 00:00-02:30", 1_500)]);
    // The same when the question starts in what is there twice.
    let days =
        cut("America/St_Johns", Resolution::Day, "2006-10-29T03:00:00Z", "2006-10-30T03:30:00Z");
    is(&days, &[("10-28 23:30-03:30", 1_470)]);
}

#[test]
fn apia_skipped_a_date() {
    let days = cut("Pacific/Apia", Resolution::Day, "2011-12-29T10:00:00Z", "2012-01-01T10:00:00Z");
    is(
        &days,
        &[("12-29 00:00-10:00", 1_440), ("12-31 00:00+14:00", 1_440), ("01-01 00:00+14:00", 1_440)],
    );
}

#[test]
fn the_29th_of_february() {
    let days = cut("UTC", Resolution::Day, "2028-02-28T00:00:00Z", "2028-03-02T00:00:00Z");
    is(
        &days,
        &[("02-28 00:00+00:00", 1_440), ("02-29 00:00+00:00", 1_440), ("03-01 00:00+00:00", 1_440)],
    );
    let days = cut("UTC", Resolution::Day, "2100-02-28T00:00:00Z", "2100-03-02T00:00:00Z");
    is(&days, &[("02-28 00:00+00:00", 1_440), ("03-01 00:00+00:00", 1_440)]);
}

#[test]
fn spans_are_cut_off_and_widened_to_minutes() {
    let days = cut("UTC", Resolution::Day, "2026-01-01T12:00:30Z", "2026-01-02T06:00:30Z");
    is(&days, &[("01-01 12:00+00:00", 720), ("01-02 00:00+00:00", 361)]);
    let minutes = cut("UTC", Resolution::Minute, "1969-12-31T23:58:59Z", "1970-01-01T00:00:00Z");
    is(&minutes, &[("12-31 23:58+00:00", 1), ("12-31 23:59+00:00", 1)]);
    assert!(cut("UTC", Resolution::Day, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z").is_empty());
}

#[test]
fn offsets_with_seconds_are_cut_to_the_minute() {
    // Monrovia was at -00:44:30 until 1972: its midnight was at 00:44:30 UTC.
    let days =
        cut("Africa/Monrovia", Resolution::Day, "1971-01-01T00:45:00Z", "1971-01-02T00:45:00Z");
    is(&days, &[("01-01 00:00-00:45", 1_440)]);
    // And at +00:00 from 7 January 1972.
    let days =
        cut("Africa/Monrovia", Resolution::Day, "1972-01-06T00:45:00Z", "1972-01-08T00:00:00Z");
    is(&days, &[("01-06 00:00-00:45", 1_440), ("01-07 00:45+00:00", 1_395)]);
}

#[test]
fn the_bucket_around_a_moment() {
    let berlin: Calendar = "Europe/Berlin".parse().unwrap();
    let at = utc("2026-10-25T01:30:59Z");
    let start = |resolution| berlin.start_of(resolution, at);
    assert_eq!(start(Resolution::Minute), utc("2026-10-25T01:30:00Z"));
    assert_eq!(start(Resolution::Hour), utc("2026-10-25T01:00:00Z"));
    assert_eq!(start(Resolution::Day), utc("2026-10-24T22:00:00Z"));
    assert_eq!(berlin.date(start(Resolution::Day)).to_string(), "2026-10-25");
}

#[test]
fn zones_have_names() {
    let refusal = |name: &str| name.parse::<Calendar>().unwrap_err().to_string();
    assert!(refusal("Berlin").starts_with("tz: is not a time zone of the IANA"));
    assert!(refusal("").starts_with("tz: "));
    assert!(refusal("Etc/GMT 5").contains("%2B"));
    assert_eq!("Etc/GMT+5".parse::<Calendar>().unwrap().name(), "Etc/GMT+5");
    assert!("UTC".parse::<Calendar>().unwrap().is_utc());
}
