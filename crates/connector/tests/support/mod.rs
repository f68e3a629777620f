//! Cameras with habits, and a reader.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use becamera_connector::{Relay, StreamDescription};
use becamera_domain::{Failure, FailureCode, StreamUrl, settings::StreamSettings};
use md5::{Digest, Md5};
use sha2::Sha256;

pub const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAH9oDAEmhAAADAAEAAAMAFA8YMqA=,aMuDyyA=\r\n\
    a=control:track1\r\n";

pub const AUDIO: &str = "m=audio 0 RTP/AVP 0\r\na=control:track2\r\n";

/// What a camera is like.
#[derive(Clone)]
pub struct Habits {
    pub sdp: String,
    /// Values of its `WWW-Authenticate` headers; `admin` with password `secret` is let in.
    pub challenges: Vec<String>,
    pub password: String,
    /// Statuses of requests whose line contains the text.
    pub refusals: Vec<(&'static str, &'static str)>,
    /// Headers of its answers to `DESCRIBE`, beside the length.
    pub describe_headers: String,
    pub udp_only: bool,
    /// It hangs up behind a 401.
    pub hangs_up: bool,
    /// What it says beside `CSeq: n`, instead of that.
    pub sequence: Option<&'static str>,
    /// Sends no media.
    pub mute: bool,
    /// How long its sessions live, in seconds.
    pub timeout: u32,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            sdp: SDP.into(),
            challenges: Vec::new(),
            password: "secret".into(),
            refusals: Vec::new(),
            describe_headers: "Content-Type: application/sdp\r\n".into(),
            udp_only: false,
            hangs_up: false,
            sequence: None,
            mute: false,
            timeout: 60,
        }
    }
}

/// A server on this machine; lives until the process ends.
pub struct Server {
    pub address: SocketAddr,
    /// What it was asked, a request each.
    pub log: Arc<Mutex<Vec<String>>>,
    pub connections: Arc<Mutex<usize>>,
}

impl Server {
    pub fn start(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            log: Arc::default(),
            connections: Arc::default(),
        };
        let (log, connections) = (server.log.clone(), server.connections.clone());
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                *connections.lock().unwrap() += 1;
                let (log, serve) = (log.clone(), serve.clone());
                thread::spawn(move || serve(stream, &log));
            }
        });
        server
    }

    pub fn rtsp(habits: Habits) -> Self {
        Self::start(move |stream, log| rtsp(stream, &habits, log))
    }

    /// Answers every request with the same bytes and, unless it is told to go on, hangs up.
    pub fn http(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(move |mut stream, log| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            if let Some(request) = read_request(&mut reader) {
                log.lock().unwrap().push(request.clone());
                let _ = stream.write_all(&answer(&request));
            }
        })
    }

    pub fn url(&self, rest: &str) -> String {
        rest.replace("HOST", &self.address.to_string())
    }

    pub fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

pub fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    loop {
        // Reports of the reader stand between requests.
        if text.is_empty() && reader.fill_buf().ok()?.first() == Some(&b'$') {
            let mut head = [0; 4];
            reader.read_exact(&mut head).ok()?;
            let length = u64::from(u16::from_be_bytes([head[2], head[3]]));
            std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
            continue;
        }
        if reader.read_line(&mut text).ok()? == 0 {
            return None;
        }
        if text.ends_with("\r\n\r\n") {
            return Some(text);
        }
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Whether a request's login is right by one of the challenges.
pub fn is_let_in(request: &str, method: &str, challenges: &[String], password: &str) -> bool {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let Some(value) = header(request, "Authorization") else { return false };
    let (scheme, rest) = value.split_once(' ').unwrap();
    let offered = |text: &str| challenges.iter().any(|challenge| challenge.contains(text));
    if scheme == "Basic" {
        return offered("Basic") && STANDARD.encode(format!("admin:{password}")) == rest;
    }
    let field = |name: &str| {
        rest.split(", ").find_map(|pair| {
            let (own, value) = pair.split_once('=')?;
            (own == name).then(|| value.trim_matches('"').to_owned())
        })
    };
    let sha256 = field("algorithm").as_deref() == Some("SHA-256");
    if sha256 != offered("SHA-256") && !(offered("Digest") && !sha256 && offered("MD5")) {
        return false;
    }
    let hash = |text: String| -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if sha256 { hex(&Sha256::digest(text)) } else { hex(&Md5::digest(text)) }
    };
    let secret = hash(format!("admin:{}:{password}", field("realm").unwrap()));
    let request = hash(format!("{method}:{}", field("uri").unwrap()));
    let nonce = field("nonce").unwrap();
    let wanted = match field("qop") {
        Some(qop) => {
            let (count, client) = (field("nc").unwrap(), field("cnonce").unwrap());
            hash(format!("{secret}:{nonce}:{count}:{client}:{qop}:{request}"))
        }
        None => hash(format!("{secret}:{nonce}:{request}")),
    };
    field("response") == Some(wanted)
}

