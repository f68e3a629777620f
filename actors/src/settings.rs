//! Settings of each concern, as validated plain data. `src/config` reads them from file,
//! environment and flags; nobody else does.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use ipnet::{IpNet, Ipv4Net};

use serde::{Deserialize, Serialize};

use crate::domain::{DetectSettings, InvalidField, Retention, SecretKeys, StreamUrlPolicy};

/// All settings of the service, by section of the configuration file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `[server]`
    pub server: ServerSettings,
    /// `[workers]`
    pub workers: WorkerSettings,
    /// `[stream]`
    pub stream: StreamSettings,
    /// `[detect]`
    pub detect: DetectSettings,
    /// `[detector]`
    pub detector: DetectorSettings,
    /// `[storage]`
    pub storage: StorageSettings,
    /// `[cache]`
    pub cache: CacheSettings,
    /// `[events]`
    pub events: EventSettings,
}

impl Settings {
    /// Checks every value; the error names the setting as `section.key`.
    pub fn validate(&self) -> Result<(), InvalidField> {
        self.server.validate()?;
        self.workers.validate()?;
        self.stream.validate()?;
        self.detect.validate()?;
        self.detector.validate()?;
        self.storage.validate()?;
        self.events.validate()?;
        if self.workers.hang_timeout <= self.stream.read_timeout {
            return Err(InvalidField::new(
                "workers.hang_timeout",
                "must be longer than stream.read_timeout",
            ));
        }
        Ok(())
    }

    /// What a worker needs of it.
    pub fn for_worker(&self) -> WorkerConfig {
        WorkerConfig { stream: self.stream.clone(), detector: self.detector.clone() }
    }
}

/// What the service tells a worker process of its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerConfig {
    /// How streams are opened and read.
    pub stream: StreamSettings,
    /// How people are detected.
    pub detector: DetectorSettings,
}

/// `[server]`: the REST interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Address and port to listen on.
    pub bind: std::net::SocketAddr,
    /// Longest request body in bytes.
    pub body_limit: usize,
    /// The header in which a proxy says who calls, for the audit trail; absent: nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_header: Option<String>,
    /// Networks of the proxies whose `user_header` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            bind: ([127, 0, 0, 1], 3002).into(),
            body_limit: 64 * 1024,
            user_header: None,
            trusted_proxies: local(),
        }
    }
}

impl ServerSettings {
    fn validate(&self) -> Result<(), InvalidField> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let is_name = |name: &String| !name.is_empty() && name.chars().all(is_token);
        if !self.user_header.as_ref().is_none_or(is_name) {
            let reason = "must be the name of a header, such as X-Forwarded-User";
            return Err(InvalidField::new("server.user_header", reason));
        }
        Ok(())
    }
}

/// This machine.
fn local() -> Vec<IpNet> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    // A prefix of 8 bits fits an IPv4 address.
    let v4 = Ipv4Net::new(Ipv4Addr::new(127, 0, 0, 0), 8).ok().map(IpNet::V4);
    v4.into_iter().chain([IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST))]).collect()
}

/// `[workers]`: the pool and how it restarts what fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSettings {
    /// Workers in the pool, 1 to 64.
    pub count: usize,
    /// Where a worker's native code runs.
    pub isolation: Isolation,
    /// A worker whose frame loop is silent for so long is killed and replaced.
    #[serde(with = "humantime_serde")]
    pub hang_timeout: Duration,
    /// How long a worker process may take to start and load its model.
    #[serde(with = "humantime_serde")]
    pub start_timeout: Duration,
    /// Wait before a failed worker's first restart; doubles with every further failure.
    #[serde(with = "humantime_serde")]
    pub restart_backoff: Duration,
    /// Longest wait before a restart.
    #[serde(with = "humantime_serde")]
    pub restart_backoff_max: Duration,
    /// The wait starts from the first again after so long without a failure.
    #[serde(with = "humantime_serde")]
    pub healthy_after: Duration,
    /// More failures than this within `crash_window` quarantine the worker.
    pub max_crashes: usize,
    /// The window of `max_crashes`.
    #[serde(with = "humantime_serde")]
    pub crash_window: Duration,
    /// How long a quarantine lasts.
    #[serde(with = "humantime_serde")]
    pub quarantine: Duration,
    /// Wait before a camera that could not be read is tried again; doubles up to the maximum.
    #[serde(with = "humantime_serde")]
    pub camera_backoff: Duration,
    /// Longest wait before a camera is tried again.
    #[serde(with = "humantime_serde")]
    pub camera_backoff_max: Duration,
    /// How far apart the cameras that were running when the service stopped open their streams;
    /// 0 is all at once.
    #[serde(with = "humantime_serde")]
    pub resume_interval: Duration,
    /// Most cameras that can be registered.
    pub max_cameras: usize,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            count: 4,
            isolation: Isolation::Process,
            hang_timeout: Duration::from_secs(15),
            start_timeout: Duration::from_secs(20),
            restart_backoff: Duration::from_millis(200),
            restart_backoff_max: Duration::from_secs(30),
            healthy_after: Duration::from_secs(60),
            max_crashes: 5,
            crash_window: Duration::from_secs(60),
            quarantine: Duration::from_secs(300),
            camera_backoff: Duration::from_secs(1),
            camera_backoff_max: Duration::from_secs(60),
            resume_interval: Duration::from_millis(250),
            max_cameras: 1000,
        }
    }
}

