//! A restart of the service: what ran goes on by itself.

use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{SOON, clips, rtsp::RtspCamera, secs, service::Service, wait_for, wait_until};

fn set_up(service: &Service) {
    let url = RtspCamera::shared().url();
    service.start_camera(1, &url).ok(200);
    service.start_looping(2, &clips::long_mp4()).ok(200);
    let definition = json!({"name": "Never started", "stream_url": url});
    service.http.put("/api/v1/cameras/3", &definition).ok(201);
    service.wait_new_count(1);
    service.wait_new_count(2);
    service.stop_camera(2).ok(200);
    // Before that `kill -9` costs it: counts are written every `storage.flush_interval`.
    wait_until("the history of camera 2 is stored", SOON, || has_history(service));
}

fn has_history(service: &Service) -> bool {
    let stored = service.http.get("/api/v1/cameras/2/counts").ok(200);
    !stored["samples"].as_array().unwrap().is_empty()
}

fn check(service: &Service) {
    service.wait_new_count(1);
    let stopped = service.camera(2);
    assert_eq!(
        (&stopped["desired_state"], &stopped["worker_id"]),
        (&"stopped".into(), &json!(null))
    );
    assert_eq!(service.camera(3)["name"], "Never started");
    assert_eq!(service.camera(3)["desired_state"], "stopped");
    assert_eq!(service.pool()["busy_workers"], 1);
    assert!(has_history(service), "history is kept");
    // A recording that was looping is looping again, without having to be told.
    service.http.post_empty("/api/v1/cameras/2/start").ok(200);
    service.wait_new_count(2);
}

#[test]
fn cameras_resume_after_an_orderly_restart() {
    let service = Service::start();
    set_up(&service);

    let service = service.restart();

    check(&service);
}

#[test]
fn cameras_resume_after_kill_9_of_the_service_and_no_child_survives_it() {
    let mut service = Service::start();
    set_up(&service);
    let family = service.process().descendants();
    assert!(family.len() >= 2, "{family:?}");

    service.signal(Signal::SIGKILL);

    let (status, _) = service.wait_exit(secs(5));
    assert!(!status.success());
    wait_until("every child is gone", secs(2), || family.iter().all(|process| !process.is_alive()));
    let service = service.start_again();
    check(&service);
}

#[test]
fn a_camera_that_waited_in_the_queue_runs_after_a_restart_too() {
    let service = Service::with().set("WORKERS_COUNT", 1).start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.start_looping(2, &clips::long_mp4()).refused(503, "no_available_workers");
    service.wait_new_count(1);

    let service = service.restart();

    for camera in [1, 2] {
        assert_eq!(service.camera(camera)["desired_state"], "running");
    }
    let running = if service.worker_of(1).is_some() { 1 } else { 2 };
    service.wait_new_count(running);
    service.stop_camera_in_time(running);
    service.wait_new_count(3 - running);
}

#[test]
fn cameras_resume_one_after_another() {
    let service =
        Service::with().set("WORKERS_COUNT", 4).set("WORKERS_RESUME_INTERVAL", "400ms").start();
    for id in 1..=4 {
        service.start_looping(id, &clips::long_mp4()).ok(200);
    }

    let service = service.restart();

    let assigned = |worker: &serde_json::Value| worker["start_time"].as_str()?.parse().ok();
    let (mut times, _) = wait_for("all four run again", SOON, || {
        service.workers().iter().map(assigned).collect::<Option<Vec<DateTime<Utc>>>>()
    });
    times.sort();
    for pair in times.windows(2) {
        assert!((pair[1] - pair[0]).num_milliseconds() >= 399, "{times:?}");
    }
    for id in 1..=4 {
        service.wait_new_count(id);
    }
}
