//! The vocabulary of live events.

use std::str::FromStr;

use serde::Serialize;

use crate::{
    CameraId, Crossing, InvalidField, LatestCount, LiveCamera, LiveSite, LiveWorker, SiteId,
    WorkerId,
};

/// Something that subscribers are told.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveEvent {
    /// Something has a new state. The newest record replaces those before it.
    Changed(LiveRecord),
    /// Something was deleted.
    Removed(LiveKey),
    /// Somebody crossed a line. Each crossing counts: a later one does not replace it.
    Crossed(Crossing),
}

impl LiveEvent {
    /// The event that this is the newest state.
    pub fn changed(record: impl Into<LiveRecord>) -> Self {
        Self::Changed(record.into())
    }

    /// What it is about.
    pub fn kind(&self) -> LiveKind {
        match self {
            Self::Changed(record) => record.kind(),
            Self::Removed(key) => key.kind(),
            Self::Crossed(_) => LiveKind::Crossing,
        }
    }

    /// The stable name of its type: the name of a server-sent event, the `type` in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Removed(key) => key.removed_name(),
            Self::Changed(_) | Self::Crossed(_) => self.kind().as_str(),
        }
    }

    /// The camera it is about; none where it is about a worker or a site.
    pub fn camera_id(&self) -> Option<CameraId> {
        match self {
            Self::Changed(record) => record.camera_id(),
            Self::Removed(key) => key.camera_id(),
            Self::Crossed(crossing) => Some(crossing.camera_id),
        }
    }
}

/// What events can be about: what subscribers choose by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LiveKind {
    /// Counts of cameras.
    Count,
    /// Crossings of lines.
    Crossing,
    /// People in sites, deletions of sites included.
    Site,
    /// States of cameras, deletions included.
    Camera,
    /// States of workers.
    Worker,
}

impl LiveKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Count, Self::Crossing, Self::Site, Self::Camera, Self::Worker];

    /// The name by which subscribers choose it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Crossing => "crossing",
            Self::Site => "site",
            Self::Camera => "camera",
            Self::Worker => "worker",
        }
    }

    /// The name of the list of all of its records; none where it has no records.
    pub fn list_name(self) -> Option<&'static str> {
        match self {
            Self::Count => Some("counts"),
            Self::Crossing => None,
            Self::Site => Some("sites"),
            Self::Camera => Some("cameras"),
            Self::Worker => Some("workers"),
        }
    }
}

impl FromStr for LiveKind {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| InvalidField::new("types", format!("{text} is no type of event")))
    }
}

/// All that is known of something now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LiveRecord {
    /// A camera's newest count.
    Count(LatestCount),
    /// What a camera is doing.
    Camera(LiveCamera),
    /// What a worker is doing.
    Worker(LiveWorker),
    /// How many people are in a site.
    Site(LiveSite),
}

impl LiveRecord {
    /// What it is a record of.
    pub fn key(&self) -> LiveKey {
        match self {
            Self::Count(count) => LiveKey::Count(count.camera_id),
            Self::Camera(camera) => LiveKey::Camera(camera.camera_id),
            Self::Worker(worker) => LiveKey::Worker(worker.worker_id),
            Self::Site(site) => LiveKey::Site(site.site_id.clone()),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> LiveKind {
        self.key().kind()
    }

    /// The camera it is about; none where it is about a worker or a site.
    pub fn camera_id(&self) -> Option<CameraId> {
        self.key().camera_id()
    }
}

impl From<LatestCount> for LiveRecord {
    fn from(count: LatestCount) -> Self {
        Self::Count(count)
    }
}

impl From<LiveCamera> for LiveRecord {
    fn from(camera: LiveCamera) -> Self {
        Self::Camera(camera)
    }
}

impl From<LiveWorker> for LiveRecord {
    fn from(worker: LiveWorker) -> Self {
        Self::Worker(worker)
    }
}

impl From<LiveSite> for LiveRecord {
    fn from(site: LiveSite) -> Self {
        Self::Site(site)
    }
}

/// Names the record of something, whatever its state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LiveKey {
    /// A camera's newest count.
    Count(CameraId),
    /// A camera.
    Camera(CameraId),
    /// A worker.
    Worker(WorkerId),
    /// A site.
    Site(SiteId),
}

impl LiveKey {
    /// The kind of its record.
    pub fn kind(&self) -> LiveKind {
        match self {
            Self::Count(_) => LiveKind::Count,
            Self::Camera(_) => LiveKind::Camera,
            Self::Worker(_) => LiveKind::Worker,
            Self::Site(_) => LiveKind::Site,
        }
    }

    /// The camera it is about; none where it is about a worker or a site.
    pub fn camera_id(&self) -> Option<CameraId> {
        match self {
            Self::Count(id) | Self::Camera(id) => Some(*id),
            Self::Worker(_) | Self::Site(_) => None,
        }
    }

    /// Everything that is gone when this was deleted: itself, and a camera's count with the camera.
    pub fn with_dependents(&self) -> impl Iterator<Item = LiveKey> {
        let count = match self {
            Self::Camera(id) => Some(Self::Count(*id)),
            Self::Count(_) | Self::Worker(_) | Self::Site(_) => None,
        };
        count.into_iter().chain([self.clone()])
    }

    /// The name of the event that it was deleted.
    fn removed_name(&self) -> &'static str {
        match self {
            Self::Count(_) => "count_deleted",
            Self::Camera(_) => "camera_deleted",
            Self::Worker(_) => "worker_deleted",
            Self::Site(_) => "site_deleted",
        }
    }
}