impl WorkerSettings {
    fn validate(&self) -> Result<(), InvalidField> {
        if !(1..=64).contains(&self.count) {
            return Err(InvalidField::new("workers.count", "must be from 1 to 64"));
        }
        at_least("workers.hang_timeout", self.hang_timeout, 1_000)?;
        at_least("workers.start_timeout", self.start_timeout, 1_000)?;
        at_least("workers.restart_backoff", self.restart_backoff, 1)?;
        at_least("workers.camera_backoff", self.camera_backoff, 1)?;
        if self.restart_backoff_max < self.restart_backoff {
            let reason = "must not be shorter than workers.restart_backoff";
            return Err(InvalidField::new("workers.restart_backoff_max", reason));
        }
        if self.camera_backoff_max < self.camera_backoff {
            let reason = "must not be shorter than workers.camera_backoff";
            return Err(InvalidField::new("workers.camera_backoff_max", reason));
        }
        if self.resume_interval > Duration::from_secs(60) {
            return Err(InvalidField::new("workers.resume_interval", "must be at most 60 s"));
        }
        if self.max_crashes == 0 {
            return Err(InvalidField::new("workers.max_crashes", "must be at least 1"));
        }
        if !(1..=100_000).contains(&self.max_cameras) {
            return Err(InvalidField::new("workers.max_cameras", "must be from 1 to 100000"));
        }
        Ok(())
    }
}

/// Where a worker's native code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// In a child process that can be killed: the only choice for production.
    Process,
    /// In the worker's thread, for debugging: a native crash ends the service.
    Thread,
}

/// `[stream]`: which streams are opened, and how long that may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamSettings {
    /// Folders whose regular files may be read as recordings.
    pub media_roots: Vec<PathBuf>,
    /// Hosts (names, addresses, CIDR networks) that may be asked; empty: all.
    pub allowed_hosts: Vec<String>,
    /// How long asking a camera what it has may take.
    #[serde(with = "humantime_serde")]
    pub probe_timeout: Duration,
    /// How long opening a stream may take, up to its first frame.
    #[serde(with = "humantime_serde")]
    pub open_timeout: Duration,
    /// How long a frame may be awaited before the stream counts as stalled.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            media_roots: Vec::new(),
            allowed_hosts: Vec::new(),
            probe_timeout: Duration::from_secs(4),
            open_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(5),
        }
    }
}

impl StreamSettings {
    /// The policy for stream URLs.
    pub fn url_policy(&self) -> StreamUrlPolicy {
        StreamUrlPolicy {
            media_roots: self.media_roots.clone(),
            allowed_hosts: self.allowed_hosts.clone(),
        }
    }

    fn validate(&self) -> Result<(), InvalidField> {
        at_least("stream.probe_timeout", self.probe_timeout, 100)?;
        at_least("stream.open_timeout", self.open_timeout, 1_000)?;
        at_least("stream.read_timeout", self.read_timeout, 500)?;
        if let Some(root) = self.media_roots.iter().find(|root| !root.is_absolute()) {
            let reason = format!("{} must be an absolute path", root.display());
            return Err(InvalidField::new("stream.media_roots", reason));
        }
        Ok(())
    }
}

/// `[detector]`: the network that finds people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorSettings {
    /// Which inference library runs it.
    pub backend: Backend,
    /// ONNX Runtime's shared library; absent: `ORT_DYLIB_PATH`, then the usual places.
    pub onnxruntime_library: Option<PathBuf>,
    /// A model file of the user's own (ONNX, Caffe or TensorFlow); absent: the embedded model.
    pub model: Option<PathBuf>,
    /// Its network description, for formats that have one (Caffe prototxt, TensorFlow pbtxt).
    pub config: Option<PathBuf>,
    /// Its labels, one a line, the first that of class 0; absent: COCO's.
    pub labels: Option<PathBuf>,
    /// Inference threads of each worker.
    pub threads: usize,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            onnxruntime_library: None,
            model: None,
            config: None,
            labels: None,
            threads: 1,
        }
    }
}

