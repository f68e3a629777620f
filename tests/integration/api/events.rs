//! `/api/v1/events`

use std::collections::BTreeSet;

use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    signal::Signal,
};
use serde_json::{Value, json};

use crate::support::{
    SOON, clips, millis,
    rtsp::RtspCamera,
    secs,
    service::Service,
    sse::{End, Events},
    wait_until,
};

fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

fn ids(list: &Value, key: &str) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|entry| entry[key].clone()).collect()
}

/// Registers a camera that does nothing: an event.
fn put(service: &Service, id: u32) {
    let definition = json!({"stream_url": clips::url(&clips::mp4())});
    let answer = service.http.put(&format!("/api/v1/cameras/{id}"), &definition);
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
}

/// Deletes a camera: another event.
fn delete(service: &Service, id: u32) {
    service.http.delete(&format!("/api/v1/cameras/{id}")).ok(200);
}

#[test]
fn counts_and_states_come_as_they_change() {
    let camera = RtspCamera::start_with(crate::support::rtsp::Options {
        auth: Some(("digest", "admin", "hunter2-of-events")),
        ..Default::default()
    });
    let mut service = Service::start();
    service.keep_secret("hunter2-of-events");
    let mut events = Events::open(service.address, "");
    for header in
        ["content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"]
    {
        assert!(events.headers.contains(header), "{}", events.headers);
    }
    let snapshot = events.next();
    assert_eq!(snapshot.name, "snapshot");
    assert!(events.retry.is_some());
    assert_eq!(ids(&snapshot.data["workers"], "worker_id"), ["worker_1", "worker_2"]);
    assert_eq!((&snapshot.data["cameras"], &snapshot.data["counts"]), (&json!([]), &json!([])));

    service.start_camera(1, &camera.url_with("admin:hunter2-of-events")).ok(200);
    events.find("it opens", |e| e.is("camera", 1) && e.data["state"] == "opening");
    let busy = events.find("a worker has it", |e| e.name == "worker" && e.data["status"] == "busy");
    assert_eq!(busy.data["current_task"], 1);
    let processing =
        events.find("it is counted", |e| e.is("camera", 1) && e.data["state"] == "processing");
    let count = events.find("a count", |e| e.is("count", 1));
    assert_eq!(count.data["state"], "processing");

    // The same fields as everywhere else.
    let shown = service.http.get("/api/v1/cameras/1/count").ok(200);
    assert_eq!(keys(&count.data), keys(&shown));
    let shown = service.camera(1);
    let of_camera = processing.data.as_object().unwrap();
    assert!(of_camera.iter().all(|(key, value)| shown[key] == *value), "{of_camera:?} {shown}");
    let worker = service.worker(busy.data["worker_id"].as_str().unwrap());
    let of_worker = busy.data.as_object().unwrap();
    assert!(of_worker.iter().all(|(key, value)| worker[key] == *value), "{of_worker:?} {worker}");

    // Whoever comes later begins with what is.
    let snapshot = Events::open(service.address, "").next();
    assert_eq!(ids(&snapshot.data["counts"], "camera_id"), [1]);
    assert_eq!(snapshot.data["cameras"][0]["state"], "processing");

    service.stop_camera(1).ok(200);
    events.find("it is stopped", |e| e.is("camera", 1) && e.data["state"] == "stopped");
    events.find("the worker is free", |e| e.name == "worker" && e.data["status"] == "idle");
    delete(&service, 1);
    events.find("it is deleted", |e| e.is("camera_deleted", 1));
    let snapshot = Events::open(service.address, "").next();
    assert_eq!((&snapshot.data["cameras"], &snapshot.data["counts"]), (&json!([]), &json!([])));
    assert!(service.metrics().metric("becamera_events_published_total").unwrap() > 5.0);
}

