//! The end of the service: orderly, quick, and complete.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use nix::sys::signal::Signal;

use crate::support::{
    SOON, clips, millis, rtsp::RtspCamera, secs, service::Service, wait_for, wait_until,
};

#[test]
fn a_hung_camera_does_not_keep_the_service_from_ending() {
    let mut service = Service::start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.start_looping(2, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    service.wait_new_count(2);
    service.process_of(1).signal(Signal::SIGSTOP);

    service.finish();

    service.wait_log(&["Worker pool stopped"]);
}

#[test]
fn interrupt_is_as_good_as_terminate() {
    let mut service = Service::start();
    service.signal(Signal::SIGINT);
    let (status, took) = service.wait_exit(secs(5));
    assert!(status.success() && took <= secs(5), "{status} after {took:?}");
    service.wait_log(&["Worker pool stopped"]);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut service = Service::start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);
    let family = service.process().descendants();
    // The first would have to wait for this one.
    service.process_of(1).signal(Signal::SIGSTOP);
    service.signal(Signal::SIGTERM);
    service.wait_log(&["SIGTERM"]);
    service.signal(Signal::SIGTERM);
    let (_, took) = service.wait_exit(secs(5));
    assert!(took < millis(700), "{took:?}");
    wait_until("no child is left", secs(2), || family.iter().all(|p| !p.is_alive()));
}

/// Load balancers hold their connections open: what they are told on them counts.
#[test]
fn a_draining_service_is_not_ready() {
    let mut service = Service::start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);
    // Draining takes until this process is killed: long enough to look.
    service.process_of(1).signal(Signal::SIGSTOP);
    let mut connection = TcpStream::connect(service.address).unwrap();
    connection.set_read_timeout(Some(secs(2))).unwrap();
    assert_eq!(readyz(&mut connection).as_deref(), Some("200"));

    service.signal(Signal::SIGTERM);

    let (status, _) = wait_for("it is not ready any more", SOON, || {
        let status = readyz(&mut connection);
        (status.as_deref() != Some("200")).then_some(status)
    });
    assert_eq!(status.as_deref(), Some("503"), "it says so rather than hanging up");
    let (status, _) = service.wait_exit(secs(6));
    assert!(status.success(), "{status}");
}

// Gives the status, or nothing when the connection is gone.
fn readyz(connection: &mut TcpStream) -> Option<String> {
    connection.write_all(b"GET /readyz HTTP/1.1\r\nHost: becamera\r\n\r\n").ok()?;
    let mut buffer = [0; 8192];
    let length = connection.read(&mut buffer).ok()?;
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    text.split(' ').nth(1).map(str::to_owned)
}

#[test]
fn what_was_counted_last_is_in_the_database_when_it_ends() {
    // Nothing would be written in time but for the shutdown.
    let service = Service::with().set("STORAGE_FLUSH_INTERVAL", "1h").start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    wait_until("some frames are counted", SOON, || {
        service.worker("worker_1")["processed_frames"].as_u64().unwrap() >= 12
    });
    let counted = service.worker("worker_1")["processed_frames"].as_u64().unwrap();

    let service = service.restart();

    let samples = service.http.get("/api/v1/cameras/1/counts?limit=1000").ok(200);
    let samples = samples["samples"].as_array().unwrap();
    let stored: u64 = samples.iter().filter_map(|sample| sample["frames"].as_u64()).sum();
    assert!(stored >= counted, "{stored} of {counted} frames are in the database");
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    let service = Service::start();
    let other = Service::with().set("SERVER_BIND", service.address);
    let output = other.command("serve").output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains(&service.address.to_string()), "{message}");
    assert!(!message.contains("panicked"), "{message}");
}
