//! What is written to the store, in the order in which it happened.

use std::fmt;

use crate::{AuditEntry, Camera, CameraId, Correction, Crossing, Sample, Site, SiteId};

/// One change of what is stored. Doing it twice is doing it once, as long as everything that came
/// after it is done again too.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Add a sample, and add it to the rollups.
    Sample(Sample),
    /// Add a crossing, and add it to the rollups of its line.
    Crossing(Crossing),
    /// Register a camera or replace its registration.
    SaveCamera(Box<Camera>),
    /// Forget a camera and what was counted on it.
    ForgetCamera(CameraId),
    /// Keep a site or replace what is said of it.
    SaveSite(Box<Site>),
    /// Forget a site and its corrections.
    ForgetSite(SiteId),
    /// Add a correction of a site.
    Correct(Correction),
    /// Add an entry to the audit trail, which outlasts the camera that it is about.
    Audit(Box<AuditEntry>),
}

impl Write {
    /// Whether it is a sample: the only kind that may be thinned out where there is no room.
    pub fn is_sample(&self) -> bool {
        matches!(self, Self::Sample(_))
    }

    /// The camera that it was counted on; it is of no use without that camera's registration.
    pub fn counted_on(&self) -> Option<CameraId> {
        match self {
            Self::Sample(sample) => Some(sample.camera_id),
            Self::Crossing(crossing) => Some(crossing.camera_id),
            Self::SaveCamera(_)
            | Self::ForgetCamera(_)
            | Self::SaveSite(_)
            | Self::ForgetSite(_)
            | Self::Correct(_)
            | Self::Audit(_) => None,
        }
    }
}

/// Says what it is about, without secrets: for the log.
impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sample(Sample { camera_id, run, seq, bucket_start, .. }) => {
                let at = bucket_start.to_rfc3339();
                write!(f, "sample {run}-{seq} of camera {camera_id} at {at}")
            }
            Self::Crossing(crossing) => {
                let (id, line, camera) = (crossing.id(), &crossing.line_id, crossing.camera_id);
                let at = crossing.at.to_rfc3339();
                write!(f, "crossing {id} of line {line} of camera {camera} at {at}")
            }
            Self::SaveCamera(camera) => write!(f, "registration of camera {}", camera.id),
            Self::ForgetCamera(id) => write!(f, "removal of camera {id}"),
            Self::SaveSite(site) => write!(f, "definition of site {}", site.id),
            Self::ForgetSite(id) => write!(f, "removal of site {id}"),
            Self::Correct(Correction { id, site_id, .. }) => {
                write!(f, "correction {} of site {site_id}", id.0)
            }
            Self::Audit(entry) => {
                let action = entry.action.as_str();
                write!(f, "audit entry {} ({action})", entry.id.0)
            }
        }
    }
}
