//! Which events a follower wants.

use std::{collections::BTreeSet, str::FromStr};

use becamera_domain::{CameraId, LiveEvent};

/// Kinds of events that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// New counts.
    Count,
    /// Cameras' states, deletions included.
    Camera,
    /// Workers' states.
    Worker,
    /// Crossings of lines.
    Crossing,
    /// People in sites, deletions of sites included.
    Site,
}

impl FromStr for EventKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "count" => Ok(Self::Count),
            "camera" => Ok(Self::Camera),
            "worker" => Ok(Self::Worker),
            "crossing" => Ok(Self::Crossing),
            "site" => Ok(Self::Site),
            _ => Err(()),
        }
    }
}

/// Which events a follower wants; what is absent means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only these cameras. Says nothing about workers and sites.
    pub cameras: Option<BTreeSet<CameraId>>,
    /// Only these kinds.
    pub kinds: Option<BTreeSet<EventKind>>,
}

impl EventFilter {
    /// Whether this event is wanted.
    pub fn takes(&self, event: &LiveEvent) -> bool {
        match event {
            LiveEvent::Count(count) => self.takes_camera(EventKind::Count, count.camera_id),
            LiveEvent::Camera(camera) => self.takes_camera(EventKind::Camera, camera.camera_id),
            LiveEvent::Crossing(crossing) => {
                self.takes_camera(EventKind::Crossing, crossing.camera_id)
            }
            LiveEvent::CameraDeleted { camera_id } => {
                self.takes_camera(EventKind::Camera, *camera_id)
            }
            LiveEvent::Site(_) | LiveEvent::SiteDeleted { .. } => self.takes_kind(EventKind::Site),
            LiveEvent::Worker(_) => self.takes_kind(EventKind::Worker),
        }
    }

    /// Whether events of this kind about this camera are wanted.
    pub fn takes_camera(&self, kind: EventKind, camera: CameraId) -> bool {
        self.takes_kind(kind) && self.cameras.as_ref().is_none_or(|ids| ids.contains(&camera))
    }

    /// Whether events of this kind are wanted at all.
    pub fn takes_kind(&self, kind: EventKind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_and_kinds_narrow_it_together() {
        let camera = |id: i64| CameraId::try_from(id).unwrap();
        let deleted = |id: i64| LiveEvent::CameraDeleted { camera_id: camera(id) };
        assert!(EventFilter::default().takes(&deleted(1)));
        let one = EventFilter { cameras: Some([camera(1)].into()), kinds: None };
        assert!(one.takes(&deleted(1)) && !one.takes(&deleted(2)));
        assert!(one.takes_kind(EventKind::Worker), "workers are no cameras");
        let counts = EventFilter { kinds: Some([EventKind::Count].into()), ..one };
        assert!(!counts.takes(&deleted(1)) && !counts.takes_kind(EventKind::Worker));
        assert!(counts.takes_camera(EventKind::Count, camera(1)));
        let site = LiveEvent::SiteDeleted { site_id: "shop".parse().unwrap() };
        assert!(!counts.takes(&site));
        let sites = EventFilter { kinds: Some(["site".parse().unwrap()].into()), ..counts };
        assert!(sites.takes(&site), "sites are no cameras");
        assert!(!sites.takes_kind(EventKind::Crossing));
    }
}
