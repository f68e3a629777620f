//! Streams that are read.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::settings::{TlsSettings, at_least};
use crate::{InvalidField, StreamUrlPolicy};

/// `[stream]`: which streams are opened, and how long that may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamSettings {
    /// Folders whose regular files may be read as recordings (`file:///…` URLs), as absolute paths.
    /// Empty: no files at all.
    pub media_roots: Vec<PathBuf>,
    /// Hosts that may be contacted: names, addresses, or networks such as `10.0.0.0/8`. Empty: all.
    pub allowed_hosts: Vec<String>,
    /// Where this service itself listens, which is no camera: known to it, not set.
    #[serde(skip)]
    pub own_address: Option<SocketAddr>,
    /// Whether a password may be sent readable to a camera that takes it in no other way (Basic
    /// authentication without TLS). To this machine itself it always may.
    pub plain_basic_auth: bool,
    /// How cameras on `rtsps` and `https` prove their identity.
    pub tls: TlsSettings,
    /// How long the probe of a camera may take: at least 100 ms.
    #[serde(with = "humantime_serde")]
    pub probe_timeout: Duration,
    /// How long a camera may take to send anything once it was told to: at least 1 s.
    #[serde(with = "humantime_serde")]
    pub open_timeout: Duration,
    /// How long the first picture of a camera that sends may take: its keyframes may be far apart.
    #[serde(with = "humantime_serde")]
    pub first_frame_timeout: Duration,
    /// How long the next frame may take before the stream counts as stalled: at least 500 ms.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
    /// Threads that decode a stream: 1 to 16. Each beyond the first costs memory and may make
    /// counts a frame older. Not set: one, or two for streams above 1080p or of unknown size.
    /// Example: `1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder_threads: Option<u32>,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            media_roots: Vec::new(),
            allowed_hosts: Vec::new(),
            own_address: None,
            plain_basic_auth: false,
            tls: TlsSettings::default(),
            probe_timeout: Duration::from_secs(4),
            open_timeout: Duration::from_secs(10),
            first_frame_timeout: Duration::from_secs(75),
            read_timeout: Duration::from_secs(5),
            decoder_threads: None,
        }
    }
}

impl StreamSettings {
    /// The policy for stream URLs.
    pub fn url_policy(&self) -> StreamUrlPolicy {
        StreamUrlPolicy {
            media_roots: self.media_roots.clone(),
            allowed_hosts: self.allowed_hosts.clone(),
            own_address: self.own_address,
        }
    }

    pub(super) fn validate(&self) -> Result<(), InvalidField> {
        self.tls.validate()?;
        at_least("stream.probe_timeout", self.probe_timeout, 100)?;
        at_least("stream.open_timeout", self.open_timeout, 1_000)?;
        at_least("stream.first_frame_timeout", self.first_frame_timeout, 1_000)?;
        at_least("stream.read_timeout", self.read_timeout, 500)?;
        if self.decoder_threads.is_some_and(|threads| !(1..=16).contains(&threads)) {
            return Err(InvalidField::new("stream.decoder_threads", "must be from 1 to 16"));
        }
        if let Some(root) = self.media_roots.iter().find(|root| !root.is_absolute()) {
            let reason = format!("{} must be an absolute path", root.display());
            return Err(InvalidField::new("stream.media_roots", reason));
        }
        Ok(())
    }
}
