//! Snapshots and live pictures.

use std::time::Instant;

use nix::sys::signal::Signal;
use opencv::{
    core::{Mat, Rect, Vector, mean_std_dev, no_array},
    imgcodecs::{IMREAD_COLOR, imdecode},
    prelude::*,
};
use serde_json::json;

use crate::support::{
    SOON, clips, millis, mjpeg::Live, rtsp::RtspCamera, secs, service::Service, wait_until,
};

fn decoded(jpeg: &[u8]) -> Mat {
    imdecode(&Vector::<u8>::from_slice(jpeg), IMREAD_COLOR).unwrap()
}

fn size(jpeg: &[u8]) -> (i32, i32) {
    let picture = decoded(jpeg);
    (picture.cols(), picture.rows())
}

fn snapshot(service: &Service, query: &str) -> Vec<u8> {
    service.http.get_picture(&format!("/api/v1/cameras/1/snapshot.jpg{query}")).1
}

/// Pictures made of camera 1 so far.
fn encoded(service: &Service) -> f64 {
    service.metrics().metric(r#"becamera_pictures_encoded_total{camera="1"}"#).unwrap_or(0.0)
}

fn viewers(service: &Service) -> f64 {
    service.metrics().metric("becamera_picture_viewers").unwrap()
}

/// A service that counts a recording of people as camera 1.
fn counting(fps: u32, settings: &[(&str, &str)]) -> Service {
    let with = |service: crate::support::service::Builder, (name, value): &(&str, &str)| {
        service.set(name, value)
    };
    let service = settings.iter().fold(Service::with().set("DETECT_FPS", fps), with).start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    service
}

#[test]
fn a_snapshot_shows_the_camera_as_wide_as_wanted_and_tells_no_secret() {
    let camera = RtspCamera::shared();
    let mut service = Service::start();
    service.keep_secret("hunter2-of-pictures");
    service.start_camera(1, &camera.url_with("admin:hunter2-of-pictures")).ok(200);
    service.wait_new_count(1);
    let (headers, jpeg) = service.http.get_picture("/api/v1/cameras/1/snapshot.jpg");
    assert_eq!(size(&jpeg), (768, 576));
    assert_eq!(headers["content-type"], "image/jpeg");
    assert_eq!(headers["cache-control"], "no-store");
    assert!(headers.get("access-control-allow-origin").is_none());
    let captured_at: chrono::DateTime<chrono::Utc> =
        headers["x-captured-at"].to_str().unwrap().parse().unwrap();
    let age = (chrono::Utc::now() - captured_at).to_std().unwrap();
    assert!(age < SOON, "{age:?}");
    assert!(!format!("{headers:?}").contains("hunter2"), "{headers:?}");
    assert!(!jpeg.windows(7).any(|bytes| bytes == b"hunter2"));

    assert_eq!(size(&snapshot(&service, "?width=320")), (320, 240));
    assert_eq!(size(&snapshot(&service, "?width=5000&annotate=false")), (768, 576));
    let fine = snapshot(&service, "?quality=95&annotate=false");
    let coarse = snapshot(&service, "?quality=20&annotate=false");
    assert!(coarse.len() * 2 < fine.len(), "{} and {}", coarse.len(), fine.len());
    assert!(service.metrics().text.contains("becamera_pictures_encoded_total"));
}

#[test]
fn what_the_settings_limit_nobody_can_exceed() {
    let service = counting(
        10,
        &[("PICTURES_MAX_WIDTH", "200"), ("PICTURES_MAX_FPS", "2"), ("PICTURES_MAX_VIEWERS", "2")],
    );
    assert_eq!(size(&snapshot(&service, "?width=700")), (200, 150));
    for (query, field) in [
        ("width=0", "width"),
        ("width=wide", "width"),
        ("quality=101", "quality"),
        ("annotate=1", "annotate"),
        ("blur=off", "blur"),
        ("fps=0", "fps"),
    ] {
        let path = format!("/api/v1/cameras/1/live.mjpeg?{query}");
        let refused = service.http.get(&path).refused(400, "invalid_field");
        assert_eq!(refused.json["details"]["field"], field);
    }
    let mut live = Live::open(service.address, 1, "?fps=50&width=700");
    assert_eq!(size(&live.next().unwrap().jpeg), (200, 150));
    let begin = Instant::now();
    for _ in 0..4 {
        live.next().unwrap();
    }
    assert!(begin.elapsed() >= millis(1500), "4 pictures in {:?}", begin.elapsed());

    let second = Live::open(service.address, 1, "");
    let path = "/api/v1/cameras/1/snapshot.jpg";
    service.http.get(path).refused(503, "too_many_viewers");
    drop(second);
    wait_until("the second one is forgotten", SOON, || viewers(&service) == 1.0);
    snapshot(&service, "");
}

#[test]
fn nothing_is_made_when_nobody_looks_and_one_picture_serves_all_who_do() {
    let service = counting(10, &[]);
    let frames = || service.metrics().metric(r#"becamera_frames_processed_total{camera="1"}"#);
    let before = frames();
    wait_until("frames are counted", SOON, || frames() > before.map(|frames| frames + 10.0));
    assert_eq!(encoded(&service), 0.0);
    // The question of a method alone makes none.
    let head = service.http.try_send("HEAD", "/api/v1/cameras/1/live.mjpeg", None).unwrap();
    assert_eq!((head.status, encoded(&service)), (200, 0.0));
    assert!(head.content_type.starts_with("multipart/x-mixed-replace"), "{head:?}");

    let mut both = [(); 2].map(|()| Live::open(service.address, 1, "?fps=4&width=400"));
    assert!(both[0].headers.contains("content-type: multipart/x-mixed-replace; boundary="));
    assert!(!both[0].headers.contains("access-control"));
    let mut shown = [Vec::new(), Vec::new()];
    for _ in 0..8 {
        for (live, shown) in both.iter_mut().zip(&mut shown) {
            shown.push(live.next().unwrap().captured_at);
        }
    }
    let made = encoded(&service);
    assert!((8.0..=11.0).contains(&made), "{made} pictures for two viewers of 8 each");
    let same = shown[0].iter().filter(|at| shown[1].contains(at)).count();
    assert!(same >= 7, "{shown:?}");
    assert!(shown[0].is_sorted() && shown[0].windows(2).all(|two| two[0] != two[1]), "{shown:?}");

    drop(both);
    wait_until("both are forgotten", SOON, || viewers(&service) == 0.0);
    let made = encoded(&service);
    let before = frames();
    wait_until("frames are counted", SOON, || frames() > before.map(|frames| frames + 10.0));
    assert!(encoded(&service) <= made + 1.0, "one may have been under way");
}

#[test]
fn a_client_that_stops_reading_is_dropped_and_the_others_go_on() {
    let service = counting(10, &[("PICTURES_MAX_FPS", "30")]);
    let stuck = Live::open_narrow(service.address, 1, "?fps=30&quality=95");
    let mut quick = Live::open(service.address, 1, "?fps=3&width=100");
    let dropped = || service.metrics().metric("becamera_picture_viewers_dropped_total").unwrap();
    wait_until("the one that does not read is dropped", 3 * SOON, || {
        quick.next().unwrap();
        dropped() > 0.0
    });
    assert_eq!((dropped(), viewers(&service)), (1.0, 1.0));
    quick.next().unwrap();
    stuck.wait_broken();
    assert!(service.process().resident_bytes() < 400 << 20);
}

#[test]
fn pictures_end_with_what_the_camera_does_and_an_error_says_so() {
    let service = counting(4, &[]);
    let path = "/api/v1/cameras/1/snapshot.jpg";
    let mut live = Live::open(service.address, 1, "");
    live.next().unwrap();
    service.stop_camera_in_time(1);
    live.wait_end();
    for path in [path, "/api/v1/cameras/1/live.mjpeg"] {
        let refused = service.http.get(path).refused(409, "camera_not_processing");
        assert_eq!(refused.json["details"], json!({"camera_id": 1, "state": "stopped"}));
    }
    service.http.get("/api/v1/cameras/2/snapshot.jpg").refused(404, "camera_not_found");
    service.http.get("/api/v1/cameras/x/snapshot.jpg").refused(400, "invalid_field");

    // A crash of the worker ends them, too; the next run has pictures again.
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    let mut live = Live::open(service.address, 1, "");
    live.next().unwrap();
    service.process_of(1).signal(Signal::SIGKILL);
    live.wait_end();
    service.wait_new_count(1);
    assert_eq!(size(&snapshot(&service, "")), (768, 576));

    let mut live = Live::open(service.address, 1, "");
    live.next().unwrap();
    assert_eq!(service.http.delete("/api/v1/cameras/1").status, 200);
    live.wait_end();
    service.http.get(path).refused(404, "camera_not_found");
}

#[test]
fn a_stuck_worker_gives_no_snapshot_in_bounded_time() {
    let service = counting(4, &[]);
    let process = service.process_of(1);
    process.signal(Signal::SIGSTOP);
    let begin = Instant::now();
    let path = "/api/v1/cameras/1/snapshot.jpg";
    let refused = service.http.get(path).refused(503, "picture_timeout");
    assert!(begin.elapsed() < secs(20), "{:?}", begin.elapsed());
    assert_eq!(refused.json["details"]["camera_id"], 1);
    process.signal(Signal::SIGCONT);
    assert_eq!(size(&snapshot(&service, "")), (768, 576));
}

#[test]
fn pictures_can_be_switched_off() {
    let service = counting(4, &[("PICTURES_ENABLED", "false")]);
    for path in ["/api/v1/cameras/1/snapshot.jpg", "/api/v1/cameras/1/live.mjpeg"] {
        service.http.get(path).refused(403, "pictures_disabled");
    }
}

#[test]
fn the_end_of_the_service_ends_live_pictures() {
    let mut service = counting(4, &[]);
    let mut live = Live::open(service.address, 1, "");
    live.next().unwrap();
    service.signal(Signal::SIGTERM);
    live.wait_end();
    let (status, took) = service.wait_exit(secs(10));
    assert!(status.success() && took <= secs(5), "{status} after {took:?}");
}

/// How much the picture varies within each of its squares of 24 pixels.
fn roughness(picture: &Mat) -> Vec<f64> {
    let squares = (0..picture.rows() / 24)
        .flat_map(|row| (0..picture.cols() / 24).map(move |column| (column * 24, row * 24)));
    let rough = |(x, y)| {
        let square = Mat::roi(picture, Rect::new(x, y, 24, 24)).unwrap();
        let (mut mean, mut deviation) = (Mat::default(), Mat::default());
        mean_std_dev(&square, &mut mean, &mut deviation, &no_array()).unwrap();
        *deviation.at::<f64>(0).unwrap()
    };
    squares.map(rough).collect()
}

#[test]
fn people_are_unrecognisable_in_every_picture_where_the_settings_say_so() {
    let shown = |blur: &str| {
        let service = Service::with().set("PICTURES_BLUR", blur).start();
        service.start_looping(1, &clips::still()).ok(200);
        wait_until("people are followed", SOON, || {
            service.camera(1)["last_count"].as_u64().is_some_and(|people| people >= 2)
        });
        let pictures = [
            snapshot(&service, "?annotate=false&quality=95"),
            Live::open(service.address, 1, "?annotate=false&quality=95").next().unwrap().jpeg,
        ];
        pictures.map(|jpeg| roughness(&decoded(&jpeg)))
    };
    let ([clear, clear_live], [blurred, blurred_live]) = (shown("off"), shown("people"));
    for (clear, blurred) in [(&clear, &blurred), (&clear_live, &blurred_live)] {
        let smoothed = clear
            .iter()
            .zip(blurred)
            .filter(|(before, after)| **before > 20.0 && **after < **before / 2.0);
        let kept =
            clear.iter().zip(blurred).filter(|(before, after)| (*before - *after).abs() < 2.0);
        assert!(smoothed.count() >= 10, "people are smooth");
        assert!(kept.count() >= clear.len() * 6 / 10, "the rest is as it was");
    }
    // A still scene whose gate is shut has pictures too, of frames looked at for them.
    let service = Service::with().set("PICTURES_BLUR", "people").start();
    service.start_looping(1, &clips::still()).ok(200);
    service.wait_new_count(1);
    let mut live = Live::open(service.address, 1, "?fps=4");
    (0..6).for_each(|_| assert!(live.next().is_some()));
}
