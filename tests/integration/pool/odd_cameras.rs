//! Cameras that others could not read, and addresses that nobody should.

use serde_json::Value;

use crate::support::{
    SOON,
    scripted_camera::{Habits, ScriptedCamera},
    service::Service,
    wait_until,
};

// The camera is counted without an error, once and again.
#[track_caller]
fn is_counted(url: &str) {
    let service = Service::with().set("WORKERS_COUNT", 1).start();
    for _ in 0..2 {
        service.start_camera(1, url).ok(200);
        service.wait_new_count(1);
        assert_eq!(service.camera(1)["last_error"], Value::Null);
        service.stop_camera_in_time(1);
    }
    assert_eq!(service.error_count(), 0);
}

#[test]
fn a_slow_camera_of_one_session_with_audio_that_is_refused_is_counted() {
    let habits = Habits { fps: 5, audio: true, one_session: true, ..Habits::default() };
    let camera = ScriptedCamera::rtsp(habits);
    is_counted(&camera.url("rtsp"));
    assert!(camera.requests().iter().all(|request| !request.contains("track2")));
}

#[test]
fn a_camera_that_sends_over_udp_alone_is_counted() {
    is_counted(&ScriptedCamera::rtsp(Habits { udp_only: true, ..Habits::default() }).url("rtsp"));
}

#[test]
fn a_description_without_session_lines_is_enough() {
    is_counted(&ScriptedCamera::rtsp(Habits { bare: true, ..Habits::default() }).url("rtsp"));
}

#[test]
fn pictures_without_a_first_boundary_are_counted() {
    is_counted(&ScriptedCamera::mjpeg().url("http"));
}

#[test]
fn what_a_camera_refuses_after_its_description_is_told() {
    let service = Service::with().set("WORKERS_CAMERA_BACKOFF", "60s").start();
    let camera = ScriptedCamera::rtsp(Habits {
        refuses: Some("453 Not Enough Bandwidth"),
        ..Habits::default()
    });
    service.start_camera(1, &camera.url("rtsp")).ok(200);
    let view = service.wait_error(1, "unsupported");
    let message = view["last_error"]["message"].as_str().unwrap();
    assert!(message.contains("SETUP") && message.contains("453"), "{message}");
}

#[test]
fn nothing_but_allowed_hosts_is_reached() {
    let service = Service::with()
        .set("WORKERS_CAMERA_BACKOFF", "60s")
        .set("STREAM_ALLOWED_HOSTS", "10.0.0.0/8,127.0.0.2")
        .start();
    let secret = ScriptedCamera::rtsp(Habits::default());
    let port = secret.port();
    for scheme in ["rtsp", "rtsps", "http", "https"] {
        for host in ["127.0.0.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "[::1]"] {
            service
                .start_camera(1, &format!("{scheme}://{host}:{port}/stream"))
                .refused(400, "invalid_field");
        }
    }
    service.start_camera(1, &format!("rtsp://localhost:{port}/stream")).ok(200);
    service.wait_error(1, "host_not_allowed");
    assert_eq!(secret.connections(), 0);
}

#[test]
fn a_redirect_leads_nowhere() {
    let service = Service::with().set("WORKERS_CAMERA_BACKOFF", "60s").start();
    let elsewhere = ScriptedCamera::mjpeg();
    let to = elsewhere.url("http");
    let camera = ScriptedCamera::answering(format!(
        "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
    ));
    service.start_camera(1, &camera.url("http")).ok(200);
    service.wait_error(1, "redirected");
    wait_until("the worker is free", SOON, || service.camera(1)["state"] == "backoff");
    assert_eq!(elsewhere.connections(), 0);
}
