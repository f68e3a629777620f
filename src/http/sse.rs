//! The events as server-sent events: each a frame of lines with its id, its name and one line of
//! JSON, with the fields that the same thing has everywhere else in the API.

use actix_web::web::Bytes;
use becamera_actors::events::{EventEncoder, EventFilter, EventId};
use becamera_domain::{CameraState, LiveEvent, LiveKind, LiveRecord, LiveState};
use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::count_dto::CountDto;

/// The media type of server-sent events.
pub(super) const MEDIA_TYPE: &str = "text/event-stream";

/// How long a client should wait before it connects again, in milliseconds.
const RETRY_MS: u32 = 3000;

/// Writes events as server-sent events.
pub struct SseEncoder;

impl EventEncoder for SseEncoder {
    fn event(&self, id: EventId, event: &LiveEvent, state: &LiveState) -> Bytes {
        match event {
            LiveEvent::Changed(record) => {
                frame(id, event.name(), &Shown::new(record, state, Utc::now()))
            }
            _ => frame(id, event.name(), &event.fields()),
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

/// Says that what the client missed is no longer known: what it knows is to be replaced.
pub(super) fn reset(id: EventId) -> Bytes {
    frame(id, "reset", &serde_json::json!({}))
}

/// The records that pass the filter.
pub(super) fn snapshot(
    id: EventId,
    state: &LiveState,
    filter: &EventFilter,
    now: DateTime<Utc>,
) -> Bytes {
    frame(id, "snapshot", &Snapshot { state, filter, now })
}

/// A list of records for each kind that is wanted, be it empty.
struct Snapshot<'a> {
    state: &'a LiveState,
    filter: &'a EventFilter,
    now: DateTime<Utc>,
}

impl Serialize for Snapshot<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut lists = to.serialize_map(None)?;
        for kind in LiveKind::ALL.into_iter().filter(|kind| self.filter.takes_kind(*kind)) {
            let Some(name) = kind.list_name() else { continue };
            let records = self.state.of_kind(kind);
            let records = records.filter(|record| self.filter.takes_record(record));
            let shown = records.map(|record| Shown::new(record, self.state, self.now));
            lists.serialize_entry(name, &shown.collect::<Vec<_>>())?;
        }
        lists.end()
    }
}

/// A record with the fields that it has in the rest of the API.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Count(CountDto<'a>),
    Other(&'a LiveRecord),
}

impl<'a> Shown<'a> {
    fn new(record: &'a LiveRecord, state: &LiveState, now: DateTime<Utc>) -> Self {
        let LiveRecord::Count(count) = record else { return Self::Other(record) };
        let camera = state.camera(count.camera_id);
        // What was counted was being processed.
        let state = camera.map_or(CameraState::Processing, |camera| camera.state);
        Self::Count(CountDto::new(count, state, now))
    }
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
        CameraId, Crossing, Direction, LatestCount, LiveCamera, LiveSite, RunId, WorkerId,
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
            state.apply(&LiveEvent::changed(count));
            state.apply(&LiveEvent::changed(LiveCamera {
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
        let event = LiveEvent::changed(state.count(camera(1)).unwrap().clone());
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
        let crossing = LiveEvent::Crossed(Crossing {
            camera_id: camera(1),
            run: RunId(255),
            seq: 3,
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
        let site = LiveEvent::changed(LiveSite {
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
        let kinds = Some([LiveKind::Count, LiveKind::Worker].into());
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
