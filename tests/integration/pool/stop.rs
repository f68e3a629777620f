//! Stop ends any camera within 2 s, whatever it is doing.

use nix::sys::signal::Signal;

use crate::support::{
    SOON, clips,
    fake_camera::{FakeCamera, RefusingPort},
    rtsp::RtspCamera,
    service::{self, Service},
    wait_until,
};

// A camera that was stopped is really let go of: its worker serves another one.
fn worker_serves_on(service: &Service) {
    service.wait_all_idle();
    for camera in [21, 22] {
        service.start_looping(camera, &clips::long_mp4()).ok(200);
        service.wait_new_count(camera);
    }
}

#[test]
fn while_processing() {
    let service = Service::start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);
    let process = service.process_of(1);
    service.stop_camera_in_time(1);
    worker_serves_on(&service);
    assert!(process.is_alive(), "the worker's process is kept warm");
}

#[test]
fn while_opening_a_silent_camera() {
    let service = Service::start();
    let silent = FakeCamera::silent();
    service.start_camera(1, &silent.url()).ok(200);
    wait_until("it is being opened", SOON, || silent.connections() > 0);
    service.stop_camera_in_time(1);
    worker_serves_on(&service);
}

#[test]
fn while_waiting_for_the_first_frame() {
    let service = Service::start();
    let camera = RtspCamera::start();
    service.start_camera(1, &camera.url()).ok(200);
    camera.freeze();
    wait_until("a worker has it", SOON, || service.worker_of(1).is_some());
    service.stop_camera_in_time(1);
    worker_serves_on(&service);
}

#[test]
fn while_the_camera_is_frozen() {
    let service = Service::start();
    let camera = RtspCamera::start();
    service.start_camera(1, &camera.url()).ok(200);
    service.wait_new_count(1);
    camera.freeze();
    service.stop_camera_in_time(1);
    worker_serves_on(&service);
}

#[test]
fn while_in_backoff() {
    let service = Service::with().set("WORKERS_CAMERA_BACKOFF", "60s").start();
    let refusing = RefusingPort::new();
    service.start_camera(1, &refusing.url()).ok(200);
    service.wait_camera(1, "backoff");
    service.stop_camera_in_time(1);
    assert_eq!(service.camera(1)["retry_at"], serde_json::Value::Null);
    worker_serves_on(&service);
}

#[test]
fn while_queued() {
    let service = Service::with().set("WORKERS_COUNT", 1).start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.start_looping(2, &clips::long_mp4()).refused(503, "no_available_workers");
    service.stop_camera_in_time(2);
    service.stop_camera_in_time(1);
    service.wait_all_idle();
    assert_eq!(service.camera(2)["state"], "stopped", "it does not start all the same");
}

#[test]
fn while_its_worker_hangs() {
    let service = Service::start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);
    let hung = service.process_of(1);
    hung.signal(Signal::SIGSTOP);
    service.stop_camera_in_time(1);
    wait_until("the hung process is gone", SOON, || !hung.is_alive());
    worker_serves_on(&service);
}

#[test]
fn while_its_worker_restarts() {
    let service = Service::with()
        .set("WORKERS_COUNT", 1)
        .set("WORKERS_RESTART_BACKOFF", "30s")
        .set("WORKERS_RESTART_BACKOFF_MAX", "30s")
        .start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    service::process(&service.worker("worker_1")).unwrap().signal(Signal::SIGKILL);
    wait_until("the camera waits", SOON, || service.camera(1)["state"] == "pending");
    service.stop_camera_in_time(1);
    assert_eq!(service.worker("worker_1")["status"], "restarting");
}
