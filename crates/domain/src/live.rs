//! What is going on, as those who follow it see it: small, serialisable, without credentials.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    CameraId, CameraState, Crossing, CrossingId, CrossingPosition, Direction, LatestCount, LineId,
    SiteId, WorkerId, WorkerStatus,
};

/// Something that followers are told. Every event but a crossing holds all that is known of its
/// subject, so that the newest one replaces those before it. Of crossings each one matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveEvent {
    /// A camera has a new count.
    Count(LatestCount),
    /// A camera does something else than before, or failed.
    Camera(LiveCamera),
    /// A worker does something else than before, or failed.
    Worker(LiveWorker),
    /// Somebody crossed a line.
    Crossing(LiveCrossing),
    /// More or fewer people are in a site.
    Site(LiveSite),
    /// A site was deleted.
    SiteDeleted {
        /// The site.
        site_id: SiteId,
    },
    /// A camera was deleted, and its counts with it.
    CameraDeleted {
        /// The camera.
        camera_id: CameraId,
    },
}

/// What a camera is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveCamera {
    /// The camera.
    pub camera_id: CameraId,
    /// What it is doing.
    pub state: CameraState,
    /// Since when, UTC.
    pub since: DateTime<Utc>,
    /// The worker that has it.
    pub worker_id: Option<WorkerId>,
    /// When it will be tried again, UTC.
    pub retry_at: Option<DateTime<Utc>>,
    /// Why it last failed; kept while it works again.
    pub last_error: Option<LiveError>,
    /// Failures since it was last started by an operator.
    pub error_count: u64,
}

/// What a worker is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveWorker {
    /// The worker.
    pub worker_id: WorkerId,
    /// What it is doing.
    pub status: WorkerStatus,
    /// The camera it has.
    pub current_task: Option<CameraId>,
    /// When it got that camera, UTC.
    pub start_time: Option<DateTime<Utc>>,
    /// Failures of it and of cameras it had since the service started.
    pub error_count: u64,
    /// Its process.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u64,
    /// When it will be started again, UTC.
    pub restart_at: Option<DateTime<Utc>>,
    /// Why it last failed.
    pub last_error: Option<LiveError>,
    /// Since when its process runs, UTC.
    pub started_at: Option<DateTime<Utc>>,
}

/// Somebody crossed a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveCrossing {
    /// Its identity.
    pub event_id: CrossingId,
    /// The camera.
    pub camera_id: CameraId,
    /// The line.
    pub line_id: LineId,
    /// Which way.
    pub direction: Direction,
    /// What the line's operator called that way, then.
    pub direction_name: String,
    /// Who: a number that is the same as long as a person is followed, within one run.
    pub track_id: u64,
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// How sure the detector was of the person, 0 to 1.
    pub confidence: f32,
}

impl From<Crossing> for LiveCrossing {
    fn from(crossing: Crossing) -> Self {
        Self {
            event_id: crossing.id(),
            camera_id: crossing.camera_id,
            line_id: crossing.line_id,
            direction: crossing.direction,
            direction_name: crossing.direction_name,
            track_id: crossing.track_id,
            at: crossing.at,
            confidence: crossing.confidence,
        }
    }
}

impl LiveCrossing {
    /// Its place in the order of crossings.
    pub fn position(&self) -> CrossingPosition {
        CrossingPosition { at_micros: self.at.timestamp_micros(), id: self.event_id }
    }
}

/// How many people are in a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSite {
    /// The site.
    pub site_id: SiteId,
    /// How many people are in it.
    pub occupancy: u32,
    /// How many it may hold.
    pub capacity: Option<u32>,
    /// How many came since the reset.
    #[serde(rename = "in")]
    pub entered: u64,
    /// How many went since the reset.
    #[serde(rename = "out")]
    pub left: u64,
    /// The reset: since when it is counted, UTC.
    pub since: DateTime<Utc>,
    /// When that last changed, UTC.
    pub at: DateTime<Utc>,
}

/// A failure and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveError {
    /// The stable code that programs read, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A sentence for people, without credentials.
    pub message: String,
    /// When, UTC.
    pub at: DateTime<Utc>,
}

/// The newest of everything that events told of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveState {
    /// Newest counts.
    pub counts: BTreeMap<CameraId, LatestCount>,
    /// Cameras.
    pub cameras: BTreeMap<CameraId, LiveCamera>,
    /// Workers.
    pub workers: BTreeMap<WorkerId, LiveWorker>,
    /// Sites.
    pub sites: BTreeMap<SiteId, LiveSite>,
}

impl LiveState {
    /// Takes an event in.
    pub fn apply(&mut self, event: &LiveEvent) {
        match event {
            LiveEvent::Count(count) => {
                self.counts.insert(count.camera_id, count.clone());
            }
            LiveEvent::Camera(camera) => {
                self.cameras.insert(camera.camera_id, camera.clone());
            }
            LiveEvent::Worker(worker) => {
                self.workers.insert(worker.worker_id, worker.clone());
            }
            LiveEvent::Site(site) => {
                self.sites.insert(site.site_id.clone(), site.clone());
            }
            LiveEvent::SiteDeleted { site_id } => {
                self.sites.remove(site_id);
            }
            // It is no state.
            LiveEvent::Crossing(_) => {}
            LiveEvent::CameraDeleted { camera_id } => {
                self.counts.remove(camera_id);
                self.cameras.remove(camera_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(id: i64, second: i64) -> LiveEvent {
        LiveEvent::Count(LatestCount {
            camera_id: CameraId::try_from(id).unwrap(),
            people: 1,
            at: DateTime::from_timestamp(second, 0).unwrap(),
            worker_id: WorkerId::from_index(0),
            zones: BTreeMap::new(),
        })
    }

    #[test]
    fn the_newest_stays_and_a_deleted_camera_leaves_nothing() {
        let mut state = LiveState::default();
        [count(1, 5), count(2, 5), count(1, 6)].iter().for_each(|event| state.apply(event));
        let camera_id = CameraId::try_from(1).unwrap();
        assert_eq!(state.counts[&camera_id].at.timestamp(), 6);
        state.apply(&LiveEvent::CameraDeleted { camera_id });
        assert_eq!(state.counts.len(), 1);
    }

    #[test]
    fn events_say_their_type_beside_their_fields() {
        let json = serde_json::to_value(count(1, 5)).unwrap();
        assert_eq!((&json["type"], &json["camera_id"]), (&"count".into(), &1.into()));
        assert_eq!(serde_json::from_value::<LiveEvent>(json).unwrap(), count(1, 5));
    }
}