#[test]
fn a_crashed_worker_and_a_failing_camera_are_told() {
    let service = Service::start();
    let mut events = Events::open(service.address, "?types=camera,worker");
    service.start_camera(1, &RtspCamera::shared().missing_url()).ok(200);
    let failed = events.find("it fails", |e| e.is("camera", 1) && e.data["state"] == "backoff");
    assert_eq!(failed.data["last_error"]["code"], "not_found");
    assert!(failed.data["retry_at"].is_string());
    service.start_looping(2, &clips::long_mp4()).ok(200);
    let process = service.process_of(2);
    service.wait_new_count(2);
    process.signal(Signal::SIGKILL);
    let crashed = events.find("the worker crashed", |e| e.data["status"] == "restarting");
    assert!(crashed.data["last_error"]["message"].as_str().unwrap().contains("SIGKILL"));
    let id = crashed.data["worker_id"].clone();
    events.find("it is back", |e| e.data["worker_id"] == id && e.data["status"] != "restarting");
}

#[test]
fn a_filter_lets_through_what_it_names() {
    let service = Service::start();
    for camera in [1, 2] {
        service.start_looping(camera, &clips::long_mp4()).ok(200);
        service.wait_new_count(camera);
    }
    let mut all = Events::open(service.address, "");
    let mut one = Events::open(service.address, "?cameras=2,9&types=count");
    let snapshot = one.next();
    assert_eq!(keys(&snapshot.data), ["counts".to_owned()].into());
    assert_eq!(ids(&snapshot.data["counts"], "camera_id"), [2]);
    for camera in [1, 2, 1, 2] {
        all.find("a count", |e| e.is("count", camera));
    }
    for _ in 0..2 {
        let event = one.next();
        assert!(event.is("count", 2), "{event:?}");
    }
    for (query, field) in [
        ("cameras=0", "cameras"),
        ("cameras=1;2", "cameras"),
        ("types=counts", "types"),
        ("camera=1", "camera"),
    ] {
        let answer = service.http.get(&format!("/api/v1/events?{query}"));
        let answer = answer.refused(400, "invalid_field");
        assert_eq!(answer.json["details"]["field"], field, "{query}");
    }
    let head = service.http.try_send("HEAD", "/api/v1/events", None).unwrap();
    assert_eq!((head.status, head.content_type.as_str()), (200, "text/event-stream"));
}

#[test]
fn a_client_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let service = Service::start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    for by_parameter in [false, true] {
        let mut events = Events::open(service.address, "");
        assert_eq!(events.next().name, "snapshot");
        let mut numbers: Vec<_> = (0..3).map(|_| events.next().number()).collect();
        let last_id = events.last_id.clone();
        drop(events);
        // Much happens meanwhile.
        for id in 10..15 {
            put(&service, id);
            delete(&service, id);
        }
        let mut events = if by_parameter {
            Events::open(service.address, &format!("?last_event_id={last_id}"))
        } else {
            Events::open_after(service.address, "", &last_id)
        };
        let (mut next, mut deleted) = (Vec::new(), 0);
        while deleted < 5 || next.len() < 15 {
            next.push(events.next());
            deleted += usize::from(next.last().is_some_and(|e| e.name == "camera_deleted"));
        }
        assert!(next.iter().all(|event| event.name != "snapshot" && event.name != "reset"));
        numbers.extend(next.iter().map(|event| event.number()));
        let whole: Vec<_> = (numbers[0]..).take(numbers.len()).collect();
        assert_eq!(numbers, whole);
    }
}

#[test]
fn a_client_that_was_away_too_long_begins_anew() {
    let service = Service::with().set("EVENTS_BUFFER", 4).start();
    let mut events = Events::open(service.address, "?types=camera");
    events.next();
    put(&service, 1);
    assert!(events.next().is("camera", 1));
    let last_id = events.last_id.clone();
    drop(events);
    (2..10).for_each(|id| put(&service, id));

    let begins_anew = |service: &Service, last_id: &str, cameras: usize| {
        let mut events = Events::open_after(service.address, "?types=camera", last_id);
        let (reset, snapshot) = (events.next(), events.next());
        assert_eq!((reset.name.as_str(), snapshot.name.as_str()), ("reset", "snapshot"));
        assert_eq!(snapshot.data["cameras"].as_array().unwrap().len(), cameras);
        events
    };
    let mut events = begins_anew(&service, &last_id, 9);
    let last_id = events.last_id.clone();
    put(&service, 10);
    assert!(events.next().is("camera", 10), "and goes on from there");
    drop(events);
    // From there nothing is missing now; ids that were never given mean to begin anew.
    let mut events = Events::open_after(service.address, "?types=camera", &last_id);
    assert!(events.next().is("camera", 10));
    drop(events);
    begins_anew(&service, "nonsense", 10);
    // Nor does another start of the service know the ids of this one.
    let service = service.restart();
    begins_anew(&service, &last_id, 10);
}

