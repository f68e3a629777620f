//! Settings of each concern, as validated plain data. `src/config` reads them from file,
//! environment and flags; nobody else does.

mod detector;
mod pictures;
mod storage;
mod stream;
mod tls;
mod workers;

use std::{net::IpAddr, time::Duration};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

pub use detector::{Backend, DetectorSettings};
pub use pictures::{Blur, PictureSettings};
pub use storage::StorageSettings;
pub use stream::StreamSettings;
pub use tls::{Fingerprint, KnownCertificate, TlsSettings};
pub use workers::{Isolation, WorkerSettings};

use crate::{DetectSettings, InvalidField, StreamUrlPolicy};

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
    /// `[pictures]`
    pub pictures: PictureSettings,
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
        self.pictures.validate()?;
        if self.workers.hang_timeout <= self.stream.read_timeout {
            return Err(InvalidField::new(
                "workers.hang_timeout",
                "must be longer than stream.read_timeout",
            ));
        }
        Ok(())
    }

    /// The policy for stream URLs.
    pub fn url_policy(&self) -> StreamUrlPolicy {
        StreamUrlPolicy { own_address: Some(self.server.bind), ..self.stream.url_policy() }
    }

    /// What a worker needs of it.
    pub fn for_worker(&self) -> WorkerConfig {
        WorkerConfig {
            stream: self.stream.clone(),
            own_address: Some(self.server.bind),
            detector: self.detector.clone(),
            pictures: self.pictures,
        }
    }
}

/// What the service tells a worker process of its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerConfig {
    /// How streams are opened and read.
    pub stream: StreamSettings,
    /// Where the service listens: no camera is there.
    #[serde(default)]
    pub own_address: Option<std::net::SocketAddr>,
    /// How people are detected.
    pub detector: DetectorSettings,
    /// How pictures are made.
    pub pictures: PictureSettings,
}

/// `[server]`: the REST interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Address and port to listen on. There is no authentication: leave it on a private address or
    /// put a reverse proxy in front of it.
    pub bind: std::net::SocketAddr,
    /// Longest request body, in bytes.
    pub body_limit: usize,
    /// The header in which a reverse proxy names the authenticated user, for the audit trail. The
    /// proxy must replace what the client sends. Not set: callers are told apart by address only.
    /// Example: `"X-Forwarded-User"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_header: Option<String>,
    /// Networks of the proxies whose `server.user_header` is trusted. Default: this machine.
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

/// `[cache]`: where the newest counts are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSettings {
    /// A Redis server. May hold a password. Not set: in the service's own memory. Example:
    /// `"redis://127.0.0.1:6379/0"`.
    pub redis_url: Option<String>,
}

/// `[events]`: the live stream of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// Newest events kept in memory, for clients that reconnect: at most 1000000.
    pub buffer: usize,
    /// Most clients at once: 1 to 100000. Each takes two open files.
    pub max_clients: usize,
    /// How often a sign of life is sent to each client: at least 100 ms.
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
        settings.stream.decoder_threads = Some(0);
        assert_eq!(settings.validate().unwrap_err().field, "stream.decoder_threads");
        let mut settings = Settings::default();
        settings.pictures.max_fps = f32::NAN;
        assert_eq!(settings.validate().unwrap_err().field, "pictures.max_fps");
        let mut settings = Settings::default();
        settings.detector.model = Some("/none.onnx".into());
        assert_eq!(settings.validate().unwrap_err().field, "detector.model");
        let mut settings = Settings::default();
        settings.detector.onnxruntime_library = Some("/none.so".into());
        assert_eq!(settings.validate().unwrap_err().field, "detector.onnxruntime_library");
    }
}
