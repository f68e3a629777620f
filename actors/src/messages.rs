//! The messages that callers outside this crate send to the actors, and their answers.
//!
//! Commands are `VerbNoun`, queries `Get…`. Messages between the actors stand beside the actor
//! that takes them.

mod scene;
mod sites;
mod storage;

use actix::prelude::*;
use becamera_domain::{
    Budget, Camera, CameraId, CameraPatch, CameraState, Failure, InvalidField, LatestCount, Line,
    LineId, LiveCamera, LiveError, LiveWorker, Requester, SceneItemId, StreamInfo, WorkerId,
    WorkerStatus, Zone, ZoneId, stream_url::redact_urls,
};
use chrono::{DateTime, Utc};

use crate::ports::StoreError;

pub use scene::{DeleteSceneItem, PutSceneItem};
pub use sites::{CorrectSite, DeleteSite, GetSite, GetSites, PutSite};
pub use storage::{FlushReport, FlushStorage, GetStorageHealth, ReadStore, StorageHealth};

/// Why the pool did not do what it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PoolError {
    /// A field can't be taken.
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    /// No such camera is registered.
    #[error("Camera {0} is not registered")]
    CameraNotFound(CameraId),
    /// The camera runs, waits for a worker or waits to be tried again.
    #[error("Camera already has a task")]
    CameraHasTask(CameraId),
    /// The camera was not running.
    #[error("Camera {0} is already stopped")]
    CameraAlreadyStopped(CameraId),
    /// Every worker is taken: the camera waits at this position (1 is next).
    #[error("No available workers")]
    NoAvailableWorkers {
        /// The camera that waits.
        camera_id: CameraId,
        /// Its place in the queue, counted from 1.
        position: usize,
    },
    /// The camera has no such line or zone.
    #[error("Camera {camera_id} has no {id}")]
    SceneItemNotFound {
        /// The camera.
        camera_id: CameraId,
        /// The line or zone that it does not have.
        id: SceneItemId,
    },
    /// No such worker.
    #[error("Worker {0} does not exist")]
    WorkerNotFound(WorkerId),
    /// As many cameras are registered as may be.
    #[error("No more than {0} cameras can be registered")]
    TooManyCameras(usize),
    /// The service stops.
    #[error("The service is shutting down")]
    Draining,
}

/// Starts a camera; registers it first when a stream URL is given. The patch changes its
/// registration. Answers the worker that took it, or [`PoolError::NoAvailableWorkers`] when it
/// waits in the queue.
#[derive(Debug, Message)]
#[rtype(result = "Result<WorkerId, PoolError>")]
pub struct StartCamera {
    /// The camera.
    pub camera_id: CameraId,
    /// What to change of its registration.
    pub patch: CameraPatch,
    /// The user or address behind it.
    pub by: Requester,
}

/// Stops a camera in whatever state it is. Answers once its worker has let go of it.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), PoolError>")]
pub struct StopCamera {
    /// The camera.
    pub camera_id: CameraId,
    /// The user or address behind it.
    pub by: Requester,
}

/// Registers a camera or replaces its registration. A running one goes on with the new settings.
/// Answers the camera and whether it is new.
#[derive(Debug, Message)]
#[rtype(result = "Result<(CameraView, bool), PoolError>")]
pub struct PutCamera {
    /// The camera.
    pub camera_id: CameraId,
    /// The registration; absent fields take their defaults, the stream URL is required.
    pub definition: CameraPatch,
    /// The user or address behind it.
    pub by: Requester,
}

/// Stops a camera and forgets it and its counts.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), PoolError>")]
pub struct DeleteCamera {
    /// The camera.
    pub camera_id: CameraId,
    /// The user or address behind it.
    pub by: Requester,
}

/// Asks for every registered camera, by id.
#[derive(Debug, Message)]
#[rtype(result = "Vec<CameraView>")]
pub struct GetCameras;

/// Asks for one camera.
#[derive(Debug, Message)]
#[rtype(result = "Result<CameraView, PoolError>")]
pub struct GetCamera {
    /// The camera.
    pub camera_id: CameraId,
}

/// Asks for every worker, in order.
#[derive(Debug, Message)]
#[rtype(result = "Vec<WorkerView>")]
pub struct GetWorkers;

/// Restarts a worker and lifts its quarantine. Its camera moves to another worker, or to the
/// head of the queue. Answers once the restart is under way.
#[derive(Debug, Message)]
#[rtype(result = "Result<WorkerView, PoolError>")]
pub struct RestartWorker {
    /// The worker.
    pub worker_id: WorkerId,
    /// Kill its process instead of asking it to stop.
    pub force: bool,
    /// The user or address behind it.
    pub by: Requester,
}

/// Asks for the cameras that wait for a worker, next first.
#[derive(Debug, Message)]
#[rtype(result = "Vec<QueueEntryView>")]
pub struct GetQueue;

/// Asks whether the pool takes cameras.
#[derive(Debug, Message)]
#[rtype(result = "PoolHealth")]
pub struct GetPoolHealth;

/// Stops every stream and worker for good. Answers once all have let go.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DrainPool;

