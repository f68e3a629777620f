//! Recordings that are damaged, and those that are none.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{SOON, clips, service::Service, wait_until};

fn play(service: &Service, clip: &Path) -> Value {
    let body = json!({
        "stream_url": clips::url(clip), "source": {"loop": false, "paced": false},
    });
    service.http.post("/api/v1/cameras/1/start", &body).ok(200);
    wait_until("the recording is done with", SOON, || {
        let state = service.camera(1)["state"].as_str().unwrap().to_owned();
        ["idle", "backoff", "failed"].contains(&&*state)
    });
    service.wait_all_idle();
    service.camera(1)
}

fn frames(service: &Service) -> u64 {
    service.workers().iter().filter_map(|worker| worker["processed_frames"].as_u64()).sum()
}

fn service() -> Service {
    Service::with().set("WORKERS_CAMERA_BACKOFF", "60s").set("DETECT_FPS", 60).start()
}

#[test]
fn a_recording_is_analysed_frame_by_frame_to_its_end() {
    let service = service();
    let camera = play(&service, &clips::mp4());
    assert_eq!((&camera["state"], &camera["last_error"]), (&"idle".into(), &Value::Null));
    assert_eq!(frames(&service), clips::MP4_FRAMES);
}

#[test]
fn a_truncated_recording_gives_what_it_has() {
    let service = service();
    let camera = play(&service, &clips::truncated());
    let frames = frames(&service);
    assert!((5..clips::MP4_FRAMES).contains(&frames), "{frames} frames: {camera}");
    assert!(service.workers().iter().all(|worker| worker["restarts"] == 0));
}

#[test]
fn a_corrupt_recording_ends_without_harm_or_noise() {
    let service = service();
    let camera = play(&service, &clips::corrupt());
    assert!(frames(&service) <= clips::MP4_FRAMES, "{camera}");
    assert!(service.workers().iter().all(|worker| worker["restarts"] == 0), "{camera}");
    let lines = service.log_text().lines().count();
    assert!(lines < 100, "FFmpeg's noise is kept down: {lines} lines");
}

#[test]
fn what_is_no_recording_is_said_to_be_none() {
    let service = service();
    let before = service.resources();
    for clip in [clips::empty(), clips::text(), clips::without_index()] {
        let camera = play(&service, &clip);
        let code = camera["last_error"]["code"].as_str().unwrap_or_default();
        assert!(["unsupported", "no_frames"].contains(&code), "{}: {camera}", clip.display());
        assert_eq!(camera["worker_id"], Value::Null);
        assert_eq!(service.http.delete("/api/v1/cameras/1").status, 200);
    }
    assert_eq!(service.error_count(), 3);
    wait_until("nothing is leaked", SOON, || service.resources().no_more_than(&before));
}

#[test]
fn a_recording_that_is_deleted_before_its_turn_is_not_found() {
    let service = service();
    let clip = clips::folder().join(format!("gone-{}.mp4", std::process::id()));
    std::fs::copy(clips::mp4(), &clip).unwrap();
    let definition = json!({"stream_url": clips::url(&clip)});
    service.http.put("/api/v1/cameras/1", &definition).ok(201);
    std::fs::remove_file(&clip).unwrap();

    let answer = service.http.post_empty("/api/v1/cameras/1/start");

    if answer.status == 400 {
        assert!(answer.error().contains("not there"), "{answer:?}");
    } else {
        service.wait_error(1, "not_found");
    }
    service.wait_all_idle();
}