impl DetectorSettings {
    fn validate(&self) -> Result<(), InvalidField> {
        if !(1..=64).contains(&self.threads) {
            return Err(InvalidField::new("detector.threads", "must be from 1 to 64"));
        }
        let files = [
            ("detector.onnxruntime_library", &self.onnxruntime_library),
            ("detector.model", &self.model),
            ("detector.config", &self.config),
            ("detector.labels", &self.labels),
        ];
        for (field, path) in files {
            if let Some(path) = path.as_ref().filter(|path| !path.is_file()) {
                let reason = format!("{} is not a file", path.display());
                return Err(InvalidField::new(field, reason));
            }
        }
        if self.config.is_some() && self.model.is_none() {
            return Err(InvalidField::new("detector.config", "needs detector.model"));
        }
        Ok(())
    }
}

/// Inference libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The fastest that is there and works.
    Auto,
    /// OpenCV's DNN module: always there.
    OpenCv,
    /// ONNX Runtime, from a shared library that is loaded at run time.
    OnnxRuntime,
}

/// `[storage]`: where counts and cameras are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSettings {
    /// `sqlite:PATH`, or later `postgres://…`. The scheme chooses the database.
    pub database_url: String,
    /// Connections kept open.
    pub pool_size: u32,
    /// Samples are written at least this often.
    #[serde(with = "humantime_serde")]
    pub flush_interval: Duration,
    /// Samples kept in memory where neither the database nor the spool takes them; beyond it the
    /// oldest are thinned out.
    pub buffer_samples: usize,
    /// The file that keeps what is to be written while the database is away.
    pub spool_path: PathBuf,
    /// How large it may grow; beyond it the oldest samples are thinned out.
    pub spool_max_bytes: u64,
    /// What stored credentials are sealed with: one key or several; absent: stored in plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<SecretKeys>,
    /// How long what is stored is kept.
    pub retention: Retention,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            database_url: "sqlite:becamera.sqlite3".into(),
            pool_size: 4,
            flush_interval: Duration::from_secs(1),
            buffer_samples: 100_000,
            spool_path: "becamera-spool.sqlite3".into(),
            spool_max_bytes: 256 << 20,
            secret_key: None,
            retention: Retention::default(),
        }
    }
}

impl StorageSettings {
    fn validate(&self) -> Result<(), InvalidField> {
        if !(1..=64).contains(&self.pool_size) {
            return Err(InvalidField::new("storage.pool_size", "must be from 1 to 64"));
        }
        at_least("storage.flush_interval", self.flush_interval, 10)?;
        if self.buffer_samples == 0 {
            return Err(InvalidField::new("storage.buffer_samples", "must be at least 1"));
        }
        // What is spooled at once must fit.
        if self.spool_max_bytes < 16 << 20 {
            return Err(InvalidField::new("storage.spool_max_bytes", "must be at least 16777216"));
        }
        self.retention.validate()
    }
}

/// `[cache]`: where the newest counts are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSettings {
    /// `redis://…`; absent: in the service's memory.
    pub redis_url: Option<String>,
}

/// `[events]`: the live stream of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// Newest events kept in memory, for clients that lost their connection.
    pub buffer: usize,
    /// Most clients at once.
    pub max_clients: usize,
    /// A sign of life is sent this often.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { buffer: 4096, max_clients: 1000, heartbeat: Duration::from_secs(15) }
    }
}

impl EventSettings {
    fn validate(&self) -> Result<(), InvalidField> {
        if self.buffer > 1_000_000 {
            return Err(InvalidField::new("events.buffer", "must be at most 1000000"));
        }
        if !(1..=100_000).contains(&self.max_clients) {
            return Err(InvalidField::new("events.max_clients", "must be from 1 to 100000"));
        }
        at_least("events.heartbeat", self.heartbeat, 100)
    }
}

fn at_least(field: &'static str, value: Duration, milliseconds: u64) -> Result<(), InvalidField> {
    if value < Duration::from_millis(milliseconds) {
        return Err(InvalidField::new(field, format!("must be at least {milliseconds} ms")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        Settings::default().validate().unwrap();
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let mut settings = Settings::default();
        settings.workers.count = 65;
        assert_eq!(settings.validate().unwrap_err().field, "workers.count");
        let mut settings = Settings::default();
        settings.workers.hang_timeout = Duration::from_secs(5);
        assert_eq!(settings.validate().unwrap_err().field, "workers.hang_timeout");
        let mut settings = Settings::default();
        settings.detector.model = Some("/none.onnx".into());
        assert_eq!(settings.validate().unwrap_err().field, "detector.model");
        let mut settings = Settings::default();
        settings.detector.onnxruntime_library = Some("/none.so".into());
        assert_eq!(settings.validate().unwrap_err().field, "detector.onnxruntime_library");
    }
}
