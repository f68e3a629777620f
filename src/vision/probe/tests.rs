use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::*;

/// A server that gives every connection to `serve`; lives until the process ends.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    port
}

/// Reads a request up to its empty line; `None` when the peer disconnects before.
fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        text.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Answers each request with the same head, and its CSeq when it has one.
fn answers(head: &'static str) -> u16 {
    server(move |mut stream| {
        while let Some(request) = request(&mut stream) {
            let cseq = request.lines().find(|line| line.starts_with("CSeq")).unwrap_or("X: y");
            let _ = write!(stream, "{head}\r\n{cseq}\r\nContent-Length: 0\r\n\r\n");
        }
    })
}

fn settings() -> StreamSettings {
    StreamSettings { probe_timeout: Duration::from_secs(3), ..StreamSettings::default() }
}

fn fails(url: &str) -> Failure {
    let started = Instant::now();
    let url = StreamUrl::trusted(url).unwrap();
    let failure = probe(&url, &settings()).err().unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(!failure.message.contains("s3cret"), "{}", failure.message);
    failure
}

fn code(url: &str) -> FailureCode {
    fails(url).code
}

#[test]
fn rtsp_statuses_have_their_codes() {
    let url = |head| format!("rtsp://127.0.0.1:{}/x", answers(head));
    assert_eq!(code(&url("RTSP/1.0 404 Not Found")), FailureCode::NotFound);
    assert_eq!(code(&url("RTSP/1.0 401 Unauthorized")), FailureCode::Unauthorized);
    assert_eq!(
        code(&url("RTSP/1.0 302 Moved\r\nLocation: rtsp://127.0.0.1:1/y")),
        FailureCode::Redirected
    );
    assert_eq!(code(&url("RTSP/1.0 500 Oops")), FailureCode::Unsupported);
    assert_eq!(code(&url("RTSP/1.0 200 OK")), FailureCode::Unsupported);
    assert_eq!(code(&url("HTTP/1.1 200 OK")), FailureCode::NotRtsp);
}

#[test]
fn wrong_credentials_are_told_from_missing_ones() {
    let basic = "RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"cam\"";
    let port = answers(basic);
    let missing = fails(&format!("rtsp://127.0.0.1:{port}/x"));
    let wrong = fails(&format!("rtsp://admin:s3cret@127.0.0.1:{port}/x"));
    assert!(missing.message.contains("wants"), "{}", missing.message);
    assert!(wrong.message.contains("refuses"), "{}", wrong.message);
    assert_eq!((missing.code, wrong.code), (FailureCode::Unauthorized, FailureCode::Unauthorized));
}

#[test]
fn credentials_are_sent_decoded() {
    let port = server(|mut stream| {
        while let Some(request) = request(&mut stream) {
            let cseq = request.lines().find(|line| line.starts_with("CSeq")).unwrap();
            // base64 of `admin:p@ss/#`
            let good = request.contains("Basic YWRtaW46cEBzcy8j");
            let status = if good { "404 Not Found" } else { "401 Unauthorized" };
            let challenge = "WWW-Authenticate: Basic realm=\"cam\"";
            let _ = write!(stream, "RTSP/1.0 {status}\r\n{cseq}\r\n{challenge}\r\n\r\n");
        }
    });
    assert_eq!(
        code(&format!("rtsp://admin:p%40ss%2F%23@127.0.0.1:{port}/x")),
        FailureCode::NotFound
    );
}

