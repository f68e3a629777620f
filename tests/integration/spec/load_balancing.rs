//! Test case 3.3: load balancing.

use std::collections::BTreeSet;

use crate::support::{rtsp::RtspCamera, service::Service};

#[test]
fn worker_load_001_multiple_camera_assignment() {
    let service = Service::with().set("WORKERS_COUNT", 4).set("DETECT_FPS", 2).start();
    let url = RtspCamera::shared().url();

    let workers: BTreeSet<String> = (1..=4)
        .map(|id| service.start_camera(id, &url).ok(200)["worker_id"].as_str().unwrap().to_owned())
        .collect();

    assert_eq!(workers.len(), 4, "each camera has a worker of its own: {workers:?}");
    assert_eq!(service.pool()["busy_workers"], 4);
    assert_eq!(service.pool()["idle_workers"], 0);
    (1..=4).for_each(|id| drop(service.wait_new_count(id)));
    for worker in service.workers() {
        assert_eq!((&worker["status"], &worker["error_count"]), (&"busy".into(), &0.into()));
        assert!(worker["processed_frames"].as_u64().unwrap() > 0, "{worker}");
    }
}

#[test]
fn worker_load_002_worker_pool_exhaustion() {
    let service = Service::with().set("WORKERS_COUNT", 4).set("DETECT_FPS", 1).start();
    let url = RtspCamera::shared().url();
    (1..=4).for_each(|id| drop(service.start_camera(id, &url).ok(200)));

    let answer = service.start_camera(5, &url).refused(503, "no_available_workers");

    assert_eq!(answer.error(), "No available workers");
    assert_eq!(answer.json["details"]["status"], "pending");
    assert_eq!(answer.json["details"]["queue_position"], 1);
    assert_eq!(service.camera(5)["state"], "pending");
    assert_eq!(service.camera(5)["queue_position"], 1);
    let warning = service.wait_log(&["warn", "no available workers"]);
    assert!(warning.contains('5'), "it names the camera: {warning}");

    service.stop_camera(2).ok(200);
    service.wait_new_count(5);
    assert_eq!(service.pool()["busy_workers"], 4);
}
