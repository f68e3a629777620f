//! The vocabulary of becamera: cameras, scenes, samples, crossings, sites, settings. Plain data and its
//! validation; no actor, no database, no OpenCV.
//!
//! | | |
//! |---|---|
//! | [`Camera`], [`StreamUrl`], [`DetectSettings`] | what is registered, and how it is analysed |
//! | [`Scene`], [`Line`], [`Zone`] | where in the picture is counted |
//! | [`Job`], [`StreamEvent`], [`Exit`] | a worker's run of a camera |
//! | [`Sample`], [`Crossing`], [`Rollup`] | what was counted, and its sums over time |
//! | [`Site`], [`Correction`] | a place with several doors |
//! | [`LiveEvent`] | what clients follow |
//! | [`AuditEntry`] | a change, with its requester |
//! | [`settings`], [`Retention`] | the service's settings |
//!
//! # A stream URL never shows its secrets
//!
//! ```
//! use becamera_domain::StreamUrlPolicy;
//!
//! let policy = StreamUrlPolicy::default();
//! let url = policy.check("rtsp://admin:s3cret@camera.example/stream")?;
//! assert_eq!(url.to_string(), "rtsp://***@camera.example/stream");
//! assert_eq!(format!("{url:?}"), "StreamUrl(rtsp://***@camera.example/stream)");
//! // In foreign text too.
//! assert_eq!(url.redact_in("can't open with s3cret"), "can't open with ***");
//! // Only the code that opens or stores the stream asks for all of it.
//! assert!(url.expose().contains("s3cret"));
//!
//! assert!(policy.check("concat:/etc/passwd").is_err());
//! # Ok::<(), becamera_domain::InvalidField>(())
//! ```
//!
//! # A line, and why another one is refused
//!
//! ```
//! use becamera_domain::{Direction, Line};
//!
//! // Places are in widths and heights of the picture.
//! let line: Line = serde_json::from_str(r#"{"id": "door", "from": [0.2, 0.5], "to": [0.8, 0.5]}"#)?;
//! line.validate()?;
//! assert_eq!(line.directions.name(Direction::In), "in");
//!
//! let outside = Line { to: [1.2, 0.5].into(), ..line };
//! let error = outside.validate().unwrap_err();
//! assert_eq!(error.field, "to");
//! assert_eq!(error.reason, "must lie in the picture: x and y from 0 to 1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audit;
mod camera;
mod crossing;
mod detect;
mod frame_size;
mod ids;
mod live;
mod names;
mod page;
mod picture;
mod retention;
mod rollup;
mod run;
mod sample;
mod scene;
mod scene_item;
mod scene_rollup;
mod secret_keys;
pub mod settings;
mod site;
mod special_address;
pub mod stream_url;
pub mod timestamp;
mod worker;
mod write;

pub use audit::{AuditAction, AuditEntry, AuditId, AuditQuery, FieldChange, Requester};
pub use audit::{changes, differences, scene_changes, written};
pub use camera::{
    Camera, CameraPatch, CameraSettings, CameraState, DesiredState, InvalidField, SourceSettings,
};
pub use crossing::{
    Crossing, CrossingId, CrossingPosition, CrossingQuery, DWELL_BOUNDS, LineTally, SceneTally,
    ZoneTally,
};
pub use detect::{DetectMode, DetectOverrides, DetectSettings, Preset, Recipe};
pub use frame_size::FrameSize;
pub use ids::{CameraId, RunId, WorkerId};
pub use live::*;
pub use names::{LineId, SiteId, ZoneId};
pub use page::Page;
pub use picture::{Picture, PictureOptions, SnapshotRequest};
pub use retention::{Cutoffs, KeepFor, Retention};
pub use rollup::{Rollup, RollupLevel, RollupQuery, Totals};
pub use run::{
    Budget, Crash, CrashKind, Exit, Failure, FailureCode, Job, Progress, StreamEvent, StreamInfo,
};
pub use sample::{Sample, SamplePosition, SampleQuery};
pub use scene::{
    CrossingRules, Direction, Directions, Line, MAX_CORNERS, MAX_LINES, MAX_ZONES, Point, Scene,
    Zone, ZoneKind,
};
pub use scene_item::{SceneItem, SceneItemId};
pub use scene_rollup::{
    LineRollup, LineRollupQuery, LineTotals, ZoneRollup, ZoneRollupQuery, ZoneTotals,
};
pub use secret_keys::SecretKeys;
pub use site::{
    Correction, CorrectionChange, MAX_MEMBERS, MAX_OCCUPANCY, MAX_SITES, Member, Site, SiteSettings,
};
pub use stream_url::{StreamUrl, StreamUrlPolicy};
pub use timestamp::Timestamp;
pub use worker::{RunnerInfo, WorkerStatus};
pub use write::{Write, WriteKind};

/// One reading of both clocks: policies measure durations on `mono` and show `wall` to people.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Monotonic time, for durations and deadlines.
    pub mono: std::time::Instant,
    /// UTC wall-clock time, for records and answers.
    pub wall: chrono::DateTime<chrono::Utc>,
}

impl Now {
    /// Reads the system's clocks.
    pub fn read() -> Self {
        Self { mono: std::time::Instant::now(), wall: chrono::Utc::now() }
    }
}
