//! Bad requests: each is answered in the envelope, with the right status, naming what is wrong.

use std::time::Duration;

use serde_json::json;

use crate::support::{clips, http::Answer, service::Service};

#[track_caller]
fn in_envelope(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.content_type.starts_with("application/json"), "{answer:?}");
    assert_eq!(answer.json["success"], false, "{answer:?}");
    assert!(!answer.error().is_empty(), "{answer:?}");
    let code = answer.json["code"].as_str().unwrap_or_default();
    assert!(!code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{code}");
}

#[test]
fn requests_that_make_no_sense_are_refused_in_the_envelope() {
    let service = Service::with().set("WORKERS_COUNT", 1).start();
    let start = |body: &str| service.http.send("POST", "/api/v1/cameras/1/start", body);

    for malformed in ["{", "nonsense", "[1,2", "{\"stream_url\":}"] {
        in_envelope(&start(malformed), 400);
    }
    for (body, field) in [
        (json!({"stream_url": 5}), "stream_url"),
        (json!({"stream_url": "rtsp://cam/x", "detect": {"fps": "fast"}}), "fps"),
        (json!({"stream_url": "rtsp://cam/x", "detect": {"fps": 0}}), "detect.fps"),
        (json!({"stream_url": "rtsp://cam/x", "detect": {"confidence": 1.5}}), "detect.confidence"),
        (json!({"stream_url": "rtsp://cam/x", "name": ""}), "name"),
        (json!({"stream_url": "rtsp://cam/x", "colour": "red"}), "colour"),
        (json!({"stream_url": "rtsp://cam/x", "camera_id": 2}), "camera_id"),
        (json!({"stream_url": ""}), "stream_url"),
    ] {
        let answer = start(&body.to_string());
        in_envelope(&answer, 400);
        assert!(answer.text.contains(field), "{body} names {field}: {}", answer.text);
    }
    for id in ["0", "-1", "2147483648", "1e3", "x", "99999999999999999999"] {
        let answer = service.http.get(&format!("/api/v1/cameras/{id}"));
        in_envelope(&answer, 400);
        assert!(answer.error().contains("camera_id"), "{id}: {}", answer.error());
    }
    for path in ["/", "/api/v1", "/api/v1/nothing", "/api/v2/cameras", "/api/v1/cameras/1/fly"] {
        in_envelope(&service.http.get(path), 404);
    }
    for (method, path) in [
        ("DELETE", "/api/v1/cameras"),
        ("PUT", "/api/v1/workers"),
        ("POST", "/api/v1/queue"),
        ("POST", "/metrics"),
        ("DELETE", "/health"),
    ] {
        in_envelope(&service.http.try_send(method, path, None).unwrap(), 405);
    }
    let long = json!({"stream_url": format!("rtsp://cam/{}", "x".repeat(100_000))});
    in_envelope(&start(&long.to_string()), 413);
    assert_eq!(service.http.get("/api/v1/cameras").ok(200)["cameras"], json!([]), "none is taken");
}

#[test]
fn streams_that_are_no_cameras_are_refused_at_once() {
    let service = Service::with().set("WORKERS_COUNT", 1).start();
    let file = |name: &str| format!("file://{}/{name}", clips::folder().display());
    let existing = clips::mp4();
    let fifo = clips::fifo();
    std::fs::create_dir_all(clips::folder().join("folder.mp4")).unwrap();

    for (url, reason) in [
        ("videotestsrc ! appsink".into(), "spaces"),
        ("filesrc location=/etc/passwd ! filesink location=/tmp/x".into(), "spaces"),
        (format!("concat:{0}|{0}", existing.display()), "rtsp"),
        (format!("subfile,,start,0,end,9,,:{}", existing.display()), "URL"),
        (format!("cache:{}", existing.display()), "rtsp"),
        ("tcp://127.0.0.1:1".into(), "rtsp"),
        ("rtmp://127.0.0.1/live".into(), "rtsp"),
        ("ftp://127.0.0.1/x.mp4".into(), "rtsp"),
        ("rtsp://127.0.0.1/\r\nX-Injected: yes".into(), "control"),
        ("rtsp://127.0.0.1/%0d%0aX-Injected:%20yes".into(), "line breaks"),
        ("rtsp://user:pa/ss@127.0.0.1/x".into(), "%2F"),
        ("rtsp://user:pa#ss@127.0.0.1/x".into(), "%23"),
        ("rtsp:///stream".into(), "host"),
        ("0".into(), "URL"),
        ("/dev/video0".into(), "URL"),
        (existing.display().to_string(), "URL"),
        ("file:///etc/passwd".into(), "outside"),
        (file("../../../../../../etc/passwd"), "outside"),
        (file("none.mp4"), "not there"),
        (file("%02d.jpg"), "%"),
        (clips::url(&fifo), "regular"),
        (file("folder.mp4"), "regular"),
        ("file:///dev/zero".into(), "outside"),
    ] {
        let begin = std::time::Instant::now();
        let answer = service.start_camera(1, &url);
        in_envelope(&answer, 400);
        assert!(answer.error().contains("stream_url"), "{url:?}: {}", answer.error());
        assert!(answer.error().contains(reason), "{url:?}: {}", answer.error());
        assert!(begin.elapsed() < Duration::from_secs(2), "{url:?}");
    }
    assert_eq!(service.http.get("/api/v1/cameras").ok(200)["cameras"], json!([]), "none is taken");
    assert_eq!(service.error_count(), 0);
}

#[test]
fn a_refused_url_keeps_its_password() {
    let mut service = Service::with().set("WORKERS_COUNT", 1).start();
    let secret = "hunter2hunter2";
    service.keep_secret(secret);
    for url in [
        format!("rtsp://user:{secret}/x@127.0.0.1/y"),
        format!("rtsp://user:{secret}#@127.0.0.1/y"),
        format!("rtmp://user:{secret}@127.0.0.1/y"),
        format!("rtsp://user:{secret}@127.0.0.1:99999/y"),
        format!("rtsp://user:{secret}@127.0.0.1/ y"),
    ] {
        let answer = service.start_camera(1, &url);
        in_envelope(&answer, 400);
        assert!(!answer.text.contains(secret), "{}", answer.text);
    }
    let body = format!("{{\"stream_url\": \"rtsp://user:{secret}@127.0.0.1/x\", \"fps\": }}");
    let answer = service.http.send("POST", "/api/v1/cameras/1/start", &body);
    in_envelope(&answer, 400);
    assert!(!answer.text.contains(secret), "{}", answer.text);
}

#[test]
fn hosts_outside_the_allow_list_are_refused() {
    let service = Service::with()
        .set("WORKERS_COUNT", 1)
        .set("STREAM_ALLOWED_HOSTS", "10.0.0.0/8")
        .set("WORKERS_CAMERA_BACKOFF", "60s")
        .start();

    let answer = service.start_camera(1, "rtsp://127.0.0.1:554/stream");
    in_envelope(&answer, 400);
    assert!(answer.error().contains("allowed_hosts"), "{}", answer.error());

    // A name is judged by where it leads.
    service.start_camera(2, "rtsp://localhost:554/stream").ok(200);
    service.wait_error(2, "host_not_allowed");
    service.wait_all_idle();
}
