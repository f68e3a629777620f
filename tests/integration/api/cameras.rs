//! `/api/v1/cameras`

use serde_json::{Value, json};

use crate::support::{
    clips,
    rtsp::{Options, RtspCamera},
    service::Service,
};

const CAMERA: &str = "/api/v1/cameras/1";

#[test]
fn a_camera_is_registered_changed_read_and_deleted() {
    let service = Service::start();
    let url = clips::url(&clips::long_mp4());
    service.http.get(CAMERA).refused(404, "camera_not_found");

    let definition = json!({"name": "Entrance", "stream_url": url, "detect": {"fps": 2.0}});
    let created = service.http.put(CAMERA, &definition).ok(201);
    assert_eq!((&created["camera_id"], &created["name"]), (&1.into(), &"Entrance".into()));
    assert_eq!((&created["state"], &created["desired_state"]), (&"idle".into(), &"stopped".into()));
    assert_eq!(created["worker_id"], Value::Null);

    let definition = json!({"name": "Exit", "stream_url": url});
    assert_eq!(service.http.put(CAMERA, &definition).ok(200)["name"], "Exit");
    assert_eq!(service.camera(1)["name"], "Exit");
    let all = service.http.get("/api/v1/cameras").ok(200);
    assert_eq!(all["cameras"].as_array().unwrap().len(), 1);
    assert_eq!(all["cameras"][0]["camera_id"], 1);

    assert_eq!(service.http.delete(CAMERA).status, 200);
    service.http.get(CAMERA).refused(404, "camera_not_found");
    service.http.delete(CAMERA).refused(404, "camera_not_found");
}

#[test]
fn a_registered_camera_starts_without_a_body() {
    let service = Service::start();
    let definition = json!({"stream_url": RtspCamera::shared().url()});
    service.http.put(CAMERA, &definition).ok(201);

    let data = service.http.post_empty("/api/v1/cameras/1/start").ok(200);

    assert_eq!(data["status"], "processing");
    assert_eq!(service.camera(1)["desired_state"], "running");
    let camera = service.wait_new_count(1).0;
    assert_eq!(camera["stream"]["width"], clips::SIZE.0);
    assert_eq!(camera["stream"]["height"], clips::SIZE.1);
    assert!(camera["frame_age_ms"].as_i64().is_some_and(|age| age < 3000), "{camera}");
    assert!(camera["last_count"].is_u64(), "{camera}");
    assert_eq!(camera["error_count"], 0);
}

#[test]
fn what_is_not_there_can_be_neither_started_nor_stopped() {
    let service = Service::start();

    service.http.post_empty("/api/v1/cameras/7/start").refused(404, "camera_not_found");
    service.http.post_empty("/api/v1/cameras/7/stop").refused(404, "camera_not_found");
    assert_eq!(service.http.get("/api/v1/cameras").ok(200)["cameras"], json!([]));
}

#[test]
fn a_stopped_camera_can_not_be_stopped_again() {
    let service = Service::start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    service.stop_camera_in_time(1);

    service.stop_camera(1).refused(409, "camera_already_stopped");

    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
}

#[test]
fn a_running_camera_that_is_deleted_gives_its_worker_back() {
    let service = Service::start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);

    assert_eq!(service.http.delete(CAMERA).status, 200);

    service.wait_all_idle();
    service.http.get(CAMERA).refused(404, "camera_not_found");
    service.http.get("/api/v1/cameras/1/counts").refused(404, "camera_not_found");
    let metrics = service.metrics().text;
    assert!(!metrics.contains("camera=\"1\""), "its series are gone:\n{metrics}");
}

#[test]
fn a_running_camera_goes_on_with_new_settings() {
    let service = Service::start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);

    let source = json!({"loop": true, "paced": true});
    let definition = json!({
        "name": "Renamed", "source": source, "detect": {"fps": 2.0},
        "stream_url": RtspCamera::shared().url(),
    });
    service.http.put(CAMERA, &definition).ok(200);

    let (camera, _) = service.wait_new_count(1);
    assert_eq!((&camera["name"], &camera["state"]), (&"Renamed".into(), &"processing".into()));
    assert!(camera["stream_url"].as_str().unwrap().starts_with("rtsp://"), "{camera}");
}

/// Passwords with every character that a URL gives a meaning to.
#[test]
fn credentials_reach_the_camera_and_nobody_else() {
    for method in ["basic", "digest"] {
        let password = "p@ss/w#rd?";
        let options = Options { auth: Some((method, "viewer", password)), ..Options::default() };
        let camera = RtspCamera::start_with(options);
        let mut service = Service::start();
        let encoded = "p%40ss%2Fw%23rd%3F";
        service.keep_secret(password);
        service.keep_secret(encoded);

        let answer = service.start_camera(1, &camera.url_with(&format!("viewer:{encoded}")));
        assert!(!answer.text.contains(encoded), "{}", answer.text);
        answer.ok(200);
        let (view, _) = service.wait_new_count(1);
        let shown = view["stream_url"].as_str().unwrap();
        assert!(!shown.contains("viewer") && shown.contains("127.0.0.1"), "{method}: {shown}");

        let wrong = "s3cret-but-wrong";
        service.keep_secret(wrong);
        service.start_camera(2, &camera.url_with(&format!("viewer:{wrong}"))).ok(200);
        service.wait_error(2, "unauthorized");
        let answer = service.http.get("/api/v1/cameras/2");
        assert!(!answer.text.contains(wrong), "{}", answer.text);
    }
}