/// A camera and what it is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraView {
    /// Its registration.
    pub camera: Camera,
    /// What it is doing.
    pub state: CameraState,
    /// Since when, UTC.
    pub since: DateTime<Utc>,
    /// The worker that has it.
    pub worker_id: Option<WorkerId>,
    /// Its place in the queue, counted from 1.
    pub queue_position: Option<usize>,
    /// When it will be tried again, UTC.
    pub retry_at: Option<DateTime<Utc>>,
    /// Why it last failed and when; kept while it works again.
    pub last_error: Option<(Failure, DateTime<Utc>)>,
    /// Failures since it was last started by an operator.
    pub error_count: u64,
    /// Its open stream.
    pub stream: Option<StreamInfo>,
    /// Frames analysed a second, over the last seconds.
    pub fps: f32,
    /// Frames a second that it may analyse: asked for, and granted by the machine.
    pub budget: Option<Budget>,
    /// Frames analysed in its present run.
    pub processed_frames: u64,
    /// Its newest count.
    pub count: Option<LatestCount>,
}

impl CameraView {
    /// A line of it.
    pub fn line(&self, id: &LineId) -> Result<&Line, PoolError> {
        let found = self.camera.settings.scene.lines.iter().find(|line| line.id == *id);
        found.ok_or_else(|| self.has_no(id.clone()))
    }

    /// A zone of it.
    pub fn zone(&self, id: &ZoneId) -> Result<&Zone, PoolError> {
        let found = self.camera.settings.scene.zones.iter().find(|zone| zone.id == *id);
        found.ok_or_else(|| self.has_no(id.clone()))
    }

    fn has_no(&self, id: impl Into<SceneItemId>) -> PoolError {
        PoolError::SceneItemNotFound { camera_id: self.camera.id, id: id.into() }
    }

    /// What subscribers are told of it: without credentials.
    pub fn live(&self) -> LiveCamera {
        LiveCamera {
            camera_id: self.camera.id,
            state: self.state,
            since: self.since,
            worker_id: self.worker_id,
            retry_at: self.retry_at,
            last_error: self.last_error.as_ref().map(|(failure, at)| LiveError {
                code: Some(failure.code.as_str().into()),
                message: self.camera.stream_url.redact_in(&failure.message),
                at: *at,
            }),
            error_count: self.error_count,
        }
    }
}

/// A worker and what it is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerView {
    /// Which worker.
    pub worker_id: WorkerId,
    /// What it is doing.
    pub status: WorkerStatus,
    /// The camera it has.
    pub current_task: Option<CameraId>,
    /// When it got that camera, UTC.
    pub start_time: Option<DateTime<Utc>>,
    /// Frames it analysed since the service started.
    pub processed_frames: u64,
    /// Failures of it and of cameras it had since the service started.
    pub error_count: u64,
    /// Its process.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u64,
    /// When it will be started again, UTC.
    pub restart_at: Option<DateTime<Utc>>,
    /// Why it last failed and when, UTC.
    pub last_error: Option<(String, DateTime<Utc>)>,
    /// Inference backend, once it has started.
    pub backend: Option<String>,
    /// Frames analysed a second, over the last seconds.
    pub fps: f32,
    /// Share of one core its process used over the last seconds; 100 is one whole core.
    pub cpu_percent: Option<f32>,
    /// Resident memory of its process in bytes.
    pub memory_bytes: Option<u64>,
    /// Milliseconds of an inference: mean of its last report.
    pub inference_ms: Option<f32>,
    /// Since when its process runs, UTC.
    pub started_at: Option<DateTime<Utc>>,
}

impl WorkerView {
    /// What subscribers are told of it: without credentials.
    pub fn live(&self) -> LiveWorker {
        LiveWorker {
            worker_id: self.worker_id,
            status: self.status,
            current_task: self.current_task,
            start_time: self.start_time,
            error_count: self.error_count,
            pid: self.pid,
            restarts: self.restarts,
            restart_at: self.restart_at,
            last_error: self.last_error.as_ref().map(|(message, at)| LiveError {
                code: None,
                message: redact_urls(message),
                at: *at,
            }),
            started_at: self.started_at,
        }
    }
}

/// A camera that waits for a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueEntryView {
    /// Its place, counted from 1.
    pub position: usize,
    /// The camera.
    pub camera_id: CameraId,
    /// Since when, UTC.
    pub since: DateTime<Utc>,
}

/// The pool as readiness sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, MessageResponse)]
pub struct PoolHealth {
    /// Where the pool stands.
    pub phase: PoolPhase,
    /// Workers that have a camera or are ready for one.
    pub workers_up: usize,
    /// All workers.
    pub workers_total: usize,
    /// Cameras that wait for a worker.
    pub queue_depth: usize,
}

/// Where the pool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolPhase {
    /// The workers start for the first time.
    Starting,
    /// Cameras are read.
    Ready,
    /// The service stops.
    Draining,
}

/// Asks for a camera's newest count.
#[derive(Debug, Message)]
#[rtype(result = "Result<Option<LatestCount>, StoreError>")]
pub struct GetLatestCount(pub CameraId);