fn rtsp(mut stream: TcpStream, habits: &Habits, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    while let Some(request) = read_request(&mut reader) {
        log.lock().unwrap().push(request.clone());
        let method = request.split(' ').next().unwrap();
        let sequence = format!("CSeq: {}", header(&request, "CSeq").unwrap());
        let sequence = habits.sequence.unwrap_or(&sequence);
        let mut say = |status: &str, headers: &str, body: &str| {
            let length = body.len();
            let text = format!(
                "RTSP/1.0 {status}\r\n{sequence}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
            );
            let _ = stream.write_all(text.as_bytes());
        };
        if !habits.challenges.is_empty()
            && !is_let_in(&request, method, &habits.challenges, &habits.password)
        {
            let challenges: String = habits
                .challenges
                .iter()
                .map(|challenge| format!("WWW-Authenticate: {challenge}\r\n"))
                .collect();
            say("401 Unauthorized", &challenges, "");
            if habits.hangs_up {
                return;
            }
            continue;
        }
        let line = request.lines().next().unwrap();
        if let Some((_, status)) = habits.refusals.iter().find(|(text, _)| line.contains(text)) {
            say(status, "", "");
            continue;
        }
        let transport = header(&request, "Transport").unwrap_or_default();
        let session = format!("Session: 42;timeout={}\r\n", habits.timeout);
        match method {
            "DESCRIBE" => say("200 OK", &habits.describe_headers, &habits.sdp),
            "SETUP" if habits.udp_only && transport.contains("TCP") => {
                say("461 Unsupported Transport", "", "");
            }
            "SETUP" if habits.udp_only => {
                let port = udp.local_addr().unwrap().port();
                let ports = format!("{transport};server_port={port}-{}", port.wrapping_add(1));
                say("200 OK", &format!("{session}Transport: {ports}\r\n"), "");
                let client = transport.split("client_port=").nth(1).unwrap();
                let client: u16 = client.split('-').next().unwrap().parse().unwrap();
                udp.connect(("127.0.0.1", client)).unwrap();
            }
            "SETUP" => say("200 OK", &format!("{session}Transport: {transport}\r\n"), ""),
            "PLAY" => {
                say("200 OK", "Session: 42\r\n", "");
                if habits.udp_only {
                    let _ = udp.send(b"media");
                } else if !habits.mute {
                    // A channel that was not asked for, stray bytes, and the stream's.
                    let _ = stream.write_all(b"$\x07\0\x05audio\0\0$\0\0\x05media");
                }
            }
            _ => say("200 OK", "Session: 42\r\n", ""),
        }
    }
}

pub fn settings() -> StreamSettings {
    StreamSettings {
        probe_timeout: Duration::from_secs(3),
        open_timeout: Duration::from_secs(2),
        ..StreamSettings::default()
    }
}

pub fn open(url: &str) -> Result<Relay, Failure> {
    open_with(url, &settings())
}

pub fn open_with(url: &str, settings: &StreamSettings) -> Result<Relay, Failure> {
    let url = StreamUrl::trusted(url).unwrap();
    let relay = Relay::open(&url, settings, &mut || true)?;
    Ok(relay.expect("it was not cancelled"))
}

/// Opens a stream that must be there, and reads its first packet as FFmpeg would.
#[track_caller]
pub fn read(url: &str) -> StreamDescription {
    let relay = open(url).unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!(first_packet(&relay), b"$\0\0\x05media");
    relay.description().clone()
}

#[track_caller]
pub fn fails(url: &str) -> (FailureCode, String) {
    let failure = open(url).err().expect("it can't be opened");
    assert!(!failure.message.contains("secret"), "{failure:?}");
    (failure.code, failure.message)
}

/// A session as FFmpeg has it, up to the first packet.
pub fn first_packet(relay: &Relay) -> Vec<u8> {
    let mut reader = Reader::open(relay);
    for method in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"] {
        let (status, body) = reader.ask(method);
        assert_eq!(status, "RTSP/1.0 200 OK", "{method}");
        if method == "DESCRIBE" {
            assert!(body.contains("m=video") && !body.contains("m=audio"), "{body}");
        }
    }
    reader.packet()
}

/// What FFmpeg is to the relay.
pub struct Reader {
    stream: BufReader<TcpStream>,
    url: String,
}

impl Reader {
    pub fn open(relay: &Relay) -> Self {
        let url = relay.local_url().to_owned();
        let address = url.split('/').nth(2).unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { stream: BufReader::new(stream), url }
    }

    pub fn ask(&mut self, method: &str) -> (String, String) {
        let request = format!("{method} {} RTSP/1.0\r\nCSeq: 1\r\n\r\n", self.url);
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let head = read_request(&mut self.stream).unwrap();
        let length: usize = header(&head, "Content-Length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (head.lines().next().unwrap().to_owned(), String::from_utf8(body).unwrap())
    }

    pub fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 4];
        self.stream.read_exact(&mut packet).unwrap();
        packet.resize(4 + usize::from(u16::from_be_bytes([packet[2], packet[3]])), 0);
        self.stream.read_exact(&mut packet[4..]).unwrap();
        packet
    }

    /// Reads to the end.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        rest
    }
}
