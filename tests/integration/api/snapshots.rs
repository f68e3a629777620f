//! Every answer of the API, success and refusal, as its users read it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::scene;
use crate::support::{
    SOON, clips,
    service::Service,
    snapshots::{Transcript, assert_same},
    sse::Events,
    wait_until,
};

const SPAN: &str = "from=2024-05-01T09:00:00Z&to=2024-05-01T11:00:00Z";
/// Three of the recorded minutes.
const SHORT: &str = "from=2024-05-01T10:00:00Z&to=2024-05-01T10:03:00Z";

/// One service: on counts of the past first, then on two streams that run.
#[test]
fn snapshots_of_the_api() {
    let folder = TempDir::new().unwrap();
    let service = scene::recorded(&format!("sqlite:{}/answers.sqlite3", folder.path().display()));
    service.wait_all_idle();
    let mut events = Events::open(service.address, "");
    health(&service);
    errors(&service);
    counts(&service);
    lines_and_zones(&service);
    crossings(&service);
    sites(&service);
    cameras(&service);
    running(&service);
    pictures(&service);
    followed(&service, &mut events);
    metrics(&service);
    workers(&service);
    audit(&service);
}

fn health(service: &Service) {
    let mut calls = Transcript::of("health", service);
    for path in ["//livez", "//readyz", "//health"] {
        calls.get(path);
    }
    calls.end();
}

fn errors(service: &Service) {
    let mut calls = Transcript::of("errors", service);
    calls.get("/nothing");
    calls.delete("/cameras");
    calls.get("/cameras/x");
    calls.get("/cameras/99");
    calls.get("/counts?colour=red");
    calls.put("/cameras/9", json!({"stream_url": "rtsp://camera.example/1", "colour": "red"}));
    calls.put("/cameras/9", json!({}));
    calls.put("/cameras/9", json!({"stream_url": "ftp://camera.example/1"}));
    calls.put("/cameras/9", json!({"stream_url": "rtsp://u:p@camera.example/1", "name": ""}));
    calls.put("/cameras/9", json!({"stream_url": "rtsp://a/1", "detect": {"fps": 0}}));
    calls.put("/cameras/9", json!({"stream_url": "rtsp://a/1", "detect": {"fps": "fast"}}));
    calls.get("/events?types=rain");
    calls.get("/events?cameras=0");
    calls.end();
    let malformed = service.http.send("PUT", "/api/v1/cameras/9", "{\"stream_url\": }");
    let long = format!("{{\"stream_url\": \"rtsp://a/{}\"}}", "x".repeat(100_000));
    let long = service.http.send("PUT", "/api/v1/cameras/9", &long);
    let text = format!("{:#}\n\n{:#}\n", malformed.json, long.json);
    assert_same("api", "errors_of_bodies", &text);
}

fn counts(service: &Service) {
    let mut calls = Transcript::of("counts", service);
    calls.get("/cameras/1/count");
    calls.get(&format!("/cameras/1/counts?limit=2&{SHORT}"));
    calls.get(&format!("/cameras/1/counts?format=csv&{SHORT}"));
    calls.get(&format!("/cameras/1/counts?resolution=minute&limit=1&{SHORT}"));
    calls.get(&format!("/cameras/1/counts?resolution=day&tz=Europe/Berlin&{SPAN}"));
    calls.get(&format!("/cameras/1/counts?resolution=hour&format=csv&{SPAN}"));
    calls.get(&format!("/counts?{SPAN}"));
    calls.get(&format!("/counts?group=total&{SPAN}"));
    calls.get(&format!("/counts?format=csv&{SPAN}"));
    calls.get(&format!("/analytics/summary?{SPAN}"));
    calls.get("/cameras/99/counts");
    calls.get("/cameras/1/counts?resolution=week");
    calls.get("/cameras/1/counts?from=yesterday");
    calls.get("/cameras/1/counts?resolution=hour&tz=Mars");
    calls.get("/cameras/1/counts?limit=0");
    calls.get("/cameras/1/counts?cursor=x");
    calls.get("/counts?cameras=1,x");
    calls.get("/analytics/summary?min_coverage=2");
    calls.end();
}

