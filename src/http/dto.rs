//! The wire types. Times are RFC 3339 in UTC with milliseconds, units stand in the names.

use std::net::IpAddr;

use becamera_actors::messages::{CameraView, QueueEntryView, WorkerView};
use becamera_domain::{
    AuditAction, AuditEntry, Camera, CameraId, CameraPatch, DetectOverrides, FieldChange,
    LiveCamera, LiveWorker, Sample, SiteId, SourceSettings, StreamInfo, StreamUrl, WorkerId,
    WorkerStatus,
};
use becamera_history::Calendar;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    body::object,
    scene_dto::{LineDto, ZoneDto},
    times::{self, Timestamp, age_ms},
};

/// What a caller gives of a camera, to start or to register it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CameraBody {
    pub(super) camera_id: Option<i64>,
    pub(super) stream_url: Option<String>,
    pub(super) name: Option<String>,
    #[serde(deserialize_with = "object")]
    pub(super) detect: Option<DetectOverrides>,
    #[serde(deserialize_with = "object")]
    pub(super) source: Option<SourceSettings>,
}

impl CameraBody {
    /// The same without its URL, which must be checked first.
    pub(super) fn into_patch(self, stream_url: Option<StreamUrl>) -> CameraPatch {
        CameraPatch { name: self.name, stream_url, detect: self.detect, source: self.source }
    }
}

/// How a worker is to be restarted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RestartBody {
    pub(super) force: bool,
}

/// What became of a camera that was started, stopped or deleted.
#[derive(Debug, Serialize)]
pub(super) struct CameraOutcome {
    pub(super) camera_id: CameraId,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) worker_id: Option<WorkerId>,
    pub(super) message: &'static str,
}

/// A camera: what it is doing, and its registration.
#[derive(Debug, Serialize)]
pub(super) struct CameraDto {
    #[serde(flatten)]
    live: LiveCamera,
    name: Option<String>,
    stream_url: String,
    detect: DetectOverrides,
    source: SourceSettings,
    lines: Vec<LineDto>,
    zones: Vec<ZoneDto>,
    desired_state: &'static str,
    created_at: Timestamp,
    updated_at: Timestamp,
    queue_position: Option<usize>,
    stream: Option<StreamInfo>,
    fps: f32,
    fps_asked: Option<f32>,
    fps_granted: Option<f32>,
    processed_frames: u64,
    last_count: Option<u32>,
    last_frame_at: Option<Timestamp>,
    frame_age_ms: Option<u64>,
}

impl CameraDto {
    pub(super) fn new(view: CameraView, now: DateTime<Utc>) -> Self {
        let live = view.live();
        let Camera { id: _, name, stream_url, settings, desired, created_at, updated_at } =
            view.camera;
        Self {
            live,
            name,
            // Displayed, never exposed: the display form has no credentials.
            stream_url: stream_url.to_string(),
            detect: settings.detect,
            source: settings.source,
            lines: settings.scene.lines.into_iter().map(LineDto::from).collect(),
            zones: settings.scene.zones.into_iter().map(ZoneDto::from).collect(),
            desired_state: desired.as_str(),
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
            queue_position: view.queue_position,
            stream: view.stream,
            fps: view.fps,
            fps_asked: view.budget.map(|budget| budget.asked),
            fps_granted: view.budget.map(|budget| budget.granted),
            processed_frames: view.processed_frames,
            last_count: view.count.as_ref().map(|count| count.people),
            last_frame_at: view.count.as_ref().map(|count| Timestamp(count.at)),
            frame_age_ms: view.count.as_ref().map(|count| age_ms(count.at, now)),
        }
    }
}

/// All cameras.
#[derive(Debug, Serialize)]
pub(super) struct CameraList {
    pub(super) total: usize,
    pub(super) cameras: Vec<CameraDto>,
}

/// A worker.
#[derive(Debug, Serialize)]
pub(super) struct WorkerDto {
    #[serde(flatten)]
    live: LiveWorker,
    task_duration_ms: Option<u64>,
    processed_frames: u64,
    backend: Option<String>,
    fps: f32,
    cpu_percent: Option<f32>,
    memory_bytes: Option<u64>,
    inference_ms: Option<f32>,
    uptime_ms: Option<u64>,
}

