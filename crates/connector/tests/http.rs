//! HTTP cameras with every bad habit that was reported.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod support;

use std::io::{Read, Write};

use becamera_domain::FailureCode;

use support::{Server, fails, is_let_in, open};

/// The smallest thing that has a JPEG picture's markers.
const PICTURE: &[u8] = b"\xff\xd8\xff\xda\0\x04xyabc\xff\xd9";

/// What a reader is given.
fn body(url: &str) -> Vec<u8> {
    let relay = open(url).unwrap_or_else(|failure| panic!("{failure:?}"));
    let local = relay.local_url().to_owned();
    let mut parts = local.splitn(4, '/').skip(2);
    let (host, path) = (parts.next().unwrap(), parts.next().unwrap());
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let text = String::from_utf8_lossy(&all);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    all
}

fn pictures(answer: Vec<u8>) -> usize {
    let camera = Server::http(move |_| answer.clone());
    let body = body(&camera.url("http://HOST/video"));
    let part = [b"Content-Type: image/jpeg\r\nContent-Length: 13\r\n\r\n", PICTURE].concat();
    body.windows(part.len()).filter(|window| *window == part).count()
}

#[test]
fn pictures_are_found_whatever_stands_between() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
    let stream = |head: &str, before: &str, after: &str| {
        let part = [before.as_bytes(), PICTURE, after.as_bytes()].concat();
        pictures([head.as_bytes(), &part.repeat(3)].concat())
    };
    let typed = "Content-Type: image/jpeg\r\n\r\n";
    assert_eq!(stream(head, &format!("--b\r\n{typed}"), "\r\n"), 3);
    assert_eq!(stream(head, typed, "\r\n--b\r\n"), 3, "no boundary before the first");
    assert_eq!(stream(head, "--other\r\n\r\n", ""), 3);
    assert_eq!(stream(head, "", ""), 3);
    let odd = "HTTP/1.0 200\nServer: x\nTue, 12 Jun 2012 01:56:34 GMT\n\
               Content-Type : Multipart/X-Mixed-Replace\n\n";
    assert_eq!(stream(odd, "--b\n\n", "\n"), 3);
    assert_eq!(stream("ICY 200 OK\r\nContent-Type: video/x-motion-jpeg\r\n\r\n", "", ""), 3);
    assert_eq!(stream("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", "", ""), 3);
}

#[test]
fn other_videos_are_passed_on_as_they_are() {
    let answer =
        b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let camera = Server::http(|_| answer.to_vec());
    let body = body(&camera.url("http://HOST/video"));
    assert!(body.ends_with(b"\r\n\r\nabcde"));
    assert!(String::from_utf8_lossy(&body).contains("Content-Type: video/mp2t\r\n"));
}

#[test]
fn what_is_no_video_is_told() {
    let answer = |text: &'static str| {
        fails(&Server::http(move |_| text.as_bytes().to_vec()).url("http://HOST/video"))
    };
    let (code, message) = answer("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n");
    assert_eq!(code, FailureCode::Unsupported);
    assert!(message.contains("web page"), "{message}");
    let playlist = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n\r\n#EXTM3U";
    assert!(answer(playlist).1.contains("playlist"));
    assert_eq!(answer("HTTP/1.1 404 No\r\n\r\n").0, FailureCode::NotFound);
    assert!(answer("SSH-2.0-x\r\n").1.contains("does not speak HTTP"));
    let long = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(20_000));
    assert!(answer(long.leak()).1.contains("does not speak HTTP"));
}

#[test]
fn every_login_is_given_in_every_order() {
    let digest = r#"Digest realm="server", nonce="4f", qop="auth", algorithm=MD5"#;
    let (basic, ntlm) = (r#"Basic realm="x""#, "NTLM");
    for challenges in [
        vec![digest, basic],
        vec![basic, digest],
        vec![ntlm, digest],
        vec![basic],
        vec!["Basic realm=IP Camera"],
        vec!["Negotiate", basic],
    ] {
        let own: Vec<String> = challenges.iter().map(|text| (*text).to_owned()).collect();
        let camera = Server::http(move |request| {
            if is_let_in(request, "GET", &own, "secret") {
                return b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\nabc".to_vec();
            }
            let lines = own.iter().map(|text| format!("WWW-Authenticate: {text}\r\n"));
            format!("HTTP/1.1 401 No\r\n{}\r\n", lines.collect::<String>()).into_bytes()
        });
        assert!(body(&camera.url("http://admin:secret@HOST/v?x=1")).ends_with(b"abc"));
        assert!(camera.requests()[0].starts_with("GET /v?x=1 HTTP/1.1\r\n"));
        let (code, _) = fails(&camera.url("http://admin:wrong@HOST/v"));
        assert_eq!(code, FailureCode::Unauthorized);
    }
}
