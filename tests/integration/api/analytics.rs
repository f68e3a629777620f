//! `/api/v1/analytics/summary`, on both databases

use chrono::TimeDelta;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{http::Answer, postgres::Postgres, recorded::Recorded, service::Service};

const SHOP: u32 = 1;
const YARD: u32 = 2;
const NEVER_SEEN: u32 = 3;

#[test]
fn sqlite() {
    let folder = TempDir::new().unwrap();
    check(&format!("sqlite:{}", folder.path().join("analytics.sqlite3").display()));
}

#[test]
fn postgresql() {
    let server = Postgres::start();
    check(&server.database("analytics"));
}

/// Two weeks from Monday, 3 June 2024, in which the shop has one person at all times but these.
fn check(url: &str) {
    let hour = TimeDelta::hours(1);
    let mut past = Recorded::default();
    past.seen(SHOP, "2024-06-03T00:00:00Z", "2024-06-05T17:00:00Z", hour, 1);
    past.seen(SHOP, "2024-06-05T17:00:00Z", "2024-06-05T18:00:00Z", hour, 9);
    past.seen(SHOP, "2024-06-05T18:00:00Z", "2024-06-15T00:00:00Z", hour, 1);
    past.seen(SHOP, "2024-06-15T00:00:00Z", "2024-06-16T00:00:00Z", hour, 2);
    // For the last two minutes somebody brought a crowd; then the camera failed.
    past.seen(SHOP, "2024-06-16T00:00:00Z", "2024-06-16T00:02:00Z", TimeDelta::minutes(1), 80);
    past.seen(YARD, "2024-06-03T00:00:00Z", "2024-06-04T00:00:00Z", hour, 4);
    past.blind(NEVER_SEEN);
    let service = past.start(url);

    peaks_are_found(&service);
    the_week_is_the_zones_own(&service);
    cameras_are_added_up(&service);
    what_was_not_seen_is_null(&service);
    what_is_wrong_is_named(&service);
}

const SPAN: &str = "from=2024-06-03T00:00:00Z&to=2024-06-17T00:00:00Z";

fn ask(service: &Service, query: &str) -> Answer {
    service.http.get(&format!("/api/v1/analytics/summary?{query}"))
}

fn summary(service: &Service, query: &str) -> Value {
    ask(service, &format!("{SPAN}&{query}")).ok(200)
}

fn peaks_are_found(service: &Service) {
    let summary = summary(service, &format!("cameras={SHOP}"));
    let peak = json!({
        "bucket_start": "2024-06-05T17:00:00Z",
        "bucket_end": "2024-06-05T18:00:00Z",
        "people_mean": 9.0,
        "coverage": 1.0,
    });
    assert_eq!(summary["peak_hour"], peak, "not the crowd of two minutes");
    let day = json!({
        "date": "2024-06-15",
        "bucket_start": "2024-06-15T00:00:00Z",
        "bucket_end": "2024-06-16T00:00:00Z",
        "people_mean": 2.0,
        "coverage": 1.0,
    });
    assert_eq!(summary["busiest_day"], day);
    assert_eq!(summary["cameras"], json!([SHOP]));
    assert_eq!(summary["frames"], 13 * 24 * 7_200 + 240);
    // Whoever wants the glimpse gets it.
    let glimpse = self::summary(service, &format!("cameras={SHOP}&min_coverage=0"));
    assert_eq!(glimpse["peak_hour"]["people_mean"], 80.0);
    assert_eq!(glimpse["busiest_day"]["date"], "2024-06-16");
}

fn the_week_is_the_zones_own(service: &Service) {
    let query = format!("cameras={SHOP}&tz=Australia/Sydney");
    let summary = summary(service, &query);
    let cells = summary["hours_of_week"].as_array().unwrap();
    assert_eq!(cells.len(), 168);
    for (place, cell) in cells.iter().enumerate() {
        assert_eq!(
            (&cell["weekday"], &cell["hour"]),
            (&(1 + place / 24).into(), &(place % 24).into())
        );
    }
    // Wednesday 17:00 UTC is Thursday 03:00 there: 9 people in one week, 1 in the other.
    let thursday = &cells[3 * 24 + 3];
    assert_eq!((&thursday["people_mean"], &thursday["coverage"]), (&json!(5.0), &json!(1.0)));
    assert_eq!(summary["peak_hour"]["bucket_start"], "2024-06-06T03:00:00+10:00");
    // Monday 09:00 there is the last hour of UTC's Sunday, which the second week has not seen.
    assert_eq!((&cells[9]["people_mean"], &cells[9]["coverage"]), (&json!(1.0), &json!(0.5)));
}

fn cameras_are_added_up(service: &Service) {
    let summary = summary(service, &format!("cameras={SHOP},{YARD}"));
    // The yard was seen on the first Monday alone.
    assert_eq!(summary["hours_of_week"][0]["people_mean"], 5.0);
    assert_eq!(summary["hours_of_week"][0]["coverage"], 0.75);
    assert_eq!(summary["busiest_day"]["date"], "2024-06-03");
    assert_eq!(summary["busiest_day"]["people_mean"], 5.0);
    let all = self::summary(service, "");
    assert_eq!(all["cameras"], json!([SHOP, YARD, NEVER_SEEN]));
}

fn what_was_not_seen_is_null(service: &Service) {
    let summary = summary(service, &format!("cameras={NEVER_SEEN}"));
    for name in ["peak_hour", "busiest_day", "people_mean"] {
        assert_eq!(summary[name], Value::Null, "{name}");
    }
    assert_eq!((&summary["frames"], &summary["coverage"]), (&0.into(), &json!(0.0)));
    let day = "from=2024-06-04T00:00:00Z&to=2024-06-05T00:00:00Z";
    let short = ask(service, &format!("{day}&cameras={SHOP}")).ok(200);
    assert_eq!(short["hours_of_week"][0]["coverage"], Value::Null, "no Monday was asked for");
    assert_eq!(short["hours_of_week"][24]["coverage"], 1.0);
}

fn what_is_wrong_is_named(service: &Service) {
    for (query, field) in [
        ("min_coverage=2", "min_coverage"),
        ("tz=nowhere", "tz"),
        ("from=2024-06-03T00:00:00Z&to=2024-06-03T00:00:00Z", "from"),
        ("from=2020-01-01T00:00:00Z&to=2024-06-03T00:00:00Z", "from"),
        ("cameras=x", "cameras"),
        ("resolution=hour", "resolution"),
    ] {
        let answer = ask(service, query).refused(400, "invalid_field");
        assert_eq!(answer.json["details"]["field"], field, "{query}: {}", answer.error());
    }
    ask(service, "cameras=99").refused(404, "camera_not_found");
}
