//! The events as server-sent events: each a frame of lines with its id, its name and one line of
//! JSON, with the fields that the same thing has everywhere else in the API.

use actix_web::web::Bytes;
use becamera_actors::events::{EventEncoder, EventFilter, EventId, EventKind};
use becamera_domain::{CameraState, LatestCount, LiveEvent, LiveState};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::live_dto::{
    CameraDeletedDto, CameraStateDto, CountDto, CrossingDto, SiteDeletedDto, SiteStateDto,
    SnapshotDto, WorkerStateDto,
};

/// The media type of server-sent events.
pub(super) const MEDIA_TYPE: &str = "text/event-stream";

/// How long a client should wait before it connects again, in milliseconds.
const RETRY_MS: u32 = 3000;

/// Writes events as server-sent events.
pub struct SseEncoder;

impl EventEncoder for SseEncoder {
    fn event(&self, id: EventId, event: &LiveEvent, state: &LiveState) -> Bytes {
        match event.clone() {
            LiveEvent::Count(count) => frame(id, "count", &count_dto(count, state, Utc::now())),
            LiveEvent::Camera(camera) => frame(id, "camera", &CameraStateDto::from(camera)),
            LiveEvent::Worker(worker) => frame(id, "worker", &WorkerStateDto::from(worker)),
            LiveEvent::Site(site) => frame(id, "site", &SiteStateDto::from(site)),
            LiveEvent::SiteDeleted { site_id } => {
                frame(id, "site_deleted", &SiteDeletedDto { site_id })
            }
            LiveEvent::Crossing(crossing) => frame(id, "crossing", &CrossingDto::from(crossing)),
            LiveEvent::CameraDeleted { camera_id } => {
                frame(id, "camera_deleted", &CameraDeletedDto { camera_id })
            }
        }
    }

    // An id without data is no event, but a client remembers it: one whose filter rarely lets
    // anything through goes on from here, and not from an event that is long forgotten.
    fn heartbeat(&self, newest: EventId) -> Bytes {
        format!(": heartbeat\nid: {newest}\n\n").into()
    }
}

/// What a client is told first of all.
pub(super) fn greeting() -> Bytes {
    format!("retry: {RETRY_MS}\n\n").into()
}

/// Says that what the client missed is not known any more: what it knows is to be replaced.
pub(super) fn reset(id: EventId) -> Bytes {
    frame(id, "reset", &serde_json::json!({}))
}

/// The state of things that passes the filter.
pub(super) fn snapshot(
    id: EventId,
    state: &LiveState,
    filter: &EventFilter,
    now: DateTime<Utc>,
) -> Bytes {
    let counts = state.counts.values();
    let counts = counts.filter(|count| filter.takes_camera(EventKind::Count, count.camera_id));
    let cameras = state.cameras.values();
    let cameras = cameras.filter(|camera| filter.takes_camera(EventKind::Camera, camera.camera_id));
    let workers = state.workers.values();
    let takes = |kind| filter.takes_kind(kind);
    let shown = SnapshotDto {
        counts: takes(EventKind::Count)
            .then(|| counts.map(|count| count_dto(count.clone(), state, now)).collect()),
        cameras: takes(EventKind::Camera).then(|| cameras.cloned().map(Into::into).collect()),
        workers: takes(EventKind::Worker).then(|| workers.cloned().map(Into::into).collect()),
        sites: takes(EventKind::Site)
            .then(|| state.sites.values().cloned().map(Into::into).collect()),
    };
    frame(id, "snapshot", &shown)
}

fn count_dto(count: LatestCount, state: &LiveState, now: DateTime<Utc>) -> CountDto {
    let camera = state.cameras.get(&count.camera_id);
    // What was counted was being processed.
    let state = camera.map_or(CameraState::Processing, |camera| camera.state);
    CountDto::new(count, state, now)
}

