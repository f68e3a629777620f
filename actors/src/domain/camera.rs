//! Cameras as operators register them, and their settings.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CameraId, Scene, StreamUrl};

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

/// A camera's own detection settings; an absent one follows `detect.*` of the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectOverrides {
    /// Frames analysed a second, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f32>,
    /// Lowest score (0–1) of a detection that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Intersection over union (0–1) above which the weaker of two boxes is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nms_iou: Option<f32>,
    /// Whether frames in which nothing moves keep the count of the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motion_gate: Option<bool>,
    /// Longest time between two analysed frames where nothing moves.
    #[serde(skip_serializing_if = "Option::is_none", with = "humantime_serde")]
    pub forced_inference: Option<Duration>,
}

impl DetectOverrides {
    /// Checks every given value.
    pub fn validate(&self) -> Result<(), InvalidField> {
        let default = DetectSettings::default();
        self.apply(&default).validate()
    }

    /// The settings in force, given the service's.
    pub fn apply(&self, service: &DetectSettings) -> DetectSettings {
        DetectSettings {
            fps: self.fps.unwrap_or(service.fps),
            confidence: self.confidence.unwrap_or(service.confidence),
            nms_iou: self.nms_iou.unwrap_or(service.nms_iou),
            motion_gate: self.motion_gate.unwrap_or(service.motion_gate),
            forced_inference: self.forced_inference.unwrap_or(service.forced_inference),
        }
    }
}

/// Detection settings in force for a camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectSettings {
    /// Frames analysed a second, at most: the camera's analysis budget. 0.1 to 60.
    pub fps: f32,
    /// Lowest score of a detection that counts. Above 0, below 1.
    pub confidence: f32,
    /// Intersection over union above which the weaker of two boxes is dropped. 0 to 1.
    pub nms_iou: f32,
    /// Whether frames in which nothing moves keep the count of the one before, without inference.
    pub motion_gate: bool,
    /// Longest time between two analysed frames where nothing moves. 100 ms to 1 h.
    #[serde(with = "humantime_serde")]
    pub forced_inference: Duration,
}

impl Default for DetectSettings {
    fn default() -> Self {
        Self {
            fps: 10.0,
            confidence: 0.45,
            nms_iou: 0.45,
            motion_gate: true,
            forced_inference: Duration::from_secs(5),
        }
    }
}

impl DetectSettings {
    /// Checks every value.
    pub fn validate(&self) -> Result<(), InvalidField> {
        // Written so that NaN fails too.
        if !(self.fps >= 0.1 && self.fps <= 60.0) {
            return Err(InvalidField::new("detect.fps", "must be from 0.1 to 60 frames a second"));
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(InvalidField::new("detect.confidence", "must be above 0 and below 1"));
        }
        if !(self.nms_iou >= 0.0 && self.nms_iou <= 1.0) {
            return Err(InvalidField::new("detect.nms_iou", "must be from 0 to 1"));
        }
        let forced = Duration::from_millis(100)..=Duration::from_secs(3_600);
        if !forced.contains(&self.forced_inference) {
            let reason = "must be from 100 ms to 1 h";
            return Err(InvalidField::new("detect.forced_inference", reason));
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_name_their_field() {
        let field = |detect: DetectOverrides| detect.validate().unwrap_err().field;
        let none = DetectOverrides::default();
        assert_eq!(field(DetectOverrides { fps: Some(0.0), ..none }), "detect.fps");
        assert_eq!(field(DetectOverrides { fps: Some(f32::NAN), ..none }), "detect.fps");
        assert_eq!(field(DetectOverrides { confidence: Some(1.0), ..none }), "detect.confidence");
        assert_eq!(field(DetectOverrides { nms_iou: Some(-0.1), ..none }), "detect.nms_iou");
        assert!(none.validate().is_ok());
    }

    #[test]
    fn a_cameras_own_setting_wins_over_the_services() {
        let service = DetectSettings { fps: 5.0, ..DetectSettings::default() };
        let own = DetectOverrides { confidence: Some(0.6), ..DetectOverrides::default() };
        let applied = own.apply(&service);
        assert_eq!((applied.fps, applied.confidence), (5.0, 0.6));
    }
}
