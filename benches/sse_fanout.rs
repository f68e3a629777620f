//! Latency of an event to each of many clients: from the count's own time to its arrival.
//!
//! usage: cargo bench --bench sse_fanout [-- --clients 500 --cameras 6 --fps 4 --seconds 30]
//!
//! The real service counts recordings played as live cameras; the clients are this process: one
//! thread, which does nothing but read and compare. Needs ffmpeg and opencv-doc's footage.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{
    cell::{Cell, RefCell},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use nix::{
    sys::{
        resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit},
        signal::{Signal, kill},
    },
    unistd::Pid,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
};

const FOOTAGE: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
const USAGE: &str = "--clients, --cameras, --fps and --seconds each take a number";

struct Options {
    clients: usize,
    cameras: usize,
    fps: usize,
    seconds: u64,
}

fn options() -> Option<Options> {
    let mut options = Options { clients: 500, cameras: 6, fps: 4, seconds: 30 };
    let mut is_bench = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--bench" {
            is_bench = true;
            continue;
        }
        let value: u64 = arguments.next().and_then(|text| text.parse().ok()).expect(USAGE);
        let number = usize::try_from(value).expect(USAGE);
        match name.as_str() {
            "--clients" => options.clients = number,
            "--cameras" => options.cameras = number,
            "--fps" => options.fps = number,
            "--seconds" => options.seconds = value,
            _ => panic!("{USAGE}"),
        }
    }
    is_bench.then_some(options)
}

/// A service in a temporary folder.
struct Service {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Service {
    fn start(options: &Options) -> Self {
        let folder = tempfile::TempDir::with_prefix("becamera-bench-").unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_becamera"))
            .arg("serve")
            .current_dir(folder.path())
            .env("DATABASE_URL", "sqlite:becamera.sqlite3")
            .env("RUST_LOG", "info")
            .env("BECAMERA_SERVER_BIND", "127.0.0.1:0")
            .env("BECAMERA_STREAM_MEDIA_ROOTS", folder.path())
            .env("BECAMERA_WORKERS_COUNT", options.cameras.to_string())
            .env("BECAMERA_DETECT_FPS", options.fps.to_string())
            .env("BECAMERA_EVENTS_MAX_CLIENTS", options.clients.to_string())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = log.find(|line| line.contains("listening on http://")).expect("it listens");
        let address = line.split("http://").nth(1).unwrap().trim().to_owned();
        // The service must not wait for a reader of its log.
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address, folder }
    }

    fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap()
    }

    fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics");
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
    }

    fn start_cameras(&self, cameras: usize) {
        let clip = self.folder.path().join("camera.mp4");
        make_clip(&clip);
        let url = format!("file://{}", clip.display());
        for camera in 1..=cameras {
            let body = json!({"stream_url": url, "source": {"loop": true}}).to_string();
            let path = format!("http://{}/api/v1/cameras/{camera}/start", self.address);
            // With every worker still starting the camera waits, which is answered 503.
            let agent: ureq::Agent =
                ureq::Agent::config_builder().http_status_as_error(false).build().into();
            agent.post(&path).content_type("application/json").send(body).unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.metric("becamera_cameras{state=\"processing\"}") < cameras as f64 {
            assert!(Instant::now() < deadline, "the cameras did not start");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// CPU seconds of the service itself, without its workers.
    fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks = fields.split(' ').skip(11).take(2).map(|text| text.parse::<f64>().unwrap());
        // USER_HZ is 100 on every Linux.
        ticks.sum::<f64>() / 100.0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

fn make_clip(path: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-i", FOOTAGE, "-an", "-c:v", "libx264"])
        .args(["-preset", "veryfast", "-pix_fmt", "yuv420p"])
        .arg(path)
        .status();
    assert!(status.expect("ffmpeg is needed").success());
}

/// What the clients share with the measurement.
#[derive(Default)]
struct Shared {
    connected: Cell<usize>,
    measuring: Cell<bool>,
    /// Microseconds of every count, by client.
    latencies: RefCell<Vec<Vec<u32>>>,
}

/// Reads one stream for ever.
async fn follow(address: Rc<str>, number: usize, shared: Rc<Shared>) {
    let mut stream = TcpStream::connect(&*address).await.unwrap();
    let head = "GET /api/v1/events?types=count HTTP/1.1\r\nHost: becamera\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = Vec::with_capacity(1 << 16);
    let mut greeted = false;
    loop {
        assert!(stream.read_buf(&mut buffer).await.unwrap() > 0, "a client was dropped");
        let now = Utc::now();
        if !std::mem::replace(&mut greeted, true) {
            shared.connected.set(shared.connected.get() + 1);
        }
        let whole = whole_frames(&buffer);
        let mut is_count = false;
        for line in buffer[..whole].split(|byte| *byte == b'\n') {
            if let Some(name) = line.strip_prefix(b"event: ") {
                is_count = name == b"count";
            } else if is_count && line.starts_with(b"data: ") && shared.measuring.get() {
                let micros = (now - time_of(line)).num_microseconds().unwrap();
                let micros = u32::try_from(micros.max(0)).unwrap_or(u32::MAX);
                shared.latencies.borrow_mut()[number].push(micros);
            }
        }
        buffer.drain(..whole);
    }
}

/// Length of the frames that are there as a whole.
fn whole_frames(bytes: &[u8]) -> usize {
    bytes.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2)
}

fn time_of(line: &[u8]) -> DateTime<Utc> {
    let text = std::str::from_utf8(line).unwrap();
    let at = text.split_once("\"at\":\"").unwrap().1;
    at[..24].parse().unwrap()
}

fn main() {
    let Some(options) = options() else { return };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536), hard).unwrap();
    let service = Service::start(&options);
    service.start_cameras(options.cameras);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, measure(&options, &service));
}

async fn measure(options: &Options, service: &Service) {
    let address: Rc<str> = service.address.as_str().into();
    let shared = Rc::new(Shared::default());
    shared.latencies.borrow_mut().resize(options.clients, Vec::new());
    let begin = Instant::now();
    for number in 0..options.clients {
        tokio::task::spawn_local(follow(address.clone(), number, shared.clone()));
    }
    while shared.connected.get() < options.clients {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("{} clients connected in {:.2} s", options.clients, begin.elapsed().as_secs_f32());
    // Past the rush.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = (service.metric("becamera_events_published_total"), service.cpu_seconds());
    // What came meanwhile was kept waiting by the questions.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (own, begin) = (own_cpu_seconds(), Instant::now());
    shared.measuring.set(true);
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    shared.measuring.set(false);
    let (own, elapsed) = (own_cpu_seconds() - own, begin.elapsed().as_secs_f64());
    let events = service.metric("becamera_events_published_total") - before.0;
    let cpu = service.cpu_seconds() - before.1;
    let dropped = service.metric("becamera_sse_clients_dropped_total");
    let by_client = shared.latencies.take();
    let fewest = by_client.iter().map(Vec::len).min().unwrap_or(0);
    let mut latencies = by_client.concat();
    assert!(!latencies.is_empty(), "nothing was counted");
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = (share * latencies.len() as f64) as usize;
        f64::from(latencies[index.min(latencies.len() - 1)]) / 1000.0
    };
    println!(
        "{} cameras at {} fps, {:.0} events/s to {} clients for {elapsed:.0} s: {:.0} deliveries/s",
        options.cameras,
        options.fps,
        events / elapsed,
        options.clients,
        latencies.len() as f64 / elapsed,
    );
    println!(
        "latency: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, most {:.1} ms; fewest of a client {fewest}, {dropped:.0} clients dropped",
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0),
    );
    println!(
        "CPU: service without workers {:.0} %, clients {:.0} % of a core",
        100.0 * cpu / elapsed,
        100.0 * own / elapsed
    );
}

fn own_cpu_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}
