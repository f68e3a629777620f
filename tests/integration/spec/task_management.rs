//! Test case 3.2: task management.

use serde_json::Value;

use crate::support::{
    SOON,
    rtsp::RtspCamera,
    service::{Service, task_of},
    wait_until,
};

#[test]
fn worker_task_001_add_camera_task() {
    let service = Service::start();

    let data = service.start_camera(1, &RtspCamera::shared().url()).ok(200);

    assert_eq!(data["camera_id"], 1);
    assert_eq!(data["status"], "processing");
    assert_eq!(data["worker_id"], "worker_1");
    assert_eq!(data["message"], "Camera processing started");
    let worker = service.worker("worker_1");
    assert_eq!((&worker["status"], task_of(&worker)), (&"busy".into(), Some(1)));
    assert_ne!(worker["start_time"], Value::Null);
    assert_eq!(service.pool()["busy_workers"], 1);
    service.wait_new_count(1);
}

#[test]
fn worker_task_002_remove_camera_task() {
    let service = Service::start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);

    let data = service.stop_camera(1).ok(200);

    assert_eq!(data["camera_id"], 1);
    assert_eq!(data["status"], "stopped");
    assert_eq!(data["message"], "Camera processing stopped");
    wait_until("the worker is idle again", SOON, || {
        let worker = service.worker("worker_1");
        worker["status"] == "idle" && worker["current_task"].is_null()
    });
    assert_eq!(service.pool()["idle_workers"], 2);
    assert_eq!(service.http.get("/api/v1/queue").ok(200)["queue"], Value::Array(Vec::new()));
}

#[test]
fn worker_task_003_duplicate_task_prevention() {
    let service = Service::start();
    let url = RtspCamera::shared().url();
    service.start_camera(1, &url).ok(200);
    service.wait_new_count(1);
    let before = service.worker_of(1).unwrap();

    let answer = service.start_camera(1, &url).refused(400, "camera_has_task");

    assert_eq!(answer.error(), "Camera already has a task");
    let after = service.worker_of(1).unwrap();
    assert_eq!(before["worker_id"], after["worker_id"]);
    assert_eq!(before["start_time"], after["start_time"]);
    assert_eq!(service.pool()["busy_workers"], 1);
}
