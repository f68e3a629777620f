//! The wire types of what changes: the same in the answers of the API and in its events.

use std::collections::BTreeMap;

use becamera_actors::messages::CameraView;
use becamera_domain::{
    CameraId, CameraState, CrossingId, Direction, LatestCount, LineId, LiveCamera, LiveCrossing,
    LiveError, LiveSite, LiveWorker, SiteId, WorkerId, WorkerStatus, ZoneId,
};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::times::{Timestamp, age_ms};

/// A failure and its time.
#[derive(Debug, Serialize)]
pub(super) struct LastError {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    message: String,
    at: Timestamp,
}

impl From<LiveError> for LastError {
    fn from(error: LiveError) -> Self {
        Self { code: error.code, message: error.message, at: Timestamp(error.at) }
    }
}

/// What a camera is doing: a part of its description, and all that an event tells.
#[derive(Debug, Serialize)]
pub(super) struct CameraStateDto {
    camera_id: CameraId,
    state: &'static str,
    since: Timestamp,
    worker_id: Option<WorkerId>,
    retry_at: Option<Timestamp>,
    last_error: Option<LastError>,
    error_count: u64,
}

impl From<LiveCamera> for CameraStateDto {
    fn from(camera: LiveCamera) -> Self {
        Self {
            camera_id: camera.camera_id,
            state: camera.state.as_str(),
            since: Timestamp(camera.since),
            worker_id: camera.worker_id,
            retry_at: camera.retry_at.map(Timestamp),
            last_error: camera.last_error.map(LastError::from),
            error_count: camera.error_count,
        }
    }
}

/// What a worker is doing: a part of its description, and all that an event tells.
#[derive(Debug, Serialize)]
pub(super) struct WorkerStateDto {
    worker_id: WorkerId,
    status: WorkerStatus,
    current_task: Option<CameraId>,
    start_time: Option<Timestamp>,
    error_count: u64,
    pid: Option<u32>,
    restarts: u64,
    restart_at: Option<Timestamp>,
    last_error: Option<LastError>,
    started_at: Option<Timestamp>,
}

impl From<LiveWorker> for WorkerStateDto {
    fn from(worker: LiveWorker) -> Self {
        Self {
            worker_id: worker.worker_id,
            status: worker.status,
            current_task: worker.current_task,
            start_time: worker.start_time.map(Timestamp),
            error_count: worker.error_count,
            pid: worker.pid,
            restarts: worker.restarts,
            restart_at: worker.restart_at.map(Timestamp),
            last_error: worker.last_error.map(LastError::from),
            started_at: worker.started_at.map(Timestamp),
        }
    }
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
    /// People in each zone.
    zones: BTreeMap<ZoneId, u32>,
}

impl CountDto {
    /// A count with the state of its camera.
    pub(super) fn new(count: LatestCount, state: CameraState, now: DateTime<Utc>) -> Self {
        Self {
            camera_id: count.camera_id,
            people: count.people,
            at: Timestamp(count.at),
            age_ms: age_ms(count.at, now),
            worker_id: Some(count.worker_id),
            state: state.as_str(),
            zones: count.zones,
        }
    }

    /// The count that the pool itself knows of, if any.
    pub(super) fn known(view: &CameraView, now: DateTime<Utc>) -> Option<Self> {
        let at = view.last_frame_at?;
        Some(Self {
            camera_id: view.camera.id,
            people: view.last_count?,
            at: Timestamp(at),
            age_ms: age_ms(at, now),
            worker_id: view.worker_id,
            state: view.state.as_str(),
            zones: view.zones.clone(),
        })
    }
}

/// Somebody crossed a line.
#[derive(Debug, Serialize)]
pub(super) struct CrossingDto {
    event_id: CrossingId,
    camera_id: CameraId,
    line_id: LineId,
    direction: Direction,
    direction_name: String,
    track_id: u64,
    at: Timestamp,
    confidence: f32,
}

impl From<LiveCrossing> for CrossingDto {
    fn from(crossing: LiveCrossing) -> Self {
        Self {
            event_id: crossing.event_id,
            camera_id: crossing.camera_id,
            line_id: crossing.line_id,
            direction: crossing.direction,
            direction_name: crossing.direction_name,
            track_id: crossing.track_id,
            at: Timestamp(crossing.at),
            confidence: crossing.confidence,
        }
    }
}

/// How many people are in a site.
#[derive(Debug, Serialize)]
pub(super) struct SiteStateDto {
    site_id: SiteId,
    occupancy: u32,
    capacity: Option<u32>,
    #[serde(rename = "in")]
    entered: u64,
    #[serde(rename = "out")]
    left: u64,
    since: Timestamp,
    at: Timestamp,
}

impl From<LiveSite> for SiteStateDto {
    fn from(site: LiveSite) -> Self {
        Self {
            site_id: site.site_id,
            occupancy: site.occupancy,
            capacity: site.capacity,
            entered: site.entered,
            left: site.left,
            since: Timestamp(site.since),
            at: Timestamp(site.at),
        }
    }
}

/// A site that was deleted.
#[derive(Debug, Serialize)]
pub(super) struct SiteDeletedDto {
    pub(super) site_id: SiteId,
}

/// A camera that was deleted.
#[derive(Debug, Serialize)]
pub(super) struct CameraDeletedDto {
    pub(super) camera_id: CameraId,
}

/// All that a follower of the events wants to know to begin with.
#[derive(Debug, Serialize)]
pub(super) struct SnapshotDto {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) counts: Option<Vec<CountDto>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cameras: Option<Vec<CameraStateDto>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workers: Option<Vec<WorkerStateDto>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sites: Option<Vec<SiteStateDto>>,
}
