//! The history over HTTP, on both databases: how long a month by the hour of 16 cameras takes, and
//! whether a year of minutes leaves as CSV without growing the service.
//!
//! `cargo bench --bench history`; the target is a 95th percentile below 50 ms.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench ends with the first surprise and prints what it finds"
)]

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use becamera::db::DieselStore;
use becamera_actors::ports::WriteStore;
use becamera_domain::{
    CameraId, RollupLevel, RunId, Sample, WorkerId, Write, settings::StorageSettings,
};
use chrono::{DateTime, TimeDelta, Utc};

#[path = "../tests/integration/support/fixtures.rs"]
mod fixtures;
#[path = "../tests/integration/support/postgres.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod postgres;

const CAMERAS: i64 = 16;
const REQUESTS: usize = 200;
const YEAR: TimeDelta = TimeDelta::days(365);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let server = postgres::Postgres::start();
    let databases = [
        ("sqlite", format!("sqlite:{}/bench.sqlite3", folder.path().display())),
        ("postgresql", server.database("bench")),
    ];
    for (name, url) in databases {
        let now = RollupLevel::Hour.start_of(Utc::now());
        fill(&url, now);
        let service = Service::start(&url, folder.path());
        // First, while the heap is small: what answers before it have freed would hide growth.
        year_of_minutes(name, &service, now);
        month_by_the_hour(name, &service, now);
    }
}

/// A year of minutes of the first camera, and of quarters of an hour of the others: there are as
/// many hours and quarters of all.
fn fill(url: &str, now: DateTime<Utc>) {
    let settings = StorageSettings { database_url: url.into(), ..StorageSettings::default() };
    let store = DieselStore::connect(&settings).unwrap();
    for id in 1..=CAMERAS {
        store.write(&[Write::SaveCamera(Box::new(fixtures::camera(id)))]).unwrap();
        let step = TimeDelta::minutes(if id == 1 { 1 } else { 15 });
        let mut samples = (0..).map(|n| (n, now - YEAR + step * n)).take_while(|(_, at)| *at < now);
        loop {
            let batch: Vec<_> =
                samples.by_ref().take(2_000).map(|(n, at)| sample(id, n, at, step)).collect();
            if batch.is_empty() {
                break;
            }
            store.write(&batch).unwrap();
        }
    }
}

fn month_by_the_hour(name: &str, service: &Service, now: DateTime<Utc>) {
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let month = format!("from={}&to={}", time(now - TimeDelta::days(30)), time(now));
    for (what, query) in [
        ("UTC", format!("{month}&resolution=hour")),
        ("Asia/Kolkata", format!("{month}&resolution=hour&tz=Asia/Kolkata")),
        ("UTC, to now", "resolution=hour".into()),
        ("UTC, total", format!("{month}&resolution=hour&group=total")),
        ("Europe/Berlin, days", format!("{month}&resolution=day&tz=Europe/Berlin")),
    ] {
        let mut bytes = 0;
        let mut times: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let begin = Instant::now();
                bytes = service.get(&format!("/api/v1/counts?{query}")).len();
                begin.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[(share * (times.len() - 1) as f64) as usize];
        println!(
            "{name}, 30 days of {CAMERAS} cameras, {what}: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, \
             {} kB",
            at(0.5),
            at(0.95),
            at(0.99),
            bytes / 1000
        );
    }
}

fn year_of_minutes(name: &str, service: &Service, now: DateTime<Utc>) {
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let span = format!("from={}&to={}", time(now - YEAR), time(now));
    let before = service.resident();
    let begin = Instant::now();
    let path = format!("/api/v1/cameras/1/counts?{span}&resolution=minute&format=csv");
    let mut body = service.open(&path);
    let (mut rows, mut bytes, mut most) = (0, 0, before);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = body.read(&mut buffer).unwrap();
        if read == 0 {
            break;
        }
        bytes += read;
        rows += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
        most = most.max(service.resident());
    }
    assert_eq!(rows as i64, 1 + YEAR.num_minutes());
    println!(
        "{name}, a year of minutes as CSV: {rows} rows, {:.0} MB in {:.1} s; resident {:.1} MB \
         before, {:.1} MB at most",
        bytes as f64 / 1e6,
        begin.elapsed().as_secs_f64(),
        before as f64 / 1e6,
        most as f64 / 1e6
    );
}

/// The service on a free port; gone when dropped.
struct Service {
    child: Child,
    agent: ureq::Agent,
    base: String,
}

impl Service {
    fn start(url: &str, folder: &Path) -> Self {
        let log = folder.join("log");
        let output = File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_becamera"))
            .arg("serve")
            .current_dir(folder)
            .env("DATABASE_URL", url)
            .env("BECAMERA_SERVER_BIND", "127.0.0.1:0")
            .env("BECAMERA_WORKERS_COUNT", "1")
            .env("BECAMERA_STORAGE_RETENTION_SAMPLES", "forever")
            .env("RUST_LOG", "info")
            .stderr(output)
            .spawn()
            .unwrap();
        let begin = Instant::now();
        let base = loop {
            let text = fs::read_to_string(&log).unwrap();
            let address = text.split("listening on ").nth(1);
            if let Some(address) = address.and_then(|rest| rest.split_whitespace().next()) {
                break address.to_owned();
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "{text}");
            thread::sleep(Duration::from_millis(20));
        };
        Self { child, agent: ureq::Agent::new_with_defaults(), base }
    }

    fn open(&self, path: &str) -> impl Read + use<> {
        let answer = self.agent.get(format!("{}{path}", self.base)).call().unwrap();
        answer.into_body().into_reader()
    }

    fn get(&self, path: &str) -> Vec<u8> {
        let mut body = Vec::new();
        self.open(path).read_to_end(&mut body).unwrap();
        body
    }

    /// Resident bytes of its own process.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }
}

fn sample(camera: i64, number: i32, at: DateTime<Utc>, step: TimeDelta) -> Write {
    let frames = u32::try_from(step.num_seconds()).unwrap() * 10;
    let people = number as u32 % 17;
    Write::Sample(Sample {
        camera_id: CameraId::try_from(camera).unwrap(),
        run: RunId(1),
        seq: number as u32,
        bucket_start: at,
        frames,
        people_last: people,
        people_min: people / 2,
        people_max: people + 1,
        people_sum: people * frames + number as u32 % 5,
        covered_ms: u32::try_from(step.num_milliseconds()).unwrap() - 40,
        inference_ms_mean: 9.1,
        worker_id: WorkerId::from_index(0),
        scene: Default::default(),
    })
}
