//! Test case 3.1: worker pool initialization.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{rtsp::RtspCamera, secs, service::Service, wait_until};

#[test]
fn worker_init_001_worker_pool_startup() {
    let service = Service::with().set("WORKERS_COUNT", 4).start();

    service.wait_all_idle();
    let pool = service.pool();
    assert_eq!(pool["total_workers"], 4);
    assert_eq!(pool["idle_workers"], 4);
    assert_eq!(pool["busy_workers"], 0);
    let workers = pool["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 4);
    for (index, worker) in workers.iter().enumerate() {
        assert_eq!(worker["worker_id"], format!("worker_{}", index + 1));
        assert_eq!(worker["status"], "idle");
        assert_eq!(worker["current_task"], Value::Null);
        assert_eq!(worker["start_time"], Value::Null);
        assert_eq!(worker["processed_frames"], 0);
        assert_eq!(worker["error_count"], 0);
    }
    service.wait_log(&["Worker pool started with 4 workers"]);
    for process in service.process().children() {
        let resident = process.resident_bytes() >> 20;
        assert!(resident < 150, "an idle worker holds {resident} MB");
    }
}

#[test]
fn worker_init_002_worker_pool_shutdown() {
    let mut service = Service::start();
    let camera = RtspCamera::shared();
    service.start_camera(1, &camera.url()).ok(200);
    service.start_camera(2, &camera.url()).ok(200);
    service.wait_new_count(1);
    service.wait_new_count(2);
    let family = service.process().descendants();
    assert!(family.len() >= 2, "two workers have processes: {family:?}");

    service.signal(Signal::SIGTERM);
    let (status, took) = service.wait_exit(secs(10));

    assert!(status.success(), "{status}");
    assert!(took <= secs(5), "{took:?}");
    service.wait_log(&["Worker pool stopped"]);
    wait_until("every process is gone", secs(1), || family.iter().all(|p| !p.is_alive()));
}
