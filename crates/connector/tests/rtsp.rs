//! RTSP cameras with every bad habit that was reported.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod support;

use std::{
    thread,
    time::{Duration, Instant},
};

use becamera_domain::FailureCode;

use support::{
    AUDIO, Habits, Reader, SDP, Server, fails, first_packet, open, open_with, read, settings,
};

const URL: &str = "rtsp://HOST/live";
const WITH_LOGIN: &str = "rtsp://admin:secret@HOST/live";

const MD5: &str = r#"Digest realm="IP Camera(1)", nonce="n", algorithm="MD5""#;
const OLD: &str = r#"Digest realm="IP Camera(1)", nonce="n""#;
const QOP: &str = r#"Digest realm="IP Camera(1)", nonce="n", algorithm=MD5, qop="auth""#;
const SHA256: &str =
    r#"Digest realm="IP Camera(1)", nonce="n", algorithm="SHA-256", stale="FALSE""#;
const BASIC: &str = r#"Basic realm="IP Camera(1)""#;

fn with(challenges: &[&str]) -> Habits {
    let challenges = challenges.iter().map(|text| (*text).to_owned()).collect();
    Habits { challenges, ..Habits::default() }
}

#[test]
fn a_camera_is_read_in_one_session_that_is_torn_down() {
    let camera = Server::rtsp(Habits::default());
    let description = read(&camera.url(URL));
    assert_eq!(description.codec.as_deref(), Some("h264"));
    assert_eq!(description.size, Some(becamera_domain::FrameSize::new(768, 576)));
    let methods: Vec<String> =
        camera.requests().iter().map(|r| r.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(methods, ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]);
    assert_eq!(camera.connections(), 1);
    let play = camera.requests()[2].clone();
    assert!(play.starts_with(&camera.url("PLAY rtsp://HOST/live RTSP/1.0\r\n")), "{play}");
    assert!(play.contains("Session: 42\r\n"), "{play}");
}

#[test]
fn every_login_is_given_in_every_order() {
    for challenges in [
        &[MD5][..],
        &[OLD],
        &[QOP],
        &[SHA256],
        &[BASIC],
        &[SHA256, MD5],
        &[MD5, SHA256],
        &[SHA256, OLD],
        &[BASIC, MD5],
        &[MD5, BASIC],
        &["NTLM", QOP],
    ] {
        let camera = Server::rtsp(with(challenges));
        read(&camera.url(WITH_LOGIN));
        let (code, message) = fails(&camera.url("rtsp://admin:wrong@HOST/live"));
        assert_eq!(code, FailureCode::Unauthorized, "{message}");
        assert!(message.contains("refuses"), "{message}");
        let (code, message) = fails(&camera.url(URL));
        assert_eq!(code, FailureCode::Unauthorized, "{message}");
        assert!(message.contains("wants"), "{message}");
    }
}

#[test]
fn passwords_may_be_empty_or_long_and_the_camera_may_hang_up_to_have_one() {
    let long = "x".repeat(300);
    for password in ["", &long] {
        let habits = Habits { password: password.into(), hangs_up: true, ..with(&[OLD]) };
        let camera = Server::rtsp(habits);
        read(&camera.url(&format!("rtsp://admin:{password}@HOST/live")));
    }
}

#[test]
fn descriptions_are_taken_as_cameras_write_them() {
    let video = &SDP[SDP.find("m=video").unwrap()..];
    for begin in [
        "",
        "v=0\r\no=- 1 1 IN IP4\r\n",
        "v=0\r\nc=IN\r\nt=\r\n",
        "v=0\r\nc=IN IP4 0.0.0.0\r\nc=IN IP4 1\r\n",
    ] {
        let camera = Server::rtsp(Habits { sdp: format!("{begin}{video}"), ..Habits::default() });
        read(&camera.url(URL));
    }
    for headers in [
        "",
        "Content-Type: application/SDP; charset=utf-8\r\n",
        "Content-Base:  \r\n",
        "no name at all\r\nContent-Base: rtsp://10.0.0.1/other/\r\n",
    ] {
        let describe_headers = headers.into();
        let camera = Server::rtsp(Habits { describe_headers, ..Habits::default() });
        read(&camera.url(URL));
        assert_eq!(camera.connections(), 1);
    }
    for sequence in ["Cseq:\x200", "X: y"] {
        read(&Server::rtsp(Habits { sequence: Some(sequence), ..Habits::default() }).url(URL));
    }
}

