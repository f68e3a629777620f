//! The real binary, started as an operator would, and everything it says.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use becamera_domain::CameraId;
use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    Machine, SOON, clips,
    http::{Answer, Client},
    millis,
    procfs::Process,
    secs, wait_for, wait_until,
};

/// How a service is to be started. Its defaults are quick restarts and few frames a second, so
/// that many tests fit on a small machine.
pub struct Builder {
    environment: BTreeMap<String, String>,
    machine: Machine,
    folder: Arc<TempDir>,
}

/// A running service. When it is dropped it must stop by itself, cleanly, and leave nothing
/// behind: every test asserts that, whatever else it is about.
pub struct Service {
    child: Option<Child>,
    process: Process,
    log: Log,
    readers: Vec<JoinHandle<()>>,
    pub http: Client,
    pub address: SocketAddr,
    builder: Builder,
    /// Must never be seen in a log or an answer.
    secrets: Vec<String>,
}

type Log = Arc<Mutex<Vec<String>>>;

impl Builder {
    /// Sets an environment variable of the service.
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.insert(name.into(), value.to_string());
        self
    }

    /// Sets `BECAMERA_<name>`.
    pub fn set(self, name: &str, value: impl ToString) -> Self {
        self.env(&format!("BECAMERA_{name}"), value)
    }

    /// Another one for the same data.
    pub fn clone_settings(&self) -> Self {
        let (environment, folder) = (self.environment.clone(), self.folder.clone());
        Self { environment, machine: Machine::None, folder }
    }

    /// Takes back [`Self::env`].
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Keeps all other tests off the machine until the service is dropped.
    pub fn alone(mut self) -> Self {
        // The share must be given back first, or it would wait for itself.
        drop(std::mem::replace(&mut self.machine, Machine::None));
        self.machine = Machine::whole();
        self
    }

    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(self) -> Service {
        let mut service = self.spawn();
        let begin = Instant::now();
        while begin.elapsed() < SOON {
            let answer = service.http.try_send("GET", "/readyz", None);
            if answer.is_ok_and(|answer| answer.status == 200) {
                return service;
            }
            if let Some(status) = service.exited() {
                panic!("the service left with {status}:\n{}", service.log_text());
            }
            thread::sleep(millis(10));
        }
        panic!("the service was not ready within {SOON:?}:\n{}", service.log_text());
    }

    /// Starts it and waits until it listens.
    #[track_caller]
    pub fn spawn(self) -> Service {
        let mut command = self.command("serve");
        let mut child = command.spawn().unwrap();
        let log = Log::default();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stderr.take().unwrap()), Box::new(child.stdout.take().unwrap())];
        let readers = outputs.map(|output| {
            let log = log.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                    log.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
                }
            })
        });
        let process = Process::of(child.id()).unwrap();
        let (address, _) = wait_for("the service listens", SOON, || {
            let log = log.lock().unwrap();
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the service left with {status}:\n{}", log.join("\n"));
            }
            let line = log.iter().find_map(|line| line.split("listening on http://").nth(1))?;
            line.split_whitespace().next()?.parse().ok()
        });
        Service {
            child: Some(child),
            process,
            log,
            readers: readers.into(),
            http: Client::new(address),
            address,
            builder: self,
            secrets: Vec::new(),
        }
    }

    /// The binary with the environment of the service and nothing else of ours.
    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_becamera"));
        command.arg(subcommand).current_dir(self.folder.path()).env_clear();
        for name in ["PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&self.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Service {
    /// A service with embedded defaults and two workers, not started yet.
    pub fn with() -> Builder {
        let folder = TempDir::with_prefix("becamera-test-").unwrap();
        let database = format!("sqlite:{}", folder.path().join("becamera.sqlite3").display());
        let environment = BTreeMap::new();
        let builder = Builder { environment, machine: Machine::shared(), folder: folder.into() };
        builder
            .env("DATABASE_URL", database)
            .env("RUST_LOG", "info")
            .set("SERVER_BIND", "127.0.0.1:0")
            .set("WORKERS_COUNT", 2)
            .set("WORKERS_RESTART_BACKOFF", "50ms")
            .set("WORKERS_CAMERA_BACKOFF", "200ms")
            .set("STREAM_MEDIA_ROOTS", clips::folder().display())
            .set("DETECT_FPS", 4)
            .set("STORAGE_FLUSH_INTERVAL", "200ms")
    }

    /// Two workers, ready.
    #[track_caller]
    pub fn start() -> Self {
        Self::with().start()
    }

    /// Stops it cleanly and starts it again on the same data.
    #[track_caller]
    pub fn restart(mut self) -> Self {
        self.finish();
        self.take_builder().start()
    }

    /// Starts it again on the same data after it has ended.
    #[track_caller]
    pub fn start_again(mut self) -> Self {
        assert!(self.exited().is_some(), "it still runs");
        self.take_builder().start()
    }

    /// Stops it cleanly; gives what starts it again on the same data.
    #[track_caller]
    pub fn stop(mut self) -> Builder {
        self.finish();
        self.take_builder()
    }

    fn take_builder(&mut self) -> Builder {
        Builder {
            environment: std::mem::take(&mut self.builder.environment),
            machine: std::mem::replace(&mut self.builder.machine, Machine::None),
            folder: self.builder.folder.clone(),
        }
    }

    /// Where its data is.
    pub fn folder(&self) -> &Path {
        self.builder.folder.path()
    }

    /// Its SQLite file.
    pub fn database(&self) -> PathBuf {
        self.folder().join("becamera.sqlite3")
    }

    /// Its own process.
    pub fn process(&self) -> Process {
        self.process
    }

    /// A text that must never be seen in its log; checked when the service is dropped, together
    /// with its metrics and every answer about cameras, workers and the queue.
    pub fn keep_secret(&mut self, secret: &str) {
        self.secrets.push(secret.into());
    }

    // ---- cameras

    /// `POST /cameras/{id}/start` with this stream.
    pub fn start_camera(&self, id: u32, stream_url: &str) -> Answer {
        let body = json!({"camera_id": id, "stream_url": stream_url});
        self.http.post(&format!("/api/v1/cameras/{id}/start"), &body)
    }

    /// Starts a camera on a recording that is read again and again at its own pace.
    pub fn start_looping(&self, id: u32, clip: &Path) -> Answer {
        let source = json!({"loop": true, "paced": true});
        let body = json!({"stream_url": clips::url(clip), "source": source});
        self.http.post(&format!("/api/v1/cameras/{id}/start"), &body)
    }

    /// `POST /cameras/{id}/stop`.
    pub fn stop_camera(&self, id: u32) -> Answer {
        self.http.post_empty(&format!("/api/v1/cameras/{id}/stop"))
    }

    /// Stops a camera, asserts the answer and that it came within the 2 s that are promised.
    #[track_caller]
    pub fn stop_camera_in_time(&self, id: u32) {
        let begin = Instant::now();
        let data = self.stop_camera(id).ok(200);
        let took = begin.elapsed();
        assert!(took <= secs(2), "stop took {took:?}");
        assert_eq!(data["status"], "stopped");
        assert_eq!(data["message"], "Camera processing stopped");
        assert_eq!(self.camera(id)["state"], "stopped");
    }

    /// `GET /cameras/{id}`.
    #[track_caller]
    pub fn camera(&self, id: u32) -> Value {
        self.http.get(&format!("/api/v1/cameras/{id}")).ok(200)
    }

    /// Waits until a camera has this state; gives the camera.
    #[track_caller]
    pub fn wait_camera(&self, id: u32, state: &str) -> Value {
        let mut seen = Value::Null;
        let begin = Instant::now();
        while begin.elapsed() < SOON {
            seen = self.camera(id);
            if seen["state"] == state {
                return seen;
            }
            thread::sleep(millis(10));
        }
        panic!("camera {id} was not {state} within {SOON:?}: {seen}");
    }

    /// Waits until frames of the camera are counted that were not counted before; gives the
    /// camera and how long it took.
    #[track_caller]
    pub fn wait_new_count(&self, id: u32) -> (Value, Duration) {
        let since = chrono::Utc::now();
        wait_for(&format!("camera {id} is counted anew"), SOON, || {
            let camera = self.camera(id);
            let at = camera["last_frame_at"].as_str()?.parse::<chrono::DateTime<chrono::Utc>>();
            (camera["state"] == "processing" && at.ok()? > since).then_some(camera)
        })
    }

    /// Waits until a camera has failed with this code; gives the camera.
    #[track_caller]
    pub fn wait_error(&self, id: u32, code: &str) -> Value {
        let mut seen = Value::Null;
        let begin = Instant::now();
        while begin.elapsed() < SOON {
            seen = self.camera(id);
            if seen["last_error"]["code"] == code {
                return seen;
            }
            thread::sleep(millis(10));
        }
        panic!("camera {id} did not fail with {code} within {SOON:?}: {seen}");
    }

    /// When each camera's newest frame was read.
    #[track_caller]
    pub fn last_frames(&self, ids: &[u32]) -> BTreeMap<CameraId, DateTime<Utc>> {
        let last_frame = |id: &u32| {
            let at = self.camera(*id)["last_frame_at"].as_str()?.parse().ok()?;
            Some((CameraId::try_from(i64::from(*id)).unwrap(), at))
        };
        ids.iter().filter_map(last_frame).collect()
    }

    /// Stops cameras; gives the frames that all workers have analysed since the service started.
    #[track_caller]
    pub fn analysed_when_stopped(&self, ids: &[u32]) -> u64 {
        for id in ids {
            self.stop_camera(*id).ok(200);
        }
        self.workers().iter().filter_map(|worker| worker["processed_frames"].as_u64()).sum()
    }

    // ---- workers

    /// `GET /workers`.
    #[track_caller]
    pub fn pool(&self) -> Value {
        self.http.get("/api/v1/workers").ok(200)
    }

    /// Every worker.
    #[track_caller]
    pub fn workers(&self) -> Vec<Value> {
        self.pool()["workers"].as_array().unwrap().clone()
    }

    /// One worker by its name.
    #[track_caller]
    pub fn worker(&self, id: &str) -> Value {
        self.http.get(&format!("/api/v1/workers/{id}")).ok(200)
    }

    /// The worker that has this camera.
    #[track_caller]
    pub fn worker_of(&self, camera: u32) -> Option<Value> {
        self.workers().into_iter().find(|worker| task_of(worker) == Some(camera))
    }

    /// The process of the worker that has this camera.
    #[track_caller]
    pub fn process_of(&self, camera: u32) -> Process {
        let what = format!("a worker's process has camera {camera}");
        wait_for(&what, SOON, || process(&self.worker_of(camera)?)).0
    }

    /// Waits until every worker is idle.
    #[track_caller]
    pub fn wait_all_idle(&self) {
        wait_until("every worker is idle", SOON, || {
            self.workers().iter().all(|worker| worker["status"] == "idle")
        });
    }

    /// Waits until no worker holds a camera, or only to try it again.
    #[track_caller]
    pub fn wait_let_go(&self, camera: u32) {
        wait_until(&format!("no worker counts camera {camera}"), SOON, || {
            self.camera(camera)["state"] != "processing"
        });
    }

    /// Sum of `error_count` over the workers.
    #[track_caller]
    pub fn error_count(&self) -> u64 {
        self.workers().iter().filter_map(|worker| worker["error_count"].as_u64()).sum()
    }

    /// Descriptors and threads of the service and its number of children, once they are stable.
    pub fn resources(&self) -> Resources {
        Resources {
            descriptors: self.process.descriptors(),
            threads: self.process.threads(),
            children: self.process.descendants().len(),
            zombies: self.process.zombies(),
        }
    }

    /// The metrics page.
    pub fn metrics(&self) -> Answer {
        self.http.get("/metrics")
    }

    // ---- log

    /// The log so far.
    pub fn log_text(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Lines of the log so far that hold all of these words.
    pub fn log_lines(&self, words: &[&str]) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let holds = |line: &&String| {
            let line = line.to_lowercase();
            words.iter().all(|word| line.contains(&word.to_lowercase()))
        };
        log.iter().filter(holds).cloned().collect()
    }

    /// Waits for a line of the log that holds all of these words, in any case; gives the first.
    #[track_caller]
    pub fn wait_log(&self, words: &[&str]) -> String {
        let begin = Instant::now();
        while begin.elapsed() < SOON {
            if let Some(line) = self.log_lines(words).into_iter().next() {
                return line;
            }
            thread::sleep(millis(10));
        }
        panic!("no log line with {words:?} within {SOON:?}:\n{}", self.log_text());
    }

    // ---- end

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().unwrap()
    }

    /// Waits until it has ended and its whole log is there.
    #[track_caller]
    pub fn wait_exit(&mut self, deadline: Duration) -> (ExitStatus, Duration) {
        let (status, took) = wait_for("the service has ended", deadline, || self.exited());
        // The pipes are closed once no child has them any more.
        let readers = std::mem::take(&mut self.readers);
        wait_until("the log is closed", deadline, || readers.iter().all(JoinHandle::is_finished));
        (status, took)
    }

    /// SIGTERM, and the promises that go with it: status 0 within 5 s, and no process left.
    #[track_caller]
    pub fn finish(&mut self) -> Duration {
        let family = self.process.descendants();
        self.signal(Signal::SIGTERM);
        let (status, took) = self.wait_exit(secs(10));
        assert!(status.success(), "{status} ({:?}):\n{}", status.signal(), self.log_text());
        assert!(took <= secs(5), "shutdown took {took:?}");
        let left: Vec<_> = family.into_iter().filter(Process::is_alive).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        took
    }

    fn check_secrets(&self) {
        for secret in &self.secrets {
            let mut seen = vec![("log", self.log_text()), ("metrics", self.metrics().text)];
            for path in ["cameras", "workers", "queue", "audit?limit=1000"] {
                seen.push((path, self.http.get(&format!("/api/v1/{path}")).text));
            }
            seen.push(("health", self.http.get("/health").text));
            for process in self.process.descendants() {
                seen.push(("command line", process.command_line()));
            }
            for (place, text) in seen {
                assert!(!text.contains(secret), "the secret {secret:?} is in the {place}:\n{text}");
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        let family = self.process.descendants();
        if !thread::panicking() && matches!(child.try_wait(), Ok(None)) {
            self.check_secrets();
            self.finish();
            for secret in &self.secrets {
                assert!(!self.log_text().contains(secret), "the secret {secret:?} is in the log");
            }
            return;
        }
        self.process.signal(Signal::SIGKILL);
        family.iter().for_each(|process| process.signal(Signal::SIGKILL));
        if let Some(child) = &mut self.child {
            // It was just killed, or has ended before.
            let _ = child.wait();
        }
        if thread::panicking() {
            let log = self.log.lock().map(|log| log.clone()).unwrap_or_default();
            let tail = log.len().saturating_sub(60);
            eprintln!("--- end of the service's log ---\n{}", log[tail..].join("\n"));
        }
    }
}

/// What must not grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    pub descriptors: usize,
    pub threads: u64,
    pub children: usize,
    pub zombies: usize,
}

impl Resources {
    /// Whether nothing was leaked since `before`. HTTP connections come and go: a few descriptors
    /// and no thread more are taken for none.
    pub fn no_more_than(&self, before: &Self) -> bool {
        self.descriptors <= before.descriptors + 3
            && self.threads <= before.threads
            && self.children <= before.children
            && self.zombies == 0
    }
}

/// The camera that a worker has.
pub fn task_of(worker: &Value) -> Option<u32> {
    let task = &worker["current_task"];
    let id = if task.is_object() { &task["camera_id"] } else { task };
    id.as_u64().map(|id| id as u32)
}

/// A worker's process.
pub fn process(worker: &Value) -> Option<Process> {
    Process::of(worker["pid"].as_u64()? as u32)
}
