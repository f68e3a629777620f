//! Workers that crash and hang.

use nix::sys::signal::Signal;

use crate::support::{
    SOON, clips, holds_for,
    procfs::Process,
    rtsp::RtspCamera,
    secs,
    service::{self, Service, task_of},
    wait_until,
};

// Waits until the worker's process is another one and it works again.
#[track_caller]
fn wait_replaced(service: &Service, worker: &str, old: Process) {
    wait_until(&format!("{worker} is back with another process"), SOON, || {
        let worker = service.worker(worker);
        let status = worker["status"].as_str().unwrap().to_owned();
        service::process(&worker).is_some_and(|p| p != old) && ["idle", "busy"].contains(&&*status)
    });
    assert!(!old.is_alive(), "the old process is gone");
}

#[test]
fn any_deadly_signal_moves_the_camera_to_another_worker() {
    let service = Service::with().set("WORKERS_MAX_CRASHES", 100).start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    let before = {
        service.wait_new_count(1);
        service.resources()
    };
    let signals = [
        (Signal::SIGKILL, "SIGKILL"),
        (Signal::SIGSEGV, "SIGSEGV"),
        (Signal::SIGABRT, "SIGABRT"),
        (Signal::SIGBUS, "SIGBUS"),
    ];
    for (crashes, (signal, name)) in (1u64..).zip(signals) {
        let worker = service.worker_of(1).unwrap()["worker_id"].as_str().unwrap().to_owned();
        let victim = service.process_of(1);

        victim.signal(signal);

        wait_until("another worker has the camera", SOON, || {
            service.worker_of(1).is_some_and(|w| w["worker_id"] != worker.as_str())
        });
        service.wait_new_count(1);
        wait_replaced(&service, &worker, victim);
        assert_eq!(service.error_count(), crashes, "{name}");
        service.wait_log(&[&worker, "camera 1", name]);
        let metrics = service.metrics().text;
        let restarts =
            format!("becamera_worker_restarts_total{{reason=\"signal\",worker=\"{worker}\"}}");
        assert!(metrics.contains(&restarts), "{restarts}:\n{metrics}");
    }
    wait_until("nothing is leaked", SOON, || service.resources().no_more_than(&before));
}

/// The target: counted again within 2 s.
#[test]
fn after_kill_9_the_camera_is_counted_again_within_two_seconds() {
    let service = Service::with().alone().set("DETECT_FPS", 10).start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);
    let victim = service.process_of(1);

    victim.signal(Signal::SIGKILL);
    wait_until("its end is seen", SOON, || {
        service.worker_of(1).is_none_or(|w| service::process(&w) != Some(victim))
    });
    let begin = std::time::Instant::now();
    service.wait_new_count(1);

    assert!(begin.elapsed() < secs(2), "{:?}", begin.elapsed());
}

/// The target: the first count of a 576p RTSP camera within 2 s.
#[test]
fn a_camera_is_counted_within_two_seconds_of_its_start() {
    let service = Service::with().alone().set("DETECT_FPS", 10).start();
    service.wait_all_idle();
    let url = RtspCamera::shared().url();

    let begin = std::time::Instant::now();
    service.start_camera(1, &url).ok(200);
    service.wait_new_count(1);

    assert!(begin.elapsed() < secs(2), "{:?}", begin.elapsed());
}

#[test]
fn an_idle_worker_that_dies_is_replaced() {
    let service = Service::start();
    service.wait_all_idle();
    let victim = service::process(&service.worker("worker_2")).unwrap();

    victim.signal(Signal::SIGSEGV);

    wait_replaced(&service, "worker_2", victim);
    let worker = service.worker("worker_2");
    assert_eq!((&worker["restarts"], &worker["status"]), (&1.into(), &"idle".into()));
    service.wait_log(&["worker_2", "SIGSEGV"]);
    assert_eq!(service.worker("worker_1")["restarts"], 0);
}

#[test]
fn a_worker_that_hangs_is_killed_and_its_camera_moves() {
    let service =
        Service::with().set("WORKERS_HANG_TIMEOUT", "3s").set("STREAM_READ_TIMEOUT", "2s").start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);
    let victim = service.process_of(1);

    victim.signal(Signal::SIGSTOP);

    wait_until("the other worker has the camera", SOON, || {
        task_of(&service.worker("worker_2")) == Some(1)
    });
    service.wait_new_count(1);
    wait_replaced(&service, "worker_1", victim);
    service.wait_log(&["worker_1", "camera 1", "hung"]);
    let restarts = "becamera_worker_restarts_total{reason=\"hang\",worker=\"worker_1\"}";
    assert_eq!(service.metrics().metric(restarts), Some(1.0));
}

#[test]
fn a_short_silence_is_no_hang() {
    let service = Service::with().set("WORKERS_HANG_TIMEOUT", "8s").start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);
    let worker = service.process_of(1);

    worker.signal(Signal::SIGSTOP);
    holds_for("it is left alone", secs(1), || worker.is_alive());
    worker.signal(Signal::SIGCONT);

    service.wait_new_count(1);
    assert_eq!(service.process_of(1), worker);
}

#[test]
fn a_worker_that_crashes_too_often_is_quarantined_and_released() {
    let service = Service::with()
        .set("WORKERS_MAX_CRASHES", 2)
        .set("WORKERS_RESTART_BACKOFF", "1ms")
        .set("WORKERS_QUARANTINE", "2s")
        .start();
    service.wait_all_idle();
    for crash in 1..=3 {
        let idle = || service.worker("worker_1")["status"] == "idle";
        wait_until("worker_1 is idle", SOON, idle);
        service::process(&service.worker("worker_1")).unwrap().signal(Signal::SIGKILL);
        wait_until("its end is seen", SOON, || service.worker("worker_1")["error_count"] == crash);
    }
    wait_until("it is quarantined", SOON, || service.worker("worker_1")["status"] == "quarantined");
    service.wait_log(&["worker_1", "quarantine"]);
    // The rest of the pool serves on.
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    assert_eq!(task_of(&service.worker("worker_2")), Some(1));

    wait_until("it is released", SOON, || service.worker("worker_1")["status"] == "idle");
}

/// Its worker can't be blamed: whoever reads the recording dies of it.
#[test]
fn a_recording_that_kills_every_worker_is_given_up() {
    let service = Service::with()
        .set("WORKERS_MAX_CRASHES", 100)
        .set("WORKERS_RESTART_BACKOFF", "1ms")
        .start();
    // Read at one frame a second, so that each worker dies at the recording's first frame.
    let body = serde_json::json!({
        "stream_url": clips::url(&clips::long_mp4()), "source": {"loop": false, "paced": true},
        "detect": {"fps": 0.1},
    });
    service.http.post("/api/v1/cameras/1/start", &body).ok(200);
    for _ in 0..3 {
        let (victim, _) = crate::support::wait_for("a worker reads it", SOON, || {
            let camera = service.camera(1);
            let opened = camera["state"] == "processing" || camera["state"] == "failed";
            opened.then(|| service.worker_of(1).and_then(|w| service::process(&w)))
        });
        let Some(victim) = victim else { break };
        victim.signal(Signal::SIGSEGV);
        wait_until("its end is seen", SOON, || !victim.is_alive());
        wait_until("the pool has seen it", SOON, || {
            service.worker_of(1).is_none_or(|w| service::process(&w) != Some(victim))
        });
    }

    let camera = service.wait_camera(1, "failed");
    assert_eq!(camera["last_error"]["code"], "poisoned_input", "{camera}");
    service.wait_all_idle();
    assert_eq!(service.camera(1)["worker_id"], serde_json::Value::Null);
}
