//! People who walk over a line, from the footage to whoever wants to know: through kills of the
//! worker and of the service.

use std::{collections::BTreeSet, time::Duration};

use chrono::{TimeDelta, Utc};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use super::ledger::Ledger;
use crate::support::{SOON, clips, secs, service::Service, sse::Events, wait_until};

/// Long enough for some people to cross, also on a busy machine.
const A_WHILE: Duration = secs(90);
const SITE: &str = "/api/v1/sites/street";

/// One camera on the footage, with a line from top to bottom, a zone, and a site behind the line.
fn street() -> Service {
    let service = Service::with().set("DETECT_FPS", 10).set("WORKERS_COUNT", 2).start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    let line =
        json!({"from": [0.5, 0.0], "to": [0.5, 1.0], "directions": {"in": "left", "out": "right"}});
    service.http.put("/api/v1/cameras/1/lines/middle", &line).ok(201);
    let polygon = json!({"polygon": [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]});
    service.http.put("/api/v1/cameras/1/zones/hall", &polygon).ok(201);
    let reset_at = (Utc::now() - TimeDelta::hours(12)).format("%H:%M").to_string();
    let site = json!({"reset_at": reset_at, "members": [{"camera_id": 1, "line_id": "middle"}]});
    service.http.put(SITE, &site).ok(201);
    service
}

fn stored(service: &Service) -> Vec<Value> {
    let page = service.http.get("/api/v1/cameras/1/crossings?limit=1000").ok(200);
    assert_eq!(page["next_cursor"], Value::Null);
    page["crossings"].as_array().unwrap().clone()
}

fn ids(crossings: &[Value]) -> BTreeSet<String> {
    crossings.iter().map(|crossing| crossing["event_id"].as_str().unwrap().to_owned()).collect()
}

fn runs(crossings: &[Value]) -> BTreeSet<String> {
    ids(crossings).iter().map(|id| id.split('-').next().unwrap().to_owned()).collect()
}

/// Waits until there are so many crossings more.
fn wait_crossings(service: &Service, more: usize) {
    let before = stored(service).len();
    wait_until("people cross", A_WHILE, || stored(service).len() >= before + more);
}

/// How many people the crossings leave in the site.
fn walk(crossings: &[Value]) -> u64 {
    crossings.iter().fold(0, |people: u64, crossing| match crossing["direction"].as_str() {
        Some("in") => people + 1,
        _ => people.saturating_sub(1),
    })
}

/// The site says what the stored crossings say.
fn site_is_right(service: &Service) -> bool {
    // One may come between the two questions.
    let before = stored(service);
    let site = service.http.get(SITE).ok(200);
    let crossings = stored(service);
    before == crossings
        && site["occupancy"] == walk(&crossings)
        && site["in"].as_u64().unwrap() + site["out"].as_u64().unwrap() == crossings.len() as u64
}

#[test]
fn crossings_outlast_kills_and_everybody_is_told_the_same() {
    let service = street();
    let url = format!("sqlite:{}", service.database().display());
    let mut events = Events::open(service.address, "?types=crossing&cameras=1");
    assert_eq!(events.next().name, "snapshot");
    wait_crossings(&service, 2);
    let victim = service.process_of(1);
    kill(nix::unistd::Pid::from_raw(victim.pid.cast_signed()), Signal::SIGKILL).unwrap();
    wait_until("it is counted on", SOON, || {
        service
            .worker_of(1)
            .is_some_and(|worker| crate::support::service::process(&worker) != Some(victim))
    });
    wait_crossings(&service, 2);

    let crossings = stored(&service);
    assert_eq!(runs(&crossings).len(), 2, "each run counts for itself: {crossings:?}");
    for crossing in &crossings {
        let told = events.find("the crossing", |event| event.name == "crossing");
        assert_eq!(&told.data, crossing, "subscribers are told what is stored, in order");
    }
    wait_until("the site is right", SOON, || site_is_right(&service));
    let series = |way: &str| {
        let series =
            format!("becamera_crossings_total{{camera=\"1\",direction=\"{way}\",line=\"middle\"}}");
        service.metrics().metric(&series).unwrap_or(0.0)
    };
    wait_until("the metrics say so too", SOON, || {
        series("in") + series("out") == stored(&service).len() as f64
    });
    assert!(
        service.metrics().metric("becamera_zone_occupancy{camera=\"1\",zone=\"hall\"}").is_some()
    );

    let mut service = service;
    let before = ids(&stored(&service));
    service.signal(Signal::SIGKILL);
    service.wait_exit(secs(10));
    Ledger::read(&url, &[1]).assert_complete();
    let service = service.start_again();
    assert!(ids(&stored(&service)).is_superset(&before), "what was told is kept");
    wait_until("the site is right again", SOON, || site_is_right(&service));
    wait_crossings(&service, 1);
    wait_until("the site goes on", SOON, || site_is_right(&service));

    // What is shown by the hour is what is shown one by one.
    service.stop_camera(1).ok(200);
    let hours = service.http.get("/api/v1/cameras/1/lines/middle/counts").ok(200);
    let sum = |name: &str| -> u64 {
        hours["buckets"].as_array().unwrap().iter().map(|b| b[name].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("in") + sum("out"), stored(&service).len() as u64);
    assert!(sum("raw_in") + sum("raw_out") >= 1);
    let hall = service.http.get("/api/v1/cameras/1/zones/hall/counts").ok(200);
    let frames: u64 =
        hall["buckets"].as_array().unwrap().iter().map(|b| b["frames"].as_u64().unwrap()).sum();
    assert!(frames > 0, "{hall}");
    let mut service = service;
    service.finish();
    Ledger::read(&url, &[1]).assert_complete();
}

#[test]
fn a_deleted_line_counts_no_more_and_its_stream_goes_on() {
    let service = street();
    wait_crossings(&service, 1);
    let since = service.camera(1)["since"].clone();
    service.http.delete("/api/v1/cameras/1/lines/middle").ok(200);
    // What was on its way.
    service.wait_new_count(1);
    let before = stored(&service).len();
    let other = json!({"from": [0.4, 0.0], "to": [0.4, 1.0]});
    service.http.put("/api/v1/cameras/1/lines/other", &other).ok(201);
    let of_other = || {
        let crossings = stored(&service);
        crossings.iter().filter(|crossing| crossing["line_id"] == "other").count()
    };
    wait_until("people cross the other one", A_WHILE, || of_other() >= 1);
    assert_eq!(stored(&service).len() - of_other(), before);
    assert_eq!(service.camera(1)["since"], since, "without opening the stream anew");
    let gone = "becamera_crossings_total{camera=\"1\",direction=\"in\",line=\"middle\"}";
    assert_eq!(service.metrics().metric(gone), None);
}
