//! Where a stream's bytes may come from, and where its password may go.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod support;

use std::sync::Arc;

use becamera_domain::{
    FailureCode,
    settings::{KnownCertificate, StreamSettings, TlsSettings},
};

use support::{Habits, Server, fails, open_with, settings};

fn code(url: &str, settings: &StreamSettings) -> FailureCode {
    open_with(url, settings).err().expect("it can't be opened").code
}

#[test]
fn nothing_off_the_list_is_reached_by_any_spelling_name_or_redirect() {
    let camera = Server::rtsp(Habits::default());
    let port = camera.address.port();
    let only = StreamSettings { allowed_hosts: vec!["10.0.0.0/8".into()], ..settings() };
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
    ] {
        for scheme in ["rtsp", "rtsps", "http", "https"] {
            let url = format!("{scheme}://admin:secret@{host}:{port}/live");
            assert_eq!(code(&url, &only), FailureCode::HostNotAllowed, "{url}");
        }
    }
    assert_eq!(camera.connections(), 0);
    let named = StreamSettings { allowed_hosts: vec!["localhost".into()], ..settings() };
    assert!(open_with(&format!("rtsp://localhost:{port}/live"), &named).is_ok());
    assert_eq!(code(&camera.url("rtsp://HOST/live"), &named), FailureCode::HostNotAllowed);
}

#[test]
fn redirects_lead_nowhere_and_carry_no_password() {
    let elsewhere = Server::rtsp(Habits::default());
    let to = elsewhere.address;
    let moved = format!("302 Moved\r\nLocation: rtsp://admin:secret@{to}/live");
    let moved: &'static str = moved.leak();
    for request in ["DESCRIBE", "SETUP"] {
        let camera = Server::rtsp(Habits { refusals: vec![(request, moved)], ..Habits::default() });
        let failure = fails(&camera.url("rtsp://admin:secret@HOST/live"));
        assert_eq!(failure.0, FailureCode::Redirected);
    }
    let http = Server::http(move |_| {
        format!("HTTP/1.1 302 Found\r\nLocation: http://{to}/\r\n\r\n").into_bytes()
    });
    let url = http.url("http://admin:secret@HOST/video");
    assert_eq!(fails(&url).0, FailureCode::Redirected);
    assert_eq!(elsewhere.connections(), 0);
    assert!(http.requests().iter().all(|request| !request.contains("uthorization")));
    // What a description names is only text.
    let sdp = support::SDP.replace("track1", &format!("rtsp://{to}/track1"));
    let camera = Server::rtsp(Habits { sdp, ..Habits::default() });
    support::read(&camera.url("rtsp://admin:secret@HOST/live"));
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn the_service_itself_is_no_camera() {
    let camera = Server::rtsp(Habits::default());
    let url = camera.url("http://HOST/api/v1/cameras/1/live.mjpeg");
    for own in [camera.address, ([0, 0, 0, 0], camera.address.port()).into()] {
        let settings = StreamSettings { own_address: Some(own), ..settings() };
        assert_eq!(code(&url, &settings), FailureCode::HostNotAllowed);
    }
}

/// A camera behind TLS, with a certificate that nobody has signed.
fn encrypted() -> Server {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("certificates/camera.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("certificates/camera.key"));
    let config = rustls::ServerConfig::builder_with_provider(
        rustls::crypto::ring::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![certificate.unwrap()], key.unwrap())
    .unwrap();
    let config = Arc::new(config);
    Server::start(move |stream, log| {
        use std::io::{BufReader, Write};
        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream));
        if let Some(request) = support::read_request(&mut stream) {
            log.lock().unwrap().push(request);
            let answer = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n";
            let _ = stream.get_mut().write_all(answer);
        }
    })
}

#[test]
fn a_certificate_must_be_signed_or_known() {
    let camera = encrypted();
    let url = camera.url("https://HOST/video");
    let failure = open_with(&url, &settings()).err().unwrap();
    assert_eq!(failure.code, FailureCode::Tls);
    assert!(camera.requests().is_empty(), "nothing was asked");
    // The message says the fingerprint that makes it known.
    let shown = failure.message.split(' ').find(|word| word.len() == 64).unwrap();
    let known = |text: &str| {
        let fingerprints = vec![KnownCertificate::parse(&format!("127.0.0.1={text}")).unwrap()];
        let tls = TlsSettings { fingerprints, ..TlsSettings::default() };
        StreamSettings { tls, ..settings() }
    };
    assert!(open_with(&url, &known(shown)).is_ok());
    assert_eq!(code(&url, &known(&"ab".repeat(32))), FailureCode::Tls);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/camera.pem");
    let tls = TlsSettings { ca_file: Some(path.into()), ..TlsSettings::default() };
    assert!(open_with(&url, &StreamSettings { tls, ..settings() }).is_ok());
    let tls = TlsSettings { verify: false, ..TlsSettings::default() };
    assert!(open_with(&url, &StreamSettings { tls, ..settings() }).is_ok());
    let plain = Server::rtsp(Habits::default());
    let failure = open_with(&plain.url("https://HOST/"), &settings()).err().unwrap();
    assert!(failure.message.contains("TLS"), "{failure:?}");
}
