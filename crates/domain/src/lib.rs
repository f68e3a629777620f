//! What becamera talks about: cameras, workers, runs, samples. Plain data and its validation.

mod audit;
mod camera;
mod crossing;
mod detect;
mod frame_size;
mod ids;
mod live;
mod names;
mod picture;
mod retention;
mod rollup;
mod run;
mod sample;
mod scene;
mod scene_rollup;
mod secret_keys;
pub mod settings;
mod site;
mod special_address;
pub mod stream_url;
mod worker;
mod write;

pub use audit::{AuditAction, AuditEntry, AuditId, AuditPage, AuditQuery, FieldChange, Origin};
pub use audit::{changes, differences, scene_changes, written};
pub use camera::{
    Camera, CameraPatch, CameraSettings, CameraState, DesiredState, InvalidField, SourceSettings,
};
pub use crossing::{
    Crossing, CrossingId, CrossingPage, CrossingPosition, CrossingQuery, DWELL_BOUNDS, LineTally,
    SceneTally, ZoneTally,
};
pub use detect::{DetectMode, DetectOverrides, DetectSettings, Preset, Recipe};
pub use frame_size::FrameSize;
pub use ids::{CameraId, RunId, WorkerId};
pub use live::{LiveCamera, LiveCrossing, LiveError, LiveEvent, LiveSite, LiveState, LiveWorker};
pub use names::{LineId, SiteId, ZoneId};
pub use picture::{Picture, PictureOptions, PictureWish};
pub use retention::{Cutoffs, KeepFor, Retention};
pub use rollup::{Rollup, RollupLevel, RollupQuery, Totals};
pub use run::{
    Budget, Crash, CrashKind, Exit, Failure, FailureCode, Job, Progress, StreamEvent, StreamInfo,
};
pub use sample::{LatestCount, Sample, SamplePage, SamplePosition, SampleQuery};
pub use scene::{
    CrossingRules, Direction, Directions, Line, MAX_CORNERS, MAX_LINES, MAX_ZONES, Point, Scene,
    Zone, ZoneKind,
};
pub use scene_rollup::{
    LineRollup, LineRollupQuery, LineTotals, ZoneRollup, ZoneRollupQuery, ZoneTotals,
};
pub use secret_keys::SecretKeys;
pub use site::{
    Correction, CorrectionChange, MAX_MEMBERS, MAX_OCCUPANCY, MAX_SITES, Member, Site, SiteSettings,
};
pub use stream_url::{StreamUrl, StreamUrlPolicy};
pub use worker::{RunnerInfo, WorkerStatus};
pub use write::Write;

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