#[test]
fn audio_is_not_even_asked_for() {
    let habits = Habits {
        sdp: format!("{SDP}{AUDIO}"),
        refusals: vec![("track2", "500 No")],
        ..Habits::default()
    };
    let camera = Server::rtsp(habits);
    read(&camera.url(URL));
    assert!(camera.requests().iter().all(|request| !request.contains("track2")));
    let camera = Server::rtsp(Habits { sdp: AUDIO.into(), ..Habits::default() });
    assert!(fails(&camera.url(URL)).1.contains("no video, only audio"));
}

#[test]
fn what_is_refused_is_told() {
    let refusing = |request, status| {
        Server::rtsp(Habits { refusals: vec![(request, status)], ..Habits::default() }).url(URL)
    };
    assert_eq!(fails(&refusing("DESCRIBE", "404 No")).0, FailureCode::NotFound);
    assert_eq!(fails(&refusing("DESCRIBE", "302 Moved")).0, FailureCode::Redirected);
    let (code, message) = fails(&refusing("SETUP", "453 No"));
    assert_eq!(code, FailureCode::Unsupported);
    assert!(message.contains("SETUP") && message.contains("453"), "{message}");
    assert_eq!(fails(&refusing("SETUP", "401 No")).0, FailureCode::Unauthorized);
    let relay = open(&refusing("PLAY", "500 No")).unwrap();
    let mut reader = Reader::open(&relay);
    assert!(reader.ask("PLAY").0.contains("503"));
    reader.rest();
    wait(|| relay.is_over());
    let failure = relay.failure().unwrap();
    assert!(failure.message.contains("PLAY with status 500"), "{failure:?}");
}

fn wait(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_camera_that_sends_over_udp_alone_is_read() {
    read(&Server::rtsp(Habits { udp_only: true, ..Habits::default() }).url(URL));
}

#[test]
fn a_session_is_kept_alive() {
    let camera = Server::rtsp(Habits { timeout: 1, ..Habits::default() });
    let relay = open(&camera.url(URL)).unwrap();
    let mut reader = Reader::open(&relay);
    reader.ask("PLAY");
    wait(|| camera.requests().iter().filter(|r| r.starts_with("OPTIONS")).count() >= 2);
    assert!(camera.requests().last().unwrap().contains("Session: 42"));
}

#[test]
fn silence_is_told_and_wakes_the_reader() {
    let camera = Server::rtsp(Habits { mute: true, ..Habits::default() });
    let relay = open(&camera.url(URL)).unwrap();
    let mut reader = Reader::open(&relay);
    reader.ask("PLAY");
    assert_eq!(reader.rest(), b"");
    wait(|| relay.is_over());
    let failure = relay.failure().unwrap();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert!(failure.message.contains("sent nothing"), "{failure:?}");

    let camera = Server::rtsp(Habits::default());
    let settings = becamera_domain::settings::StreamSettings {
        read_timeout: Duration::from_millis(500),
        ..settings()
    };
    let relay = open_with(&camera.url(URL), &settings).unwrap();
    let mut reader = Reader::open(&relay);
    reader.ask("PLAY");
    reader.packet();
    relay.has_picture();
    reader.rest();
    wait(|| relay.is_over());
    assert_eq!(relay.failure().unwrap().code, FailureCode::Stalled);
}

#[test]
fn a_closed_relay_wakes_its_reader_and_strangers_are_not_served() {
    let camera = Server::rtsp(Habits { mute: true, ..Habits::default() });
    let relay = open(&camera.url(URL)).unwrap();
    let port = relay.local_url().split('/').nth(2).unwrap().to_owned();
    let mut stranger = std::net::TcpStream::connect(&port).unwrap();
    std::io::Write::write_all(&mut stranger, b"OPTIONS rtsp://127.0.0.1/ RTSP/1.0\r\n\r\n")
        .unwrap();
    assert_eq!(std::io::Read::read(&mut stranger, &mut [0; 10]).unwrap(), 0);
    let mut reader = Reader::open(&relay);
    reader.ask("PLAY");
    let closer = relay.closer();
    let begin = Instant::now();
    closer.close();
    reader.rest();
    assert!(begin.elapsed() < Duration::from_millis(500));
    drop(relay);
    wait(|| camera.requests().last().is_some_and(|request| request.starts_with("TEARDOWN")));
}

#[test]
fn many_openings_leave_nothing_behind() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let camera = Server::rtsp(Habits::default());
    for _ in 0..3 {
        first_packet(&open(&camera.url(URL)).unwrap());
    }
    let before = threads();
    for _ in 0..20 {
        first_packet(&open(&camera.url(URL)).unwrap());
    }
    // Other tests run beside this one, in up to a few threads each.
    wait(|| threads() < before + 20);
}
