//! Test case 3.6: monitoring and metrics.

use chrono::{DateTime, Utc};

use crate::support::{
    SOON,
    fake_camera::RefusingPort,
    rtsp::RtspCamera,
    secs,
    service::{self, Service},
    wait_until,
};

#[test]
fn worker_mon_001_worker_status_monitoring() {
    let service = Service::with().set("WORKERS_CAMERA_BACKOFF", "60s").start();
    let before = Utc::now();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    let after = Utc::now();
    service.wait_new_count(1);

    let worker = service.worker("worker_1");
    assert_eq!(worker["status"], "busy");
    let start: DateTime<Utc> = worker["start_time"].as_str().unwrap().parse().unwrap();
    let tolerance = chrono::TimeDelta::seconds(1);
    assert!(before - tolerance <= start && start <= after + tolerance, "{start} at {after}");
    assert!(worker["uptime_ms"].as_u64().unwrap() > 0, "{worker}");

    // In real time: both counters grow, and agree with each other and with the metrics.
    let frames = || service.worker("worker_1")["processed_frames"].as_u64().unwrap();
    let first = frames();
    wait_until("the frame count grows", SOON, || frames() >= first + 4);
    service.stop_camera(1).ok(200);
    let of_worker = frames();
    let of_metrics =
        service.metrics().metric("becamera_frames_processed_total{camera=\"1\"}").unwrap();
    assert_eq!(of_worker as f64, of_metrics);

    let refusing = RefusingPort::new();
    service.start_camera(2, &refusing.url()).ok(200);
    service.wait_error(2, "refused");
    assert_eq!(service.error_count(), 1);
    assert_eq!(service.camera(2)["error_count"], 1);
    assert_eq!(service.wait_camera(2, "backoff")["worker_id"], serde_json::Value::Null);
}

#[test]
fn worker_mon_002_performance_metrics_collection() {
    let service = Service::with().set("DETECT_FPS", 5).start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);
    let process = service.process_of(1);
    let (begin, cpu) = (std::time::Instant::now(), process.cpu_time());

    wait_until("CPU, memory and fps are reported", SOON, || {
        let worker = service.worker("worker_1");
        worker["cpu_percent"].as_f64().is_some_and(|cpu| cpu > 0.0)
            && worker["memory_bytes"].as_u64().is_some()
            && begin.elapsed() > secs(5)
    });

    let worker = service.worker("worker_1");
    let share = process.cpu_share((begin, cpu)) * 100.0;
    let reported = worker["cpu_percent"].as_f64().unwrap();
    assert!((reported - share).abs() <= 15.0 + share * 0.5, "{reported} % reported, {share:.0} %");
    let resident = process.resident_bytes() as f64;
    let reported = worker["memory_bytes"].as_u64().unwrap() as f64;
    assert!((reported / resident - 1.0).abs() < 0.15, "{reported} reported, {resident}");
    let fps = worker["fps"].as_f64().unwrap();
    assert!((3.0..=6.0).contains(&fps), "{fps} frames a second, asked for 5");
    assert!(worker["inference_ms"].as_f64().is_some_and(|ms| ms > 1.0), "{worker}");
    assert_eq!(worker["error_count"], 0);

    let metrics = service.metrics();
    let positive = [
        "becamera_frames_processed_total{camera=\"1\"}",
        "becamera_inference_seconds_count{camera=\"1\"}",
        "becamera_frame_latency_seconds_count{camera=\"1\"}",
        "becamera_camera_up{camera=\"1\"}",
        "becamera_workers{state=\"busy\"}",
        "becamera_workers{state=\"idle\"}",
        "becamera_worker_cpu_seconds{worker=\"worker_1\"}",
        "becamera_worker_resident_bytes{worker=\"worker_1\"}",
        "becamera_samples_written_total",
        "becamera_start_time_seconds",
    ];
    for series in positive {
        assert!(metrics.metric(series).is_some_and(|v| v > 0.0), "{series}:\n{}", metrics.text);
    }
    let age = metrics.metric("becamera_frame_age_seconds{camera=\"1\"}");
    assert!(age.is_some_and(|age| (0.0..5.0).contains(&age)), "{age:?}");
    assert_eq!(metrics.metric("becamera_queue_depth"), Some(0.0));
    assert_eq!(service::process(&worker), Some(process));
}
