use becamera_domain::{
    CameraSettings, CameraState, DesiredState, Failure, FailureCode, LatestCount,
};
use serde_json::{Value, json};

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn camera() -> CameraView {
    CameraView {
        camera: Camera {
            id: CameraId::try_from(1).unwrap(),
            name: None,
            stream_url: StreamUrl::trusted("rtsp://admin:hunter2@cam/1").unwrap(),
            settings: CameraSettings::default(),
            desired: DesiredState::Running,
            created_at: at(0),
            updated_at: at(0),
        },
        state: CameraState::Backoff,
        since: at(1),
        worker_id: None,
        queue_position: None,
        retry_at: Some(at(5)),
        last_error: Some((
            Failure::new(FailureCode::Timeout, "no answer of hunter2 in time"),
            at(1),
        )),
        error_count: 1,
        stream: None,
        fps: 0.0,
        budget: None,
        processed_frames: 0,
        count: Some(LatestCount {
            camera_id: CameraId::try_from(1).unwrap(),
            people: 3,
            at: at(1),
            worker_id: WorkerId::from_index(0),
            zones: Default::default(),
        }),
    }
}

fn worker(index: usize, status: WorkerStatus) -> WorkerView {
    WorkerView {
        worker_id: WorkerId::from_index(index),
        status,
        current_task: None,
        start_time: None,
        processed_frames: 0,
        error_count: 0,
        pid: None,
        restarts: 0,
        restart_at: None,
        last_error: None,
        backend: None,
        fps: 0.0,
        cpu_percent: None,
        memory_bytes: None,
        inference_ms: None,
        started_at: None,
    }
}

#[test]
fn a_camera_is_shown_without_its_password() {
    let shown = serde_json::to_value(CameraDto::new(camera(), at(3))).unwrap();
    assert!(!shown.to_string().contains("hunter2"), "{shown}");
    assert_eq!(shown["stream_url"], "rtsp://***@cam/1");
    assert_eq!(shown["state"], "backoff");
    assert_eq!(shown["desired_state"], "running");
    assert_eq!(shown["since"], "2023-11-14T22:13:21.000Z");
    assert_eq!(shown["frame_age_ms"], 2000);
    assert_eq!(shown["last_error"]["code"], "timeout");
    assert_eq!(shown["source"], json!({"loop": false, "paced": true}));
}

#[test]
fn the_pool_is_shown_as_the_specification_says() {
    let views = vec![worker(0, WorkerStatus::Idle), worker(1, WorkerStatus::Busy)];
    let shown = serde_json::to_value(WorkerList::new(views, at(0))).unwrap();
    assert_eq!(
        (&shown["total_workers"], &shown["idle_workers"], &shown["busy_workers"]),
        (&json!(2), &json!(1), &json!(1))
    );
    let first = &shown["workers"][0];
    for (key, value) in [
        ("worker_id", json!("worker_1")),
        ("status", json!("idle")),
        ("current_task", Value::Null),
        ("start_time", Value::Null),
        ("processed_frames", json!(0)),
        ("error_count", json!(0)),
    ] {
        assert_eq!(first.get(key), Some(&value), "{key}");
    }
}

#[test]
fn an_outcome_names_a_worker_only_where_there_is_one() {
    let camera_id = CameraId::try_from(1).unwrap();
    let stopped = CameraOutcome { camera_id, status: "stopped", worker_id: None, message: "m" };
    let shown = serde_json::to_value(stopped).unwrap();
    assert_eq!(shown, json!({"camera_id": 1, "status": "stopped", "message": "m"}));
}

#[test]
fn ages_are_never_negative() {
    assert_eq!(age_ms(at(5), at(3)), 0);
    assert_eq!(age_ms(at(3), at(5)), 2000);
}