impl WorkerDto {
    pub(super) fn new(view: WorkerView, now: DateTime<Utc>) -> Self {
        Self {
            live: view.live(),
            task_duration_ms: view.start_time.map(|at| age_ms(at, now)),
            processed_frames: view.processed_frames,
            backend: view.backend,
            fps: view.fps,
            cpu_percent: view.cpu_percent,
            memory_bytes: view.memory_bytes,
            inference_ms: view.inference_ms,
            uptime_ms: view.started_at.map(|at| age_ms(at, now)),
        }
    }
}

/// The pool: the specification's status.
#[derive(Debug, Serialize)]
pub(super) struct WorkerList {
    workers: Vec<WorkerDto>,
    total_workers: usize,
    idle_workers: usize,
    busy_workers: usize,
}

impl WorkerList {
    pub(super) fn new(views: Vec<WorkerView>, now: DateTime<Utc>) -> Self {
        let count = |status| views.iter().filter(|worker| worker.status == status).count();
        Self {
            total_workers: views.len(),
            idle_workers: count(WorkerStatus::Idle),
            busy_workers: count(WorkerStatus::Busy),
            workers: views.into_iter().map(|view| WorkerDto::new(view, now)).collect(),
        }
    }
}

/// A worker whose restart is under way.
#[derive(Debug, Serialize)]
pub(super) struct RestartOutcome {
    #[serde(flatten)]
    pub(super) worker: WorkerDto,
    pub(super) message: &'static str,
}

/// A camera that waits for a worker.
#[derive(Debug, Serialize)]
pub(super) struct QueueEntryDto {
    position: usize,
    camera_id: CameraId,
    since: Timestamp,
    waiting_ms: u64,
}

impl QueueEntryDto {
    pub(super) fn new(view: QueueEntryView, now: DateTime<Utc>) -> Self {
        Self {
            position: view.position,
            camera_id: view.camera_id,
            since: Timestamp(view.since),
            waiting_ms: age_ms(view.since, now),
        }
    }
}

/// The queue, next first.
#[derive(Debug, Serialize)]
pub(super) struct QueueList {
    pub(super) total: usize,
    pub(super) queue: Vec<QueueEntryDto>,
}

/// A stored second.
#[derive(Debug, Serialize)]
pub(super) struct SampleDto {
    camera_id: CameraId,
    run_id: String,
    seq: u32,
    bucket_start: String,
    frames: u32,
    people_last: u32,
    people_min: u32,
    people_max: u32,
    people_mean: f64,
    covered_ms: u32,
    inference_ms_mean: f32,
    worker_id: WorkerId,
}

impl SampleDto {
    /// With its time by this zone's clock.
    pub(super) fn new(sample: &Sample, calendar: Calendar) -> Self {
        Self {
            camera_id: sample.camera_id,
            run_id: sample.run.to_string(),
            seq: sample.seq,
            bucket_start: times::with_millis(calendar, sample.bucket_start),
            frames: sample.frames,
            people_last: sample.people_last,
            people_min: sample.people_min,
            people_max: sample.people_max,
            people_mean: sample.people_mean(),
            covered_ms: sample.covered_ms,
            inference_ms_mean: sample.inference_ms_mean,
            worker_id: sample.worker_id,
        }
    }
}

/// A page of a camera's stored seconds, oldest first.
#[derive(Debug, Serialize)]
pub(super) struct SampleList<T> {
    pub(super) camera_id: CameraId,
    pub(super) samples: Vec<T>,
    pub(super) next_cursor: Option<String>,
}

/// An entry of the audit trail.
#[derive(Debug, Serialize)]
pub(super) struct AuditDto {
    id: i64,
    at: Timestamp,
    who: String,
    address: Option<IpAddr>,
    action: AuditAction,
    camera_id: Option<CameraId>,
    worker_id: Option<WorkerId>,
    site_id: Option<SiteId>,
    changes: Vec<FieldChange>,
}

impl From<AuditEntry> for AuditDto {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, by, action, camera_id, worker_id, site_id, changes } = entry;
        let (id, at, who, address) = (id.0, Timestamp(at), by.who, by.address);
        Self { id, at, who, address, action, camera_id, worker_id, site_id, changes }
    }
}

/// A page of the audit trail, newest first.
#[derive(Debug, Serialize)]
pub(super) struct AuditList {
    pub(super) entries: Vec<AuditDto>,
    pub(super) next_cursor: Option<String>,
}

#[cfg(test)]
mod tests;
