//! `/api/v1/cameras/{id}/counts?resolution=…` and `/api/v1/counts`, on both databases

use chrono::TimeDelta;
use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{http::Answer, postgres::Postgres, recorded::Recorded, service::Service};

/// Down for an hour, seen for an hour without anybody, seen for half an hour with three people.
const GAP: u32 = 1;
/// Seen throughout around both changes of Berlin's clock in 2024.
const BERLIN: u32 = 2;
/// Two cameras side by side.
const DOOR: u32 = 3;
const HALL: u32 = 4;
/// Thousands of samples.
const LONG: u32 = 5;
/// One of its minutes is broken, late in its time.
const BROKEN: u32 = 6;

#[test]
fn sqlite() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.sqlite3");
    let url = format!("sqlite:{}", path.display());
    let run = |sql: &str| {
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        sql_query(sql).execute(&mut connection).unwrap();
    };
    check(&url, run);
}

#[test]
fn postgresql() {
    let server = Postgres::start();
    check(&server.database("history"), |sql| server.sql_in("history", sql));
}

fn check(url: &str, run_sql: impl Fn(&str)) {
    let minute = TimeDelta::minutes(1);
    let mut past = Recorded::default();
    past.seen(GAP, "2024-05-01T11:00:00Z", "2024-05-01T12:00:00Z", minute, 0);
    past.seen(GAP, "2024-05-01T12:00:00Z", "2024-05-01T12:30:00Z", minute, 3);
    let quarter = TimeDelta::minutes(15);
    past.seen(BERLIN, "2024-03-30T00:00:00Z", "2024-04-02T00:00:00Z", quarter, 1);
    past.seen(BERLIN, "2024-10-26T00:00:00Z", "2024-10-29T00:00:00Z", quarter, 1);
    past.seen(DOOR, "2024-05-01T10:00:00Z", "2024-05-01T12:00:00Z", minute, 2);
    past.seen(HALL, "2024-05-01T10:00:00Z", "2024-05-01T10:30:00Z", minute, 5);
    past.seen(LONG, "2024-05-01T00:00:00Z", "2024-05-04T12:00:00Z", minute, 4);
    past.seen(BROKEN, "2024-05-01T00:00:00Z", "2024-05-08T00:00:00Z", minute, 4);
    let service = past.start(url);
    // No hand but a foreign one can do this; it stands for a database that fails meanwhile.
    let broken = crate::support::recorded::utc("2024-05-07T12:00:00Z").timestamp();
    run_sql(&format!(
        "UPDATE rollups SET people_min = -1 WHERE camera_id = {BROKEN} AND level = 60 \
         AND bucket_start = {broken}"
    ));

    down_is_not_zero(&service);
    days_and_hours_are_the_zones_own(&service);
    pages_follow_each_other(&service);
    seconds_are_read_as_ever(&service);
    cameras_are_side_by_side_or_together(&service);
    csv_says_what_json_says(&service);
    csv_has_no_pages(&service);
    a_csv_that_fails_is_not_whole(&service);
    what_is_wrong_is_named(&service);
}

fn get(service: &Service, path: &str) -> Value {
    service.http.get(&format!("/api/v1/{path}")).ok(200)
}

