//! Cameras that can't be opened, go away, hang or lie.

use serde_json::Value;

use crate::support::{
    SOON,
    fake_camera::{FakeCamera, RefusingPort},
    rtsp::{Options, RtspCamera},
    secs,
    service::Service,
    wait_until,
};

// A long backoff, so that what is seen is the first failure and not the next attempt.
fn patient() -> Service {
    Service::with().set("WORKERS_CAMERA_BACKOFF", "60s").set("STREAM_PROBE_TIMEOUT", "1s").start()
}

// The camera fails with this code, its worker is idle at once, nothing is left of the attempt.
#[track_caller]
fn fails_with(service: &Service, url: &str, code: &str) -> Value {
    let before = service.resources();
    let errors = service.error_count();
    service.start_camera(1, url).ok(200);
    let failed = service.wait_error(1, code);
    let camera = service.wait_camera(1, "backoff");
    assert!(camera["retry_at"].is_string(), "{camera}");
    assert_eq!(camera["worker_id"], Value::Null);
    assert!(!failed["last_error"]["message"].as_str().unwrap().is_empty());
    service.wait_all_idle();
    assert_eq!(service.error_count(), errors + 1);
    service.wait_log(&["camera 1", "worker_", code]);
    wait_until(&format!("{code}: nothing is leaked"), SOON, || {
        service.resources().no_more_than(&before)
    });
    assert!(service.workers().iter().all(|w| w["restarts"] == 0), "{code}: the worker is fine");
    assert_eq!(service.http.delete("/api/v1/cameras/1").status, 200);
    camera
}

#[test]
fn every_cause_of_a_failed_open_has_its_own_code() {
    let service = patient();
    let real = RtspCamera::shared();
    let protected = RtspCamera::start_with(Options {
        auth: Some(("digest", "viewer", "right")),
        ..Options::default()
    });
    let basic = "WWW-Authenticate: Basic realm=\"camera\"";
    let elsewhere = FakeCamera::silent();
    let redirect = FakeCamera::answering("302 Found", &format!("Location: {}", elsewhere.url()));

    fails_with(&service, &RefusingPort::new().url(), "refused");
    fails_with(&service, "rtsp://no-such-host.invalid/stream", "unresolvable");
    fails_with(&service, &FakeCamera::silent().url(), "timeout");
    fails_with(&service, &FakeCamera::answering("401 Unauthorized", basic).url(), "unauthorized");
    fails_with(&service, &protected.url(), "unauthorized");
    fails_with(&service, &protected.url_with("viewer:wrong"), "unauthorized");
    fails_with(&service, &real.missing_url(), "not_found");
    fails_with(&service, &FakeCamera::answering("404 Not Found", "").url(), "not_found");
    fails_with(&service, &FakeCamera::saying(b"SSH-2.0-OpenSSH_9.2\r\n").url(), "not_rtsp");
    fails_with(&service, &FakeCamera::saying(b"HTTP/1.1 400 Bad\r\n\r\n").url(), "not_rtsp");
    fails_with(&service, &redirect.url(), "redirected");
    assert_eq!(elsewhere.connections(), 0, "the redirect was not followed");
}

#[test]
fn credentials_for_a_bad_camera_are_kept_secret_too() {
    let mut service = patient();
    let secret = "s3cr3t-p4ssw0rd";
    service.keep_secret(secret);
    let with = |camera: &FakeCamera| camera.url_with(&format!("admin:{secret}"));

    fails_with(&service, &with(&FakeCamera::silent()), "timeout");
    fails_with(&service, &with(&FakeCamera::saying(b"\0\xff\0\xff")), "not_rtsp");
    fails_with(&service, &with(&FakeCamera::answering("404 Not Found", "")), "not_found");
    let unresolvable = format!("rtsp://admin:{secret}@no-such-host.invalid/stream");
    fails_with(&service, &unresolvable, "unresolvable");
}

#[test]
fn a_camera_that_could_not_be_opened_is_tried_again_until_it_is_there() {
    let service = Service::start();
    let mut camera = RtspCamera::start();
    let url = camera.url();
    camera.kill();
    service.start_camera(1, &url).ok(200);
    wait_until("it was tried several times", SOON, || {
        service.camera(1)["error_count"].as_u64().unwrap() >= 3
    });
    assert_eq!(service.camera(1)["last_error"]["code"], "refused");

    camera.revive();

    let (view, _) = service.wait_new_count(1);
    assert_eq!(view["last_error"]["code"], "refused", "the last error is still told");
    assert_eq!(view["retry_at"], Value::Null);
}

#[test]
fn a_camera_that_loses_power_is_counted_again_when_it_is_back() {
    let service = Service::start();
    let mut camera = RtspCamera::start();
    service.start_camera(1, &camera.url()).ok(200);
    service.wait_new_count(1);
    let before = service.resources();

    camera.kill();
    wait_until("it is noticed", SOON, || service.camera(1)["last_error"].is_object());
    wait_until("the worker is free", SOON, || service.camera(1)["state"] == "backoff");
    let up = || service.metrics().metric("becamera_camera_up{camera=\"1\"}");
    wait_until("the metrics show it", secs(3), || up() == Some(0.0));

    camera.revive();
    service.wait_new_count(1);
    wait_until("the metrics show it", secs(3), || up() == Some(1.0));
    let metrics = service.metrics();
    assert!(metrics.text.contains("becamera_reconnects_total{camera=\"1\""), "{}", metrics.text);
    wait_until("nothing is leaked", SOON, || service.resources().no_more_than(&before));
}

#[test]
fn a_camera_that_freezes_is_noticed_and_opened_again_when_it_goes_on() {
    let service =
        Service::with().set("STREAM_READ_TIMEOUT", "1s").set("STREAM_PROBE_TIMEOUT", "1s").start();
    let camera = RtspCamera::start();
    service.start_camera(1, &camera.url()).ok(200);
    service.wait_new_count(1);
    let worker = service.process_of(1);

    camera.freeze();
    service.wait_error(1, "stalled");
    service.wait_let_go(1);

    camera.thaw();
    service.wait_new_count(1);
    assert_eq!(service.workers().iter().filter(|w| w["restarts"] != 0).count(), 0);
    assert!(worker.is_alive(), "a frozen camera is not the worker's fault");
}

#[test]
fn a_stream_that_the_camera_ends_is_opened_again() {
    let service = Service::with().set("DETECT_FPS", 2).start();
    // 20 s of footage at 60 frames a second: over after 3.3 s.
    let options = Options { loops: 1, fps: 60, ..Options::default() };
    let camera = RtspCamera::start_with(options);
    service.start_camera(1, &camera.url()).ok(200);
    service.wait_new_count(1);

    service.wait_error(1, "stream_lost");

    service.wait_new_count(1);
}

/// A probe comes before each open, and some cameras need a moment to end its session.
#[test]
fn a_good_camera_opens_at_the_first_attempt_every_time() {
    let service = Service::with().set("WORKERS_COUNT", 1).start();
    let camera = RtspCamera::start();
    for _ in 0..10 {
        service.start_camera(1, &camera.url()).ok(200);
        service.wait_new_count(1);
        assert_eq!(service.camera(1)["last_error"], Value::Null);
        service.stop_camera_in_time(1);
    }
    assert_eq!(service.error_count(), 0);
}