#[test]
fn a_description_is_read() {
    let port = server(|mut stream| {
        while let Some(request) = request(&mut stream) {
            let cseq = request.lines().find(|line| line.starts_with("CSeq")).unwrap();
            let sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
                       a=rtpmap:96 H264/90000\r\na=framerate:12.5\r\na=control:track1\r\n";
            let _ = write!(
                stream,
                "RTSP/1.0 200 OK\r\n{cseq}\r\nContent-Type: application/sdp\r\n\
                 Content-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            );
        }
    });
    let url = StreamUrl::trusted(&format!("rtsp://127.0.0.1:{port}/x")).unwrap();
    let description = probe(&url, &settings()).unwrap().description;
    assert_eq!(description.codec.as_deref(), Some("h264"));
    assert_eq!(description.fps, Some(12.5));
}

#[test]
fn garbage_and_hang_ups_are_not_rtsp() {
    let garbage = server(|mut stream| {
        let _ = stream.write_all(b"\x00\x01SSH-2.0-nonsense\r\n\r\n\r\n");
        let _ = request(&mut stream);
    });
    assert_eq!(code(&format!("rtsp://127.0.0.1:{garbage}/")), FailureCode::NotRtsp);
    let hangs_up = server(drop);
    assert_eq!(code(&format!("rtsp://127.0.0.1:{hangs_up}/")), FailureCode::NotRtsp);
}

#[test]
fn a_silent_server_times_out_and_a_closed_port_refuses() {
    let silent = server(|mut stream| while request(&mut stream).is_some() {});
    assert_eq!(code(&format!("rtsp://127.0.0.1:{silent}/")), FailureCode::Timeout);
    assert_eq!(code(&format!("http://127.0.0.1:{silent}/")), FailureCode::Timeout);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(code(&format!("rtsp://127.0.0.1:{closed}/")), FailureCode::Refused);
    assert_eq!(code(&format!("http://127.0.0.1:{closed}/")), FailureCode::Refused);
    assert_eq!(code(&format!("rtsps://127.0.0.1:{closed}/")), FailureCode::Refused);
}

#[test]
fn a_name_without_address_is_unresolvable() {
    assert_eq!(code("rtsp://no-such-host.invalid/x"), FailureCode::Unresolvable);
}

#[test]
fn addresses_off_the_list_are_not_asked() {
    let settings = StreamSettings { allowed_hosts: vec!["10.0.0.0/8".into()], ..settings() };
    let url = StreamUrl::trusted("rtsp://localhost:1/x").unwrap();
    assert_eq!(probe(&url, &settings).err().unwrap().code, FailureCode::HostNotAllowed);
}

#[test]
fn http_statuses_and_contents_have_their_codes() {
    let url = |head| format!("http://127.0.0.1:{}/video", answers(head));
    assert_eq!(code(&url("HTTP/1.1 404 Not Found")), FailureCode::NotFound);
    assert_eq!(code(&url("HTTP/1.1 302 Found\r\nLocation: /y")), FailureCode::Redirected);
    assert_eq!(code(&url("HTTP/1.1 401 Unauthorized")), FailureCode::Unauthorized);
    assert_eq!(code(&url("HTTP/1.1 200 OK\r\nContent-Type: text/html")), FailureCode::Unsupported);
    assert_eq!(code(&url("nonsense")), FailureCode::Unsupported);
    let stream = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x";
    let good = StreamUrl::trusted(&url(stream)).unwrap();
    let description = probe(&good, &settings()).unwrap().description;
    assert_eq!(description.codec.as_deref(), Some("multipart/x-mixed-replace"));
}

#[test]
fn http_digest_challenges_are_answered() {
    let port = server(|mut stream| {
        while let Some(request) = request(&mut stream) {
            let good = request.to_ascii_lowercase().contains("authorization: digest username=");
            let head = if good {
                "HTTP/1.1 200 OK\r\nContent-Type: video/mp2t"
            } else {
                "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"c\", nonce=\"n\", qop=\"auth\""
            };
            let _ = write!(stream, "{head}\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let url = StreamUrl::trusted(&format!("http://admin:s3cret@127.0.0.1:{port}/v?x=1")).unwrap();
    assert_eq!(probe(&url, &settings()).unwrap().description.codec.as_deref(), Some("video/mp2t"));
}

#[test]
fn files_must_be_there_allowed_and_not_empty() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("empty.mp4"), b"").unwrap();
    std::fs::write(root.path().join("full.mp4"), b"x").unwrap();
    let settings = StreamSettings { media_roots: vec![root.path().into()], ..settings() };
    let url = |name| StreamUrl::trusted(&format!("file://{}/{name}", root.path().display()));
    let code = |name| probe(&url(name).unwrap(), &settings).err().unwrap().code;
    assert_eq!(code("none.mp4"), FailureCode::NotFound);
    assert_eq!(code("empty.mp4"), FailureCode::NoFrames);
    assert_eq!(code(""), FailureCode::Unsupported);
    assert!(probe(&url("full.mp4").unwrap(), &settings).is_ok());
    let elsewhere = StreamUrl::trusted("file:///etc/passwd").unwrap();
    assert_eq!(probe(&elsewhere, &settings).err().unwrap().code, FailureCode::Unsupported);
}

#[test]
fn it_can_be_cancelled() {
    let silent = server(|mut stream| while request(&mut stream).is_some() {});
    for scheme in ["rtsp", "http"] {
        let url = StreamUrl::trusted(&format!("{scheme}://127.0.0.1:{silent}/")).unwrap();
        let started = Instant::now();
        let mut keep_going = || started.elapsed() < Duration::from_millis(300);
        let outcome = probe_while(&url, &settings(), &mut keep_going);
        assert!(outcome.unwrap().is_none());
        assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
    }
}
