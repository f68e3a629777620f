//! `/api/v1/queue`

use serde_json::{Value, json};

use crate::support::{SOON, clips, service::Service, wait_until};

fn queue(service: &Service) -> Vec<(u64, u64)> {
    let data = service.http.get("/api/v1/queue").ok(200);
    let entry = |entry: &Value| {
        assert!(entry["since"].is_string(), "{entry}");
        (entry["position"].as_u64().unwrap(), entry["camera_id"].as_u64().unwrap())
    };
    data["queue"].as_array().unwrap().iter().map(entry).collect()
}

#[test]
fn cameras_wait_in_the_order_in_which_they_came() {
    let service = Service::with().set("WORKERS_COUNT", 1).set("DETECT_FPS", 2).start();
    let clip = clips::long_mp4();
    service.start_looping(9, &clip).ok(200);
    for (position, camera) in [(1, 3), (2, 1), (3, 2)] {
        let answer = service.start_looping(camera, &clip).refused(503, "no_available_workers");
        assert_eq!(answer.json["details"]["queue_position"], position);
    }
    assert_eq!(queue(&service), [(1, 3), (2, 1), (3, 2)]);
    assert_eq!(service.metrics().metric("becamera_queue_depth"), Some(3.0));
    assert_eq!(service.camera(1)["queue_position"], 2);

    // Waiting cameras can neither be started twice nor lose their place by it.
    service.start_looping(1, &clip).refused(400, "camera_has_task");
    assert_eq!(queue(&service), [(1, 3), (2, 1), (3, 2)]);

    // One that is stopped leaves; the others move up.
    service.stop_camera_in_time(3);
    assert_eq!(queue(&service), [(1, 1), (2, 2)]);

    // Each gets the worker in turn.
    for (running, next) in [(9, 1), (1, 2)] {
        service.stop_camera_in_time(running);
        wait_until(&format!("camera {next} has the worker"), SOON, || {
            service.worker_of(next).is_some()
        });
    }
    assert_eq!(queue(&service), []);
    service.wait_new_count(2);
}

#[test]
fn a_recording_that_ends_makes_room_for_the_next() {
    let service = Service::with().set("WORKERS_COUNT", 1).start();
    let body = json!({
        "stream_url": clips::url(&clips::mp4()), "source": {"loop": false, "paced": false},
    });
    service.http.post("/api/v1/cameras/1/start", &body).ok(200);
    service.http.post("/api/v1/cameras/2/start", &body).refused(503, "no_available_workers");

    for camera in [1, 2] {
        let view = service.wait_camera(camera, "idle");
        assert_eq!(view["last_error"], Value::Null, "{view}");
    }
    service.wait_all_idle();
    let frames = service.worker("worker_1")["processed_frames"].as_u64().unwrap();
    assert_eq!(frames, 2 * clips::MP4_FRAMES, "every frame of both was analysed");
}