fn csv(service: &Service, path: &str) -> Answer {
    let answer = service.http.get(&format!("/api/v1/{path}&format=csv"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// A field of every bucket.
fn field(page: &Value, name: &str) -> Vec<Value> {
    page["buckets"].as_array().unwrap().iter().map(|bucket| bucket[name].clone()).collect()
}

fn down_is_not_zero(service: &Service) {
    let span = "from=2024-05-01T10:00:00Z&to=2024-05-01T13:00:00Z&resolution=hour";
    let page = get(service, &format!("cameras/{GAP}/counts?{span}"));
    let bucket = |start: &str, end: &str, frames, people: Value, covered_ms, coverage: f64| {
        json!({
            "bucket_start": format!("2024-05-01T{start}:00:00Z"),
            "bucket_end": format!("2024-05-01T{end}:00:00Z"),
            "frames": frames,
            "people_mean": people.as_u64().map(|people| people as f64),
            "people_min": people,
            "people_max": people,
            "covered_ms": covered_ms,
            "coverage": coverage,
            "in": 0,
            "out": 0,
            "net": 0,
        })
    };
    let expected = json!({
        "camera_id": GAP,
        "resolution": "hour",
        "tz": "UTC",
        "from": "2024-05-01T10:00:00Z",
        "to": "2024-05-01T13:00:00Z",
        "buckets": [
            bucket("10", "11", 0, Value::Null, 0, 0.0),
            bucket("11", "12", 7_200, 0.into(), 3_600_000, 1.0),
            bucket("12", "13", 3_600, 3.into(), 1_800_000, 0.5),
        ],
        "next_cursor": null,
    });
    assert_eq!(page, expected);
    // Without a span it is the last days up to now, in which nothing was seen.
    let page = get(service, &format!("cameras/{GAP}/counts?resolution=day&limit=400"));
    assert!((365..=367).contains(&field(&page, "frames").len()), "{page}");
}

fn days_and_hours_are_the_zones_own(service: &Service) {
    let ask = |query: &str| get(service, &format!("cameras/{BERLIN}/counts?{query}"));
    let spring = "from=2024-03-29T23:00:00Z&to=2024-04-01T22:00:00Z&tz=Europe/Berlin";
    let days = ask(&format!("{spring}&resolution=day"));
    assert_eq!(
        field(&days, "bucket_start"),
        ["2024-03-30T00:00:00+01:00", "2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00"]
    );
    // The first day was seen from 01:00 on by its own clock; the second has 23 h.
    let hours = [23, 23, 24].map(|hours| hours * 7_200);
    assert_eq!(field(&days, "frames"), hours);
    assert_eq!(field(&days, "coverage"), [23.0 / 24.0, 1.0, 1.0]);

    let autumn = "from=2024-10-26T22:00:00Z&to=2024-10-27T23:00:00Z&tz=Europe/Berlin";
    let hours = ask(&format!("{autumn}&resolution=hour"));
    let starts = field(&hours, "bucket_start");
    assert_eq!(starts.len(), 25);
    assert_eq!(starts[2..4], ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]);
    assert!(field(&hours, "frames").iter().all(|frames| *frames == 7_200));

    // Half an hour and a quarter off the hours of UTC.
    for (zone, offset) in [("Asia/Kolkata", "+05:30"), ("Asia/Kathmandu", "+05:45")] {
        let span = "from=2024-03-30T00:00:00Z&to=2024-04-02T00:00:00Z";
        let hours = ask(&format!("{span}&resolution=hour&tz={zone}"));
        let frames = field(&hours, "frames");
        assert_eq!(frames.iter().filter_map(Value::as_u64).sum::<u64>(), 72 * 7_200);
        assert!(frames[1..72].iter().all(|frames| *frames == 7_200), "{zone}: {hours}");
        assert_eq!(field(&hours, "bucket_start")[1], format!("2024-03-30T06:00:00{offset}"));
        assert!(field(&hours, "coverage").iter().all(|coverage| *coverage == 1.0));
    }
}

fn pages_follow_each_other(service: &Service) {
    let span = "from=2024-05-01T10:50:00Z&to=2024-05-01T12:40:00Z&resolution=minute";
    let path = format!("cameras/{GAP}/counts?{span}");
    let whole = get(service, &path)["buckets"].as_array().unwrap().clone();
    assert_eq!(whole.len(), 110);
    let mut paged = Vec::new();
    let mut page = get(service, &format!("{path}&limit=33"));
    loop {
        paged.extend(page["buckets"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = get(service, &format!("{path}&limit=33&cursor={cursor}"));
    }
    assert_eq!(paged, whole);
}

fn seconds_are_read_as_ever(service: &Service) {
    let span = "from=2024-05-01T11:58:00Z&to=2024-05-01T12:01:00Z";
    let plain = get(service, &format!("cameras/{GAP}/counts?{span}"));
    assert_eq!(plain, get(service, &format!("cameras/{GAP}/counts?{span}&resolution=raw")));
    let starts = |page: &Value| -> Vec<Value> {
        let samples = page["samples"].as_array().unwrap();
        samples.iter().map(|sample| sample["bucket_start"].clone()).collect()
    };
    assert_eq!(starts(&plain)[0], "2024-05-01T11:58:00.000Z");
    let tokyo = get(service, &format!("cameras/{GAP}/counts?{span}&tz=Asia/Tokyo"));
    assert_eq!(starts(&tokyo)[2], "2024-05-01T21:00:00.000+09:00");
}

fn cameras_are_side_by_side_or_together(service: &Service) {
    let span = "from=2024-05-01T10:00:00Z&to=2024-05-01T12:00:00Z";
    let both = format!("counts?cameras={HALL},{DOOR}&{span}");
    let page = get(service, &both);
    assert_eq!((&page["resolution"], &page["tz"]), (&"hour".into(), &"UTC".into()));
    let cameras = page["cameras"].as_array().unwrap();
    for (answer, id) in cameras.iter().zip([DOOR, HALL]) {
        let own = get(service, &format!("cameras/{id}/counts?{span}&resolution=hour"));
        assert_eq!((&answer["camera_id"], &answer["buckets"]), (&json!(id), &own["buckets"]));
    }
    // So many that they are read in shares.
    let days = "from=2024-05-01T00:00:00Z&to=2024-05-05T00:00:00Z&resolution=minute&limit=10000";
    let page = get(service, &format!("counts?cameras={DOOR},{LONG}&{days}"));
    for (place, id) in [DOOR, LONG].into_iter().enumerate() {
        let own = get(service, &format!("cameras/{id}/counts?{days}"));
        assert_eq!(own["buckets"].as_array().unwrap().len(), 5_760);
        assert!(page["cameras"][place]["buckets"] == own["buckets"], "camera {id}");
    }
    let total = get(service, &format!("{both}&group=total"));
    assert_eq!(total["cameras"], json!([DOOR, HALL]));
    assert_eq!(field(&total, "people_mean"), [7.0, 2.0]);
    assert_eq!(field(&total, "cameras_seen"), [2, 1]);
    assert_eq!(field(&total, "coverage"), [0.75, 0.5]);
    assert_eq!(field(&total, "frames"), [10_800, 7_200]);

    for all in ["", "&cameras=all"] {
        let page = get(service, &format!("counts?{span}{all}"));
        let ids = page["cameras"].as_array().unwrap().iter().map(|c| c["camera_id"].clone());
        assert_eq!(ids.collect::<Vec<_>>(), [GAP, BERLIN, DOOR, HALL, LONG, BROKEN]);
    }
    let first = get(service, &format!("{both}&limit=1"));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = get(service, &format!("{both}&limit=1&cursor={cursor}"));
    assert_eq!(second["cameras"][0]["buckets"][0], cameras[0]["buckets"][1]);
    assert_eq!(second["next_cursor"], Value::Null);
}

/// A bucket of JSON as the row of a CSV.
fn row(bucket: &Value) -> String {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    let columns =
        ["bucket_start", "bucket_end", "frames", "people_mean", "people_min", "people_max"];
    let columns = columns.iter().chain(&["covered_ms", "coverage", "in", "out", "net"]);
    columns.map(|column| cell(&bucket[*column])).collect::<Vec<_>>().join(",")
}

fn csv_says_what_json_says(service: &Service) {
    let header = "camera_id,bucket_start,bucket_end,frames,people_mean,people_min,people_max,\
                  covered_ms,coverage,in,out,net";
    let span = "from=2024-05-01T10:00:00Z&to=2024-05-01T13:00:00Z&tz=Europe/Berlin";
    for resolution in ["minute", "hour", "day"] {
        let path = format!("cameras/{GAP}/counts?{span}&resolution={resolution}");
        let page = get(service, &path);
        let rows = page["buckets"].as_array().unwrap().iter();
        let rows = rows.map(|bucket| format!("{GAP},{}\n", row(bucket))).collect::<String>();
        let answer = csv(service, &path);
        assert_eq!(answer.text, format!("{header}\n{rows}"));
        assert_eq!(answer.content_type, "text/csv; charset=utf-8; header=present");
        let name = format!("becamera-camera-{GAP}-{resolution}-20240501T1200-20240501T1500.csv");
        assert_eq!(answer.disposition, format!("attachment; filename=\"{name}\""));
        assert_eq!(service.http.get_as(&format!("/api/v1/{path}"), "text/csv").text, answer.text);
    }

    // Across cameras the rows go by time.
    let both = format!("counts?cameras={DOOR},{HALL}&{span}&resolution=hour");
    let answer = csv(service, &both);
    let lines: Vec<_> = answer.text.lines().skip(1).collect();
    let start = |line: &str| line.split(',').take(2).map(str::to_owned).collect::<Vec<_>>();
    let expected: Vec<_> = ["12", "13", "14"]
        .iter()
        .flat_map(|hour| {
            [DOOR, HALL].map(|id| vec![id.to_string(), format!("2024-05-01T{hour}:00:00+02:00")])
        })
        .collect();
    assert_eq!(lines.iter().map(|line| start(line)).collect::<Vec<_>>(), expected);
    assert!(lines[5].ends_with(",0,,,,0,0.0,0,0,0"), "not seen: {}", lines[5]);
    let total = csv(service, &format!("{both}&group=total")).text;
    assert!(total.starts_with("bucket_start,bucket_end,cameras_seen,frames,people_mean,"));
    assert!(total.lines().nth(1).unwrap().ends_with(",2,10800,7.0,5400000,0.75,0,0,0"), "{total}");
}

/// More than is read at once, of buckets and of seconds.
fn csv_has_no_pages(service: &Service) {
    let span = "from=2024-05-01T00:00:00Z&to=2024-05-05T00:00:00Z";
    let text = csv(service, &format!("cameras/{LONG}/counts?{span}&resolution=minute")).text;
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(lines.len(), 4 * 1_440);
    assert!(lines.is_sorted());
    let (seen, unseen) = lines.split_at(3 * 1_440 + 720);
    assert!(seen.iter().all(|line| line.ends_with(",120,4.0,4,4,60000,1.0,0,0,0")));
    assert!(unseen.iter().all(|line| line.ends_with(",0,,,,0,0.0,0,0,0")));

    let text = csv(service, &format!("cameras/{LONG}/counts?{span}")).text;
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("camera_id,run_id,seq,bucket_start,frames,"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 3 * 1_440 + 720);
    for (seq, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("{LONG},1,{seq},2024-05-0")), "{line}");
    }
    let path = format!("/api/v1/cameras/{LONG}/counts?{span}&format=csv");
    let head = service.http.try_send("HEAD", &path, None).unwrap();
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert!(head.content_type.starts_with("text/csv"));
}

fn a_csv_that_fails_is_not_whole(service: &Service) {
    let path = |from: &str| {
        format!(
            "/api/v1/cameras/{BROKEN}/counts?from={from}&to=2024-05-08T00:00:00Z\
                 &resolution=minute&format=csv"
        )
    };
    // What fails before the first row is an answer like any other.
    service.http.get(&path("2024-05-07T11:00:00Z")).refused(500, "storage_error");
    // What fails later must not look like the end.
    let cut_off = service.http.try_send("GET", &path("2024-05-01T00:00:00Z"), None);
    assert!(cut_off.is_err(), "{:?}", cut_off.map(|answer| answer.text.len()));
    service.wait_log(&["a csv answer was cut off", "people_min is out of range"]);
    // Hours are not broken.
    let hours = path("2024-05-01T00:00:00Z").replace("minute", "hour");
    assert_eq!(service.http.get(&hours).text.lines().count(), 1 + 7 * 24);
}

fn what_is_wrong_is_named(service: &Service) {
    for (query, field) in [
        ("resolution=week", "resolution"),
        ("resolution=hour&tz=Mars/Base", "tz"),
        ("tz=Mars/Base", "tz"),
        ("resolution=hour&from=2024-05-02T00:00:00Z&to=2024-05-01T00:00:00Z", "from"),
        ("resolution=minute&from=2020-01-01T00:00:00Z", "from"),
        ("resolution=hour&limit=10001", "limit"),
        ("resolution=hour&cursor=x", "cursor"),
        ("resolution=hour&group=total", "group"),
        ("format=xml", "format"),
        ("format=csv&limit=5", "limit"),
        ("resolution=hour&format=csv&limit=5", "limit"),
    ] {
        let answer = service.http.get(&format!("/api/v1/cameras/{GAP}/counts?{query}"));
        let answer = answer.refused(400, "invalid_field");
        assert_eq!(answer.json["details"]["field"], field, "{query}: {}", answer.error());
    }
    for (query, field) in [
        ("cameras=1;2", "cameras"),
        ("cameras=0", "cameras"),
        ("resolution=raw", "resolution"),
        ("group=sum", "group"),
    ] {
        let answer = service.http.get(&format!("/api/v1/counts?{query}"));
        let answer = answer.refused(400, "invalid_field");
        assert_eq!(answer.json["details"]["field"], field, "{query}: {}", answer.error());
    }
    for path in ["cameras/99/counts?resolution=hour", "cameras/99/counts", "counts?cameras=1,99"] {
        for format in ["json", "csv"] {
            let joined = if path.contains('?') { "&" } else { "?" };
            let answer = service.http.get(&format!("/api/v1/{path}{joined}format={format}"));
            answer.refused(404, "camera_not_found");
        }
    }
}
