//! Cameras with bad habits and real footage: RTSP and HTTP, without any library.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::clips;

/// What an RTSP camera is like.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// Frames a second; 0: as filmed.
    pub fps: u32,
    /// It names an audio track that never sends and can't be set up.
    pub audio: bool,
    /// It serves one viewer: a second one's SETUP is refused.
    pub one_session: bool,
    /// It sends over UDP alone.
    pub udp_only: bool,
    /// It refuses SETUP with this.
    pub refuses: Option<&'static str>,
    /// Its description has no lines but those of its media.
    pub bare: bool,
}

/// A camera of footage; lives until the test's process ends.
pub struct ScriptedCamera {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    sessions: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl ScriptedCamera {
    pub fn rtsp(habits: Habits) -> Self {
        let frames = Arc::new(access_units());
        Self::serving(move |stream, shared| rtsp(stream, shared, &habits, &frames))
    }

    /// JPEG pictures as parts without a boundary before the first.
    pub fn mjpeg() -> Self {
        let pictures = Arc::new(pictures());
        Self::serving(move |mut stream, shared| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            shared.requests.lock().unwrap().extend(request(&mut reader));
            let head = "HTTP/1.1 200 OK\r\n\
                        Content-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
            let mut sent = stream.write_all(head.as_bytes());
            for picture in pictures.iter().cycle() {
                let part =
                    [b"Content-Type: image/jpeg\r\n\r\n", &**picture, b"\r\n--b\r\n"].concat();
                sent = sent.and_then(|()| stream.write_all(&part));
                if sent.is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(100));
            }
        })
    }

    /// Answers every HTTP request with these bytes.
    pub fn answering(answer: String) -> Self {
        Self::serving(move |mut stream, shared| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            shared.requests.lock().unwrap().extend(request(&mut reader));
            // The other side may be gone already.
            let _ = stream.write_all(answer.as_bytes());
        })
    }

    fn serving(serve: impl Fn(TcpStream, &Shared) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let camera = Self { address: listener.local_addr().unwrap(), shared: Arc::default() };
        let (shared, serve) = (camera.shared.clone(), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, serve) = (shared.clone(), serve.clone());
                thread::spawn(move || serve(stream, &shared));
            }
        });
        camera
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/stream", self.address)
    }

    /// How many connections it took so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// What it was asked.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }
}

/// The footage's frames, each as its NAL units.
fn access_units() -> Vec<Vec<Vec<u8>>> {
    let stream = fs::read(clips::h264()).unwrap();
    let mut units: Vec<Vec<Vec<u8>>> = Vec::new();
    for nal in split(&stream, b"\0\0\x01") {
        let nal = nal.strip_suffix(b"\0").unwrap_or(nal);
        match nal.first().map(|first| first & 31) {
            Some(9) => units.push(Vec::new()),
            Some(_) => units.last_mut().expect("a delimiter comes first").push(nal.to_vec()),
            None => {}
        }
    }
    units
}

fn pictures() -> Vec<Vec<u8>> {
    let stream = fs::read(clips::mjpeg()).unwrap();
    let start = [0xff, 0xd8, 0xff];
    split(&stream, &start)
        .filter(|rest| !rest.is_empty())
        .map(|rest| [&start, rest].concat())
        .collect()
}

fn split<'a>(stream: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let ends = stream.windows(mark.len()).enumerate();
    let mut starts: Vec<usize> = ends.filter(|(_, w)| *w == mark).map(|(at, _)| at).collect();
    starts.push(stream.len());
    let pairs: Vec<_> = starts.windows(2).map(|pair| (pair[0] + mark.len(), pair[1])).collect();
    pairs.into_iter().map(|(from, to)| &stream[from..to])
}

/// Reads a request; reports between requests are passed over.
fn request(reader: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        if text.is_empty() && reader.fill_buf().ok()?.first() == Some(&b'$') {
            let mut head = [0; 4];
            reader.read_exact(&mut head).ok()?;
            let length = u64::from(u16::from_be_bytes([head[2], head[3]]));
            std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
        } else if reader.read_line(&mut text).ok()? == 0 {
            return None;
        }
    }
    Some(text)
}

