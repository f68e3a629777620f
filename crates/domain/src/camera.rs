//! Cameras as operators register them, and their settings.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{CameraId, DetectOverrides, Scene, StreamUrl};

/// A value that can't be taken, by the field's name as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidField {
    /// The field's name, e.g. `stream_url` or `detect.fps`.
    pub field: &'static str,
    /// What is wrong with it; never repeats a secret.
    pub reason: String,
}

impl InvalidField {
    /// An error for `field`.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}

/// A registered camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Its number.
    pub id: CameraId,
    /// A name for people.
    pub name: Option<String>,
    /// Where its stream is.
    pub stream_url: StreamUrl,
    /// Its own settings; what is absent follows the service's.
    pub settings: CameraSettings,
    /// What the operator wants of it, kept across restarts of the service.
    pub desired: DesiredState,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When its registration last changed.
    pub updated_at: DateTime<Utc>,
}

/// What an operator asked for last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesiredState {
    /// Count on it whenever a worker is free.
    Running,
    /// Leave it alone.
    Stopped,
}

impl DesiredState {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

/// What a camera is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// Registered, never started, or a recording that was read to its end.
    Idle,
    /// Waits in the queue for a worker.
    Pending,
    /// A worker opens its stream.
    Opening,
    /// Frames are analysed.
    Processing,
    /// Could not be read; waits before it queues again.
    Backoff,
    /// Given up until an operator starts it again.
    Failed,
    /// Stopped by an operator.
    Stopped,
}

impl CameraState {
    /// All states, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Idle,
        Self::Pending,
        Self::Opening,
        Self::Processing,
        Self::Backoff,
        Self::Failed,
        Self::Stopped,
    ];

    /// The name used in the API and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Pending => "pending",
            Self::Opening => "opening",
            Self::Processing => "processing",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for CameraState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A camera's own settings. Stored as JSON; every field may be absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraSettings {
    /// How people are detected.
    pub detect: DetectOverrides,
    /// How a recording is read; live streams ignore it.
    pub source: SourceSettings,
    /// Lines and zones. Kept when the camera is registered anew.
    #[serde(skip_serializing_if = "Scene::is_empty")]
    pub scene: Scene,
}

/// How a recording (a `file:` URL) is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// Start again at its end, as a live camera would go on.
    #[serde(rename = "loop")]
    pub loop_file: bool,
    /// Read at the recording's own rate; otherwise as fast as it can be analysed.
    pub paced: bool,
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self { loop_file: false, paced: true }
    }
}

/// What a caller gives of a camera: absent fields keep what is registered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CameraPatch {
    /// A name for people; at most 200 characters.
    pub name: Option<String>,
    /// Where its stream is.
    pub stream_url: Option<StreamUrl>,
    /// Detection settings; replaces the registered group as a whole.
    pub detect: Option<DetectOverrides>,
    /// Reading of recordings; replaces the registered group as a whole.
    pub source: Option<SourceSettings>,
}

impl CameraPatch {
    /// Checks every given field but the URL, which is checked when it is made.
    pub fn validate(&self) -> Result<(), InvalidField> {
        if let Some(name) = &self.name {
            if name.trim().is_empty() || name.chars().count() > 200 {
                return Err(InvalidField::new("name", "must have 1 to 200 characters"));
            }
            if name.chars().any(char::is_control) {
                return Err(InvalidField::new("name", "must not contain control characters"));
            }
        }
        self.detect.map_or(Ok(()), |detect| detect.validate())
    }
}
