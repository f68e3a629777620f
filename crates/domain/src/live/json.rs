//! The one JSON form of events: their fields, and the name of their type beside them where a stream
//! carries several types.

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

use crate::{
    CameraId, LatestCount, LiveCamera, LiveEvent, LiveKey, LiveSite, LiveWorker, PublicCrossing,
    SiteId,
};

/// An event's fields without its type, for where the type is told beside them. See
/// [`LiveEvent::fields`].
#[derive(Debug, Clone, Copy)]
pub struct EventFields<'a>(&'a LiveEvent);

impl LiveEvent {
    /// Its fields without its type.
    pub fn fields(&self) -> EventFields<'_> {
        EventFields(self)
    }
}

impl Serialize for EventFields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            LiveEvent::Changed(record) => record.serialize(to),
            LiveEvent::Removed(key) => key.serialize(to),
            LiveEvent::Crossed(crossing) => crossing.public().serialize(to),
        }
    }
}

impl Serialize for LiveKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        match self {
            Self::Count(id) | Self::Camera(id) => map.serialize_entry("camera_id", id)?,
            Self::Worker(id) => map.serialize_entry("worker_id", id)?,
            Self::Site(id) => map.serialize_entry("site_id", id)?,
        }
        map.end()
    }
}

impl Serialize for LiveEvent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Typed<'a> {
            r#type: &'static str,
            #[serde(flatten)]
            fields: EventFields<'a>,
        }
        Typed { r#type: self.name(), fields: self.fields() }.serialize(to)
    }
}

impl<'de> Deserialize<'de> for LiveEvent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Typed {
            Count(LatestCount),
            Camera(LiveCamera),
            Worker(LiveWorker),
            Site(LiveSite),
            Crossing(PublicCrossing<'static>),
            CameraDeleted { camera_id: CameraId },
            SiteDeleted { site_id: SiteId },
        }
        Ok(match Typed::deserialize(from)? {
            Typed::Count(count) => Self::changed(count),
            Typed::Camera(camera) => Self::changed(camera),
            Typed::Worker(worker) => Self::changed(worker),
            Typed::Site(site) => Self::changed(site),
            Typed::Crossing(crossing) => Self::Crossed(crossing.into()),
            Typed::CameraDeleted { camera_id } => Self::Removed(LiveKey::Camera(camera_id)),
            Typed::SiteDeleted { site_id } => Self::Removed(LiveKey::Site(site_id)),
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use serde_json::{Value, json};

    use super::*;
    use crate::{CameraState, Crossing, Direction, LiveError, RunId, WorkerId, WorkerStatus};

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_250).unwrap()
    }

    /// One of each type that there is.
    fn events() -> Vec<LiveEvent> {
        let camera_id = CameraId::try_from(1).unwrap();
        let site_id: SiteId = "shop".parse().unwrap();
        let worker_id = WorkerId::from_index(0);
        let error = LiveError { code: Some("timeout".into()), message: "late".into(), at: at() };
        let zones = [("hall".parse().unwrap(), 2)].into();
        vec![
            LiveEvent::changed(LatestCount { camera_id, people: 1, at: at(), worker_id, zones }),
            LiveEvent::changed(LiveCamera {
                camera_id,
                state: CameraState::Backoff,
                since: at(),
                worker_id: None,
                retry_at: Some(at()),
                last_error: Some(error),
                error_count: 1,
            }),
            LiveEvent::changed(LiveWorker {
                worker_id,
                status: WorkerStatus::Busy,
                current_task: Some(camera_id),
                start_time: Some(at()),
                error_count: 0,
                pid: Some(7),
                restarts: 0,
                restart_at: None,
                last_error: None,
                started_at: Some(at()),
            }),
            LiveEvent::changed(LiveSite {
                site_id: site_id.clone(),
                occupancy: 2,
                capacity: None,
                entered: 3,
                left: 1,
                since: at(),
                at: at(),
            }),
            LiveEvent::Crossed(Crossing {
                camera_id,
                run: RunId(255),
                seq: 3,
                line_id: "door".parse().unwrap(),
                direction: Direction::In,
                direction_name: "to the shop".into(),
                track_id: 9,
                at: at(),
                confidence: 0.6,
            }),
            LiveEvent::Removed(LiveKey::Camera(camera_id)),
            LiveEvent::Removed(LiveKey::Site(site_id)),
        ]
    }

    #[test]
    fn events_say_their_type_beside_their_fields() {
        for event in events() {
            let json = serde_json::to_value(&event).unwrap();
            assert_eq!(json["type"], event.name());
            let mut fields = serde_json::to_value(event.fields()).unwrap();
            assert!(fields.get("type").is_none());
            fields["type"] = event.name().into();
            assert_eq!(fields, json);
            assert_eq!(serde_json::from_value::<LiveEvent>(json).unwrap(), event);
        }
    }

    #[test]
    fn times_have_milliseconds_and_a_crossing_its_public_fields() {
        let json: Vec<Value> =
            events().iter().map(|event| serde_json::to_value(event.fields()).unwrap()).collect();
        let at = json!("2023-11-14T22:13:20.250Z");
        for time in [
            &json[0]["at"],
            &json[1]["since"],
            &json[1]["retry_at"],
            &json[1]["last_error"]["at"],
            &json[2]["start_time"],
            &json[2]["started_at"],
            &json[3]["since"],
            &json[4]["at"],
        ] {
            assert_eq!(*time, at);
        }
        let crossing = serde_json::to_string(&events()[4].fields()).unwrap();
        assert_eq!(
            crossing,
            r#"{"event_id":"ff-3","camera_id":1,"line_id":"door","direction":"in","direction_name":"to the shop","track_id":9,"at":"2023-11-14T22:13:20.250Z","confidence":0.6}"#
        );
    }

    /// As it stands in Redis after an upgrade.
    #[test]
    fn what_the_version_before_wrote_is_read() {
        let old = [
            r#"{"type":"count","camera_id":1,"people":1,"at":"2023-11-14T22:13:20.250000111Z","worker_id":"worker_1","zones":{"hall":2}}"#,
            r#"{"type":"camera","camera_id":1,"state":"backoff","since":"2023-11-14T22:13:20.250Z","worker_id":null,"retry_at":"2023-11-14T22:13:20.250Z","last_error":{"code":"timeout","message":"late","at":"2023-11-14T22:13:20.250Z"},"error_count":1}"#,
            r#"{"type":"worker","worker_id":"worker_1","status":"busy","current_task":1,"start_time":"2023-11-14T22:13:20.250Z","error_count":0,"pid":7,"restarts":0,"restart_at":null,"last_error":null,"started_at":"2023-11-14T22:13:20.250Z"}"#,
            r#"{"type":"site","site_id":"shop","occupancy":2,"capacity":null,"in":3,"out":1,"since":"2023-11-14T22:13:20.250Z","at":"2023-11-14T22:13:20.250Z"}"#,
            r#"{"type":"crossing","event_id":"ff-3","camera_id":1,"line_id":"door","direction":"in","direction_name":"to the shop","track_id":9,"at":"2023-11-14T22:13:20.250Z","confidence":0.6}"#,
            r#"{"type":"camera_deleted","camera_id":1}"#,
            r#"{"type":"site_deleted","site_id":"shop"}"#,
        ];
        for (old, event) in old.into_iter().zip(events()) {
            let read: LiveEvent = serde_json::from_str(old).unwrap();
            // Read to the nanosecond, written to the millisecond.
            assert_eq!(serde_json::to_value(read).unwrap(), serde_json::to_value(event).unwrap());
        }
    }
}