fn lines_and_zones(service: &Service) {
    let mut calls = Transcript::of("lines", service);
    calls.get("/cameras/1/lines");
    calls.get("/cameras/1/lines/door");
    let door = json!({"from": [0.1, 0.5], "to": [0.9, 0.5], "directions": {"in": "to the shop"}});
    calls.put("/cameras/1/lines/door", door.clone());
    calls.put("/cameras/1/lines/door", door);
    calls.put("/cameras/1/lines/door", json!({"from": [0.1, 0.5], "to": [0.9, 1.5]}));
    calls.put("/cameras/1/lines/Door!", json!({"from": [0.1, 0.5], "to": [0.9, 0.5]}));
    calls.get("/cameras/1/lines");
    calls.get(&format!("/cameras/1/lines/door/counts?{SPAN}"));
    calls.get(&format!("/cameras/1/lines/door/counts?format=csv&{SPAN}"));
    calls.get("/cameras/1/lines/never/counts");
    calls.delete("/cameras/1/lines/never");
    calls.end();
    let mut calls = Transcript::of("zones", service);
    calls.get("/cameras/1/zones");
    calls.get("/cameras/1/zones/hall");
    let hall = json!({"polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]});
    calls.put("/cameras/1/zones/hall", hall.clone());
    calls.put("/cameras/1/zones/hall", hall);
    calls.put("/cameras/1/zones/hall", json!({"polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}));
    calls.get("/cameras/1/zones/hall");
    calls.get(&format!("/cameras/1/zones/hall/counts?{SPAN}"));
    calls.get(&format!("/cameras/1/zones/hall/counts?format=csv&{SPAN}"));
    calls.get("/cameras/1/zones/never/counts");
    calls.delete("/cameras/1/zones/hall");
    calls.end();
}

fn crossings(service: &Service) {
    let mut calls = Transcript::of("crossings", service);
    calls.get("/cameras/1/crossings?limit=2");
    calls.get("/cameras/1/crossings?direction=out&limit=1&tz=Asia/Kolkata");
    calls.get(&format!("/cameras/1/crossings?format=csv&{SHORT}"));
    calls.get("/cameras/1/crossings?direction=up");
    calls.end();
}

fn sites(service: &Service) {
    let mut calls = Transcript::of("sites", service);
    calls.get("/sites");
    calls.get("/sites/shop");
    let member = json!({"camera_id": 1, "line_id": "door"});
    let shop = json!({"name": "Shop", "timezone": "UTC", "capacity": 80, "members": [member]});
    calls.put("/sites/shop", shop.clone());
    calls.put("/sites/shop", shop);
    calls.put("/sites/shop", json!({"timezone": "Mars"}));
    calls.put("/sites/shop", json!({"members": [{"camera_id": 1, "line_id": "gate"}]}));
    calls.post("/sites/shop/correction", json!({"occupancy": 12}));
    calls.post("/sites/shop/correction", json!({}));
    calls.get("/sites");
    calls.end();
}

fn cameras(service: &Service) {
    let mut calls = Transcript::of("cameras", service);
    let clip = clips::url(&clips::long_mp4());
    let source = json!({"loop": true, "paced": true});
    calls.get("/cameras");
    let entrance = json!({"name": "Entrance", "stream_url": clip, "source": source});
    calls.put("/cameras/3", entrance.clone());
    calls.put("/cameras/3", json!({"stream_url": clip, "source": source, "detect": {"fps": 2}}));
    calls.get("/cameras/3");
    calls.call("POST", "/cameras/3/stop", None);
    calls.call("POST", "/cameras/99/start", None);
    calls.call("POST", "/cameras/3/start", None);
    calls.call("POST", "/cameras/3/start", None);
    calls.post("/cameras/4/start", entrance.clone());
    calls.post("/cameras/5/start", entrance);
    calls.get("/cameras/5");
    calls.get("/queue");
    calls.call("POST", "/cameras/5/stop", None);
    calls.delete("/cameras/5");
    calls.delete("/cameras/5");
    calls.get("/queue");
    calls.end();
}

fn running(service: &Service) {
    service.wait_new_count(3);
    service.wait_new_count(4);
    wait_until("its rates are known", SOON, || {
        let camera = service.camera(3);
        !camera["fps"].is_null() && !camera["fps_granted"].is_null()
    });
    let mut calls = Transcript::of("running_camera", service);
    calls.get("/cameras/3");
    calls.get("/cameras/3/count");
    calls.end();
}

fn pictures(service: &Service) {
    let mut calls = Transcript::of("pictures", service);
    calls.get("/cameras/1/snapshot.jpg");
    calls.get("/cameras/99/snapshot.jpg");
    calls.get("/cameras/3/snapshot.jpg?width=0");
    calls.get("/cameras/3/live.mjpeg?fps=0");
    calls.end();
    service.http.get_picture("/api/v1/cameras/3/snapshot.jpg");
}

/// The newest event of each type, as far as they are about camera 3 and worker 1.
fn followed(service: &Service, events: &mut Events) {
    service.http.delete("/api/v1/sites/shop").ok(200);
    let mut seen = BTreeMap::new();
    // Crossings come by chance and have tests of their own.
    let other = |data: &Value, key: &str, ours: Value| !data[key].is_null() && data[key] != ours;
    events.find("the site's end", |event| {
        let data = &event.data;
        let deleted = event.name == "camera_deleted";
        if deleted
            || !(other(data, "camera_id", 3.into()) || other(data, "worker_id", "worker_1".into()))
        {
            seen.insert(event.name.clone(), data.clone());
        }
        event.name == "site_deleted"
    });
    seen.remove("crossing");
    let text: String = seen.iter().map(|(name, data)| format!("{name}\n{data:#}\n\n")).collect();
    assert_same("api", "events", &text);
}

fn workers(service: &Service) {
    let mut calls = Transcript::of("workers", service);
    calls.get("/workers/worker_1");
    calls.get("/workers");
    calls.get("/workers/worker_9");
    calls.call("POST", "/workers/worker_9/restart", None);
    calls.call("POST", "/workers/worker_2/restart", None);
    calls.call("POST", "/cameras/3/stop", None);
    calls.end();
}

/// Names, labels and types of what is there once cameras were counted.
fn metrics(service: &Service) {
    wait_until("all of it is measured", SOON, || {
        let page = service.metrics();
        let rates = ["frames_per_second_granted", "frame_age_seconds", "inference_seconds_count"];
        let rates = rates.map(|name| page.metric(&format!("becamera_{name}{{camera=\"3\"}}")));
        let used = page.metric("becamera_worker_cpu_seconds{worker=\"worker_1\"}");
        used.is_some() && rates.iter().all(Option::is_some)
    });
    let page = service.metrics().text;
    let mut names = BTreeSet::new();
    let mut kind = "";
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            kind = rest;
        } else if !line.starts_with('#') {
            let labels = line.split_once('{').map_or("", |(_, rest)| rest);
            let labels = labels.rsplit_once('}').map_or("", |(labels, _)| labels);
            let labels = labels.split(',').filter_map(|label| label.split_once('='));
            let labels: Vec<_> = labels.map(|(label, _)| label).filter(|l| *l != "le").collect();
            names.insert(format!("{kind} {}", labels.join(" ")).trim_end().to_owned());
        }
    }
    // These come with what happens by chance.
    let chance = ["reconnects", "worker_restarts", "native_log", "crossings"];
    names.retain(|name| !chance.iter().any(|part| name.contains(part)));
    let names: Vec<_> = names.into_iter().collect();
    assert_same("api", "metrics", &names.join("\n"));
}

fn audit(service: &Service) {
    let mut entries = Value::Null;
    wait_until("all of it is recorded", SOON, || {
        entries = service.http.get("/api/v1/audit?limit=1").ok(200);
        entries["entries"][0]["action"] == "camera.stopped"
    });
    let mut calls = Transcript::of("audit", service);
    calls.get("/audit?limit=4");
    calls.get("/cameras/3/audit");
    calls.get("/audit?camera=x");
    calls.end();
}
