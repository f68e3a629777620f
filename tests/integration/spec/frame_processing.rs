//! Test case 3.4: frame processing.

use std::time::Instant;

use crate::support::{
    SOON, clips,
    procfs::Process,
    rtsp::{Options, RtspCamera},
    secs,
    service::{self, Service},
    wait_for, wait_until,
};

/// What was measured over some frames of camera 1.
#[derive(Debug)]
struct Window {
    fps: f64,
    cpu_share: f64,
    /// Shares of frames whose processing and whose latency were at most 100 ms.
    processed_in_time: f64,
    counted_in_time: f64,
}

impl Window {
    fn measure(service: &Service, worker: &Process, frames: u64) -> Self {
        let count = || service.camera(1)["processed_frames"].as_u64().unwrap();
        let (first, before) = (count(), service.metrics());
        let (begin, cpu) = (Instant::now(), worker.cpu_time());
        let (last, took) = wait_for(&format!("{frames} frames"), secs(60), || {
            Some(count()).filter(|now| *now >= first + frames)
        });
        let cpu_share = worker.cpu_share((begin, cpu));
        let after = service.metrics();
        let share = |histogram: &str| {
            let name = format!("becamera_{histogram}");
            let grown = |series: &str| {
                after.metric(series).unwrap() - before.metric(series).unwrap_or_default()
            };
            grown(&format!("{name}_bucket{{camera=\"1\",le=\"0.1\"}}"))
                / grown(&format!("{name}_count{{camera=\"1\"}}"))
        };
        Self {
            fps: (last - first) as f64 / took.as_secs_f64(),
            cpu_share,
            processed_in_time: share("frame_processing_seconds"),
            counted_in_time: share("frame_latency_seconds"),
        }
    }

    // Other programs may slow the machine down for a while, but not for ever: one window in
    // which every limit is kept shows that the service can.
    fn one_good(
        service: &Service,
        worker: &Process,
        frames: u64,
        keeps_limits: impl Fn(&Self) -> bool,
    ) {
        let mut bad = Vec::new();
        for _ in 0..5 {
            let window = Self::measure(service, worker, frames);
            if keeps_limits(&window) {
                println!("{window:?} after {} that were disturbed", bad.len());
                return;
            }
            bad.push(window);
        }
        panic!("the limits are not kept: {bad:#?}");
    }
}

#[test]
fn worker_frame_001_frame_processing_success() {
    let service = Service::with().alone().set("DETECT_FPS", 10).start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);

    let (camera, _) = service.wait_new_count(1);
    assert_eq!(camera["state"], "processing");
    let frames = |service: &Service| service.camera(1)["processed_frames"].as_u64().unwrap();
    let (at_first, begin) = (frames(&service), Instant::now());
    let worker = service.process_of(1);
    wait_until("50 frames", SOON, || frames(&service) >= at_first + 50);
    let resident = worker.resident_bytes();
    service.wait_log(&["100 frames", "camera 1", "worker_1"]);
    let fps = (frames(&service) - at_first) as f64 / begin.elapsed().as_secs_f64();
    assert!(fps > 8.0, "continuously: {fps:.1} of 10 frames a second");

    // 4 to 8 people are in view for all of the footage.
    let samples = service.http.get("/api/v1/cameras/1/counts?limit=100").ok(200);
    let counts: Vec<u64> = samples["samples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sample| sample["people_max"].as_u64().unwrap())
        .collect();
    let seen = counts.iter().filter(|count| (1..=15).contains(*count)).count();
    assert!(seen * 10 >= counts.len() * 9 && seen >= 5, "people are seen: {counts:?}");

    Window::one_good(&service, &worker, 30, |window| window.processed_in_time >= 0.95);
    let growth = worker.resident_bytes().saturating_sub(resident) >> 20;
    assert!(growth < 10, "memory grew by {growth} MB");
}

#[test]
fn worker_frame_002_stream_connection_error() {
    let service = Service::with().set("WORKERS_CAMERA_BACKOFF", "60s").start();

    service.start_camera(1, "rtsp://invalid.url:554/stream").ok(200);

    let camera = service.wait_error(1, "unresolvable");
    assert!(camera["last_error"]["message"].as_str().unwrap().contains("invalid.url"), "{camera}");
    assert_eq!(service.wait_camera(1, "backoff")["worker_id"], serde_json::Value::Null);
    service.wait_all_idle();
    assert_eq!(service.worker("worker_1")["error_count"], 1);
    let line = service.wait_log(&["camera 1", "connection error", "worker_1", "invalid.url"]);
    assert!(line.contains("WARN") || line.contains("ERROR"), "{line}");

    service.start_camera(2, &RtspCamera::shared().url()).ok(200);
    service.start_camera(3, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(2);
    service.wait_new_count(3);
    assert_eq!(service.pool()["busy_workers"], 2, "both workers can be used");
}

/// Measured over 1,000 frames by `benches/workers.py`; here over 150 frames of a live camera.
#[test]
fn worker_frame_003_frame_processing_performance() {
    let camera = RtspCamera::start_with(Options { fps: 12, ..Options::default() });
    let service = Service::with().alone().set("WORKERS_COUNT", 1).set("DETECT_FPS", 12).start();
    service.start_camera(1, &camera.url()).ok(200);
    service.wait_new_count(1);
    let worker = service.process_of(1);
    let frames = || service.camera(1)["processed_frames"].as_u64().unwrap();
    wait_until("it is warm", SOON, || frames() >= 20);

    let resident = worker.resident_bytes();
    Window::one_good(&service, &worker, 150, |window| {
        window.fps > 10.0 && window.cpu_share < 0.8 && window.counted_in_time >= 0.95
    });

    let now = worker.resident_bytes();
    // The specification asks for less than 500 MB; more than half of this are shared libraries.
    assert!(now < 200 << 20, "{} MB", now >> 20);
    assert!(now.saturating_sub(resident) < 16 << 20, "from {resident} to {now} bytes");
    assert_eq!(service::process(&service.worker("worker_1")), Some(worker), "never restarted");
    assert_eq!(clips::SIZE.0, service.camera(1)["stream"]["width"]);
}