fn frame(id: EventId, name: &str, data: &impl Serialize) -> Bytes {
    match serde_json::to_string(data) {
        Ok(json) => format!("id: {id}\nevent: {name}\ndata: {json}\n\n").into(),
        Err(error) => {
            log::error!("event {id} can't be written: {error}");
            format!("id: {id}\n\n").into()
        }
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::{
        CameraId, CrossingId, Direction, LiveCamera, LiveCrossing, LiveSite, RunId, WorkerId,
    };
    use serde_json::{Value, json};

    use super::*;

    const ID: EventId = EventId { epoch: 1, number: 5 };

    fn camera(id: i64) -> CameraId {
        CameraId::try_from(id).unwrap()
    }

    fn state() -> LiveState {
        let mut state = LiveState::default();
        for id in [1, 2] {
            let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
            let worker_id = WorkerId::from_index(0);
            let camera_id = camera(id);
            let zones = [("hall".parse().unwrap(), 2)].into();
            let count = LatestCount { camera_id, people: 3, at, worker_id, zones };
            state.apply(&LiveEvent::Count(count));
            state.apply(&LiveEvent::Camera(LiveCamera {
                camera_id,
                state: CameraState::Backoff,
                since: at,
                worker_id: None,
                retry_at: None,
                last_error: None,
                error_count: 1,
            }));
        }
        state
    }

    fn read(frame: &Bytes) -> (String, Value) {
        let text = String::from_utf8(frame.to_vec()).unwrap();
        let data = text.strip_prefix("id: 0000000000000001-5\nevent: ").unwrap();
        let (name, data) = data.split_once("\ndata: ").unwrap();
        let json = data.strip_suffix("\n\n").unwrap();
        assert!(!json.contains('\n'), "{text}");
        (name.into(), serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_count_has_the_fields_of_the_rest_interface() {
        let state = state();
        let event = LiveEvent::Count(state.counts[&camera(1)].clone());
        let (name, mut data) = read(&SseEncoder.event(ID, &event, &state));
        assert!(data["age_ms"].take().is_u64());
        assert_eq!(name, "count");
        let at = "2023-11-14T22:13:20.000Z";
        assert_eq!(
            data,
            json!({"camera_id": 1, "people": 3, "at": at, "age_ms": null,
                   "worker_id": "worker_1", "state": "backoff", "zones": {"hall": 2}})
        );
    }

    #[test]
    fn a_crossing_and_a_site_have_the_fields_of_the_rest_interface() {
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let crossing = LiveEvent::Crossing(LiveCrossing {
            event_id: CrossingId { run: RunId(255), seq: 3 },
            camera_id: camera(1),
            line_id: "door".parse().unwrap(),
            direction: Direction::In,
            direction_name: "to the shop".into(),
            track_id: 9,
            at,
            confidence: 0.6,
        });
        let (name, data) = read(&SseEncoder.event(ID, &crossing, &LiveState::default()));
        assert_eq!(name, "crossing");
        // As text: a confidence is written as it was given.
        assert_eq!(
            data.to_string(),
            json!({"event_id": "ff-3", "camera_id": 1, "line_id": "door", "direction": "in",
                   "direction_name": "to the shop", "track_id": 9,
                   "at": "2023-11-14T22:13:20.000Z", "confidence": 0.6})
            .to_string()
        );
        let site = LiveEvent::Site(LiveSite {
            site_id: "shop".parse().unwrap(),
            occupancy: 2,
            capacity: None,
            entered: 3,
            left: 1,
            since: at,
            at,
        });
        let (name, data) = read(&SseEncoder.event(ID, &site, &LiveState::default()));
        assert_eq!((name.as_str(), &data["in"], &data["out"]), ("site", &3.into(), &1.into()));
    }

    #[test]
    fn a_snapshot_shows_what_the_filter_takes() {
        let cameras = Some([camera(2)].into());
        let kinds = Some([EventKind::Count, EventKind::Worker].into());
        let filter = EventFilter { cameras, kinds };
        let (name, data) = read(&snapshot(ID, &state(), &filter, Utc::now()));
        assert_eq!(name, "snapshot");
        assert_eq!((data["counts"].as_array().unwrap().len(), &data["workers"]), (1, &json!([])));
        assert_eq!(data["counts"][0]["camera_id"], 2);
        assert!(data.get("cameras").is_none());
    }

    #[test]
    fn a_heartbeat_is_no_event_and_is_remembered() {
        let text = String::from_utf8(SseEncoder.heartbeat(ID).to_vec()).unwrap();
        assert_eq!(text, ": heartbeat\nid: 0000000000000001-5\n\n");
    }
}