#[test]
fn heartbeats_keep_a_quiet_client_up_to_date() {
    let service = Service::with().set("EVENTS_HEARTBEAT", "100ms").set("EVENTS_BUFFER", 4).start();
    let mut events = Events::open(service.address, "?types=count");
    let snapshot = events.next();
    (1..10).for_each(|id| put(&service, id));
    events.wait_heartbeat();
    events.wait_heartbeat();
    assert_ne!(events.last_id, snapshot.id);
    let last_id = events.last_id.clone();
    drop(events);
    // What it knows is far back by its own events, but it missed none.
    let mut events = Events::open_after(service.address, "?types=count", &last_id);
    events.wait_heartbeat();
    assert!(events.is_quiet(millis(50)), "{:?}", events.next());
}

#[test]
fn there_is_a_most_of_clients_and_one_that_leaves_makes_room() {
    let service =
        Service::with().set("EVENTS_MAX_CLIENTS", 2).set("EVENTS_HEARTBEAT", "100ms").start();
    let clients = || service.metrics().metric("becamera_sse_clients").unwrap();
    let first = Events::open(service.address, "");
    let _second = Events::open(service.address, "");
    assert_eq!(clients(), 2.0);
    service.http.get("/api/v1/events").refused(503, "too_many_clients");
    drop(first);
    wait_until("the first one is forgotten", SOON, || clients() == 1.0);
    let mut third = Events::open(service.address, "");
    assert_eq!(third.next().name, "snapshot");
    assert_eq!(clients(), 2.0);
}

#[test]
fn a_client_that_does_not_read_is_dropped_and_the_others_go_on() {
    let service = Service::start();
    let mut slow = Events::open_narrow(service.address);
    let mut quick = Events::open(service.address, "?types=camera&cameras=1,2");
    quick.next();
    let dropped = || service.metrics().metric("becamera_sse_clients_dropped_total").unwrap();
    let mut rounds = 0;
    wait_until("the slow client is dropped", 10 * SOON, || {
        for _ in 0..100 {
            put(&service, 1);
            delete(&service, 1);
            rounds += 1;
        }
        dropped() > 0.0
    });
    assert_eq!(dropped(), 1.0);
    assert_eq!(service.metrics().metric("becamera_sse_clients"), Some(1.0));
    put(&service, 2);
    let mut seen = 0;
    while !quick.next().is("camera", 2) {
        seen += 1;
    }
    assert_eq!(seen, 2 * rounds, "the quick one got everything");
    assert_eq!(slow.wait_end(), End::Broken);
}

#[test]
fn five_hundred_follow_at_once() {
    let service = Service::start();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(hard.min(4096)), hard).unwrap();
    let mut clients: Vec<_> = (0..500).map(|_| Events::open(service.address, "")).collect();
    assert_eq!(service.metrics().metric("becamera_sse_clients"), Some(500.0));
    put(&service, 7);
    for client in &mut clients {
        assert_eq!(client.next().name, "snapshot");
        let event = client.next();
        assert!(event.is("camera", 7), "{event:?}");
    }
}

#[test]
fn the_end_of_the_service_ends_every_stream_in_order() {
    let mut service = Service::start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    // This worker has to be killed: streams don't wait for it.
    service.process_of(1).signal(Signal::SIGSTOP);
    let mut clients: Vec<_> = (0..20).map(|_| Events::open(service.address, "")).collect();
    service.signal(Signal::SIGTERM);
    for client in &mut clients {
        assert_eq!(client.wait_end(), End::Complete);
    }
    let (status, took) = service.wait_exit(secs(10));
    assert!(status.success() && took <= secs(5), "{status} after {took:?}");
}