fn rtsp(mut stream: TcpStream, shared: &Shared, habits: &Habits, frames: &Arc<Vec<Vec<Vec<u8>>>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut has_session = false;
    while let Some(request) = request(&mut reader) {
        shared.requests.lock().unwrap().push(request.clone());
        let field = |name: &str| {
            let line = request.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        let (sequence, transport) = (field("CSeq:"), field("Transport:"));
        let mut say = |status: &str, headers: &str, body: &str| {
            let length = body.len();
            let text = format!(
                "RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
            );
            // If it fails, so does the next reading.
            let _ = stream.write_all(text.as_bytes());
        };
        let session = "Session: 7;timeout=60\r\n";
        match request.split(' ').next().unwrap() {
            "DESCRIBE" => say("200 OK", "Content-Type: application/sdp\r\n", &sdp(habits)),
            "SETUP" if request.contains("track2") => say("500 Internal Server Error", "", ""),
            "SETUP" if habits.refuses.is_some() => say(habits.refuses.unwrap(), "", ""),
            "SETUP" if habits.udp_only && transport.contains("TCP") => {
                say("461 Unsupported Transport", "", "");
            }
            "SETUP" => {
                if habits.one_session
                    && !has_session
                    && shared.sessions.fetch_add(1, Ordering::SeqCst) > 0
                {
                    shared.sessions.fetch_sub(1, Ordering::SeqCst);
                    say("453 Not Enough Bandwidth", "", "");
                    continue;
                }
                has_session = true;
                if habits.udp_only {
                    let client = transport.split("client_port=").nth(1).unwrap();
                    let client: u16 = client.split('-').next().unwrap().parse().unwrap();
                    udp.connect(("127.0.0.1", client)).unwrap();
                }
                say("200 OK", &format!("{session}Transport: {transport}\r\n"), "");
            }
            "PLAY" => {
                say("200 OK", session, "");
                let out = habits.udp_only.then(|| udp.try_clone().unwrap());
                let (media, habits, frames) =
                    (stream.try_clone().unwrap(), habits.clone(), frames.clone());
                thread::spawn(move || send(media, out.as_ref(), &habits, &frames));
            }
            "TEARDOWN" => {
                say("200 OK", session, "");
                break;
            }
            _ => say("200 OK", session, ""),
        }
    }
    if habits.one_session && has_session {
        shared.sessions.fetch_sub(1, Ordering::SeqCst);
    }
    // The sending thread has a handle of its own.
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

fn sdp(habits: &Habits) -> String {
    let begin =
        if habits.bare { "" } else { "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n" };
    let audio = if habits.audio { "m=audio 0 RTP/AVP 0\r\na=control:track2\r\n" } else { "" };
    format!("{begin}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n{audio}")
}

fn send(mut stream: TcpStream, udp: Option<&UdpSocket>, habits: &Habits, frames: &[Vec<Vec<u8>>]) {
    let fps = if habits.fps == 0 { clips::FPS } else { habits.fps };
    let (begin, mut sequence) = (Instant::now(), 0_u16);
    for (number, nals) in (0_u32..).zip(frames.iter().cycle()) {
        let time = number * (90_000 / fps);
        let payloads: Vec<Vec<u8>> = nals.iter().flat_map(|nal| payloads(nal)).collect();
        let mut batch = Vec::new();
        for (at, payload) in payloads.iter().enumerate() {
            let marker = if at + 1 == payloads.len() { 0x80 } else { 0 };
            let mut packet = vec![0x80, 96 | marker];
            packet.extend(sequence.to_be_bytes());
            packet.extend(time.to_be_bytes());
            packet.extend(7_u32.to_be_bytes());
            packet.extend(payload);
            sequence = sequence.wrapping_add(1);
            match udp {
                // Nobody may listen any more.
                Some(udp) => _ = udp.send(&packet),
                None => {
                    batch.extend([b'$', 0]);
                    batch.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
                    batch.extend(packet);
                }
            }
        }
        if stream.write_all(&batch).is_err() {
            return;
        }
        let due = begin + Duration::from_secs(1) * (number + 1) / fps;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if udp.is_some() && stream.peer_addr().is_err() {
            return;
        }
    }
}

/// A NAL unit in packets (RFC 6184).
fn payloads(nal: &[u8]) -> Vec<Vec<u8>> {
    const MOST: usize = 1300;
    if nal.len() <= MOST {
        return vec![nal.to_vec()];
    }
    let pieces = nal[1..].chunks(MOST);
    let last = pieces.len() - 1;
    let of = |(at, piece): (usize, &[u8])| {
        let edge = if at == 0 { 0x80 } else { 0 } | if at == last { 0x40 } else { 0 };
        [&[nal[0] & 0xe0 | 28, edge | nal[0] & 31], piece].concat()
    };
    pieces.enumerate().map(of).collect()
}
