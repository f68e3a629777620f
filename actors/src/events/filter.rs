//! Which events a client wants.

use std::collections::BTreeSet;

use becamera_domain::{CameraId, LiveEvent, LiveKind, LiveRecord};

/// Which events a client wants; what is absent means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only these cameras. Says nothing about workers and sites.
    pub cameras: Option<BTreeSet<CameraId>>,
    /// Only these kinds.
    pub kinds: Option<BTreeSet<LiveKind>>,
}

impl EventFilter {
    /// Whether this event is wanted.
    pub fn takes(&self, event: &LiveEvent) -> bool {
        self.takes_about(event.kind(), event.camera_id())
    }

    /// Whether this record is wanted.
    pub fn takes_record(&self, record: &LiveRecord) -> bool {
        self.takes_about(record.kind(), record.camera_id())
    }

    /// Whether events of this kind are wanted at all.
    pub fn takes_kind(&self, kind: LiveKind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    /// Whether events of this kind are wanted that are about this camera, or about none.
    fn takes_about(&self, kind: LiveKind, camera: Option<CameraId>) -> bool {
        let is_wanted = |id| self.cameras.as_ref().is_none_or(|ids| ids.contains(&id));
        self.takes_kind(kind) && camera.is_none_or(is_wanted)
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::LiveKey;

    use super::*;

    #[test]
    fn cameras_and_kinds_narrow_it_together() {
        let camera = |id: i64| CameraId::try_from(id).unwrap();
        let deleted = |id: i64| LiveEvent::Removed(LiveKey::Camera(camera(id)));
        assert!(EventFilter::default().takes(&deleted(1)));
        let one = EventFilter { cameras: Some([camera(1)].into()), kinds: None };
        assert!(one.takes(&deleted(1)) && !one.takes(&deleted(2)));
        assert!(one.takes_kind(LiveKind::Worker), "workers are no cameras");
        let counts = EventFilter { kinds: Some([LiveKind::Count].into()), ..one };
        assert!(!counts.takes(&deleted(1)) && !counts.takes_kind(LiveKind::Worker));
        assert!(counts.takes_about(LiveKind::Count, Some(camera(1))));
        let site = LiveEvent::Removed(LiveKey::Site("shop".parse().unwrap()));
        assert!(!counts.takes(&site));
        let sites = EventFilter { kinds: Some(["site".parse().unwrap()].into()), ..counts };
        assert!(sites.takes(&site), "sites are no cameras");
        assert!(!sites.takes_kind(LiveKind::Crossing));
    }
}
