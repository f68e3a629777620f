//! The wire types. Times are RFC 3339 in UTC with milliseconds, units stand in the names.

use becamera_actors::{
    domain::{
        Camera, CameraId, CameraPatch, DetectOverrides, LatestCount, Sample, SourceSettings,
        StreamInfo, StreamUrl, WorkerId, WorkerStatus,
    },
    messages::{CameraView, QueueEntryView, WorkerView},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::body::object;

/// A time as the API shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timestamp(pub(super) DateTime<Utc>);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

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

/// A failure and its time.
#[derive(Debug, Serialize)]
pub(super) struct LastError {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    message: String,
    at: Timestamp,
}

/// A camera: its registration, then what it is doing.
#[derive(Debug, Serialize)]
pub(super) struct CameraDto {
    camera_id: CameraId,
    name: Option<String>,
    stream_url: String,
    detect: DetectOverrides,
    source: SourceSettings,
    desired_state: &'static str,
    created_at: Timestamp,
    updated_at: Timestamp,
    state: &'static str,
    since: Timestamp,
    worker_id: Option<WorkerId>,
    queue_position: Option<usize>,
    retry_at: Option<Timestamp>,
    last_error: Option<LastError>,
    error_count: u64,
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
        let Camera { id, name, stream_url, settings, desired, created_at, updated_at } =
            view.camera;
        Self {
            camera_id: id,
            name,
            // Displayed, never exposed: the display form has no credentials.
            stream_url: stream_url.to_string(),
            detect: settings.detect,
            source: settings.source,
            desired_state: desired.as_str(),
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
            state: view.state.as_str(),
            since: Timestamp(view.since),
            worker_id: view.worker_id,
            queue_position: view.queue_position,
            retry_at: view.retry_at.map(Timestamp),
            last_error: view.last_error.map(|(failure, at)| LastError {
                code: Some(failure.code.as_str()),
                message: stream_url.redact_in(&failure.message),
                at: Timestamp(at),
            }),
            error_count: view.error_count,
            stream: view.stream,
            fps: view.fps,
            fps_asked: view.budget.map(|budget| budget.asked),
            fps_granted: view.budget.map(|budget| budget.granted),
            processed_frames: view.processed_frames,
            last_count: view.last_count,
            last_frame_at: view.last_frame_at.map(Timestamp),
            frame_age_ms: view.last_frame_at.map(|at| age_ms(at, now)),
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
    worker_id: WorkerId,
    status: WorkerStatus,
    current_task: Option<CameraId>,
    start_time: Option<Timestamp>,
    task_duration_ms: Option<u64>,
    processed_frames: u64,
    error_count: u64,
    pid: Option<u32>,
    restarts: u64,
    restart_at: Option<Timestamp>,
    last_error: Option<LastError>,
    backend: Option<String>,
    fps: f32,
    cpu_percent: Option<f32>,
    memory_bytes: Option<u64>,
    inference_ms: Option<f32>,
    started_at: Option<Timestamp>,
    uptime_ms: Option<u64>,
}

impl WorkerDto {
    pub(super) fn new(view: WorkerView, now: DateTime<Utc>) -> Self {
        Self {
            worker_id: view.worker_id,
            status: view.status,
            current_task: view.current_task,
            start_time: view.start_time.map(Timestamp),
            task_duration_ms: view.start_time.map(|at| age_ms(at, now)),
            processed_frames: view.processed_frames,
            error_count: view.error_count,
            pid: view.pid,
            restarts: view.restarts,
            restart_at: view.restart_at.map(Timestamp),
            last_error: view.last_error.map(|(message, at)| LastError {
                code: None,
                message: becamera_actors::domain::stream_url::redact_urls(&message),
                at: Timestamp(at),
            }),
            backend: view.backend,
            fps: view.fps,
            cpu_percent: view.cpu_percent,
            memory_bytes: view.memory_bytes,
            inference_ms: view.inference_ms,
            started_at: view.started_at.map(Timestamp),
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

/// A camera's newest count.
#[derive(Debug, Serialize)]
pub(super) struct CountDto {
    camera_id: CameraId,
    people: u32,
    at: Timestamp,
    age_ms: u64,
    worker_id: Option<WorkerId>,
    state: &'static str,
}

impl CountDto {
    /// The count that the cache keeps of this camera.
    pub(super) fn cached(count: LatestCount, view: &CameraView, now: DateTime<Utc>) -> Self {
        Self::of(view, count.people, count.at, Some(count.worker_id), now)
    }

    /// The count that the pool itself knows of, if any.
    pub(super) fn known(view: &CameraView, now: DateTime<Utc>) -> Option<Self> {
        Some(Self::of(view, view.last_count?, view.last_frame_at?, view.worker_id, now))
    }

    fn of(
        view: &CameraView,
        people: u32,
        at: DateTime<Utc>,
        worker_id: Option<WorkerId>,
        now: DateTime<Utc>,
    ) -> Self {
        let state = view.state.as_str();
        let camera_id = view.camera.id;
        Self { camera_id, people, at: Timestamp(at), age_ms: age_ms(at, now), worker_id, state }
    }
}

/// A stored second.
#[derive(Debug, Serialize)]
pub(super) struct SampleDto {
    camera_id: CameraId,
    run_id: String,
    seq: u32,
    bucket_start: Timestamp,
    frames: u32,
    people_last: u32,
    people_min: u32,
    people_max: u32,
    people_mean: f64,
    covered_ms: u32,
    inference_ms_mean: f32,
    worker_id: WorkerId,
}

impl From<Sample> for SampleDto {
    fn from(sample: Sample) -> Self {
        Self {
            camera_id: sample.camera_id,
            run_id: sample.run.to_string(),
            seq: sample.seq,
            bucket_start: Timestamp(sample.bucket_start),
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
pub(super) struct SampleList {
    pub(super) camera_id: CameraId,
    pub(super) samples: Vec<SampleDto>,
    pub(super) next_cursor: Option<String>,
}

/// Milliseconds since a time; 0 where the clock was set back meanwhile.
fn age_ms(at: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - at).num_milliseconds()).unwrap_or(0)
}

#[cfg(test)]
#[path = "dto_tests.rs"]
mod tests;
