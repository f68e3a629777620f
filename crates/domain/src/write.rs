//! What is written to the store, in the order in which it happened.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AuditEntry, Camera, CameraId, Correction, Crossing, Sample, Site, SiteId};

/// One change of what is stored. Doing it twice is doing it once, as long as everything that came
/// after it is done again too.
///
/// As JSON it is an object with one field, named after its [`kind`](Write::kind). A registration
/// has no such form: its stream URL holds a password, which must be sealed first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// Add a sample, and add it to the rollups.
    Sample(Sample),
    /// Add a crossing, and add it to the rollups of its line.
    Crossing(Crossing),
    /// Register a camera or replace its registration.
    #[serde(skip)]
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

/// What kind of change a [`Write`] is, and what follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteKind {
    /// See [`Write::Sample`].
    Sample,
    /// See [`Write::Crossing`].
    Crossing,
    /// See [`Write::SaveCamera`].
    SaveCamera,
    /// See [`Write::ForgetCamera`].
    ForgetCamera,
    /// See [`Write::SaveSite`].
    SaveSite,
    /// See [`Write::ForgetSite`].
    ForgetSite,
    /// See [`Write::Correct`].
    Correct,
    /// See [`Write::Audit`].
    Audit,
}

impl WriteKind {
    /// Its name in the spool, which must never change: a spool may be older than the program.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Crossing => "crossing",
            Self::SaveCamera => "save_camera",
            Self::ForgetCamera => "forget_camera",
            Self::SaveSite => "save_site",
            Self::ForgetSite => "forget_site",
            Self::Correct => "correct",
            Self::Audit => "audit",
        }
    }

    /// Whether it may be thinned out where there is no room for all that waits: what is left of
    /// samples still shows how many people there were, with less coverage.
    pub const fn may_be_thinned_out(self) -> bool {
        matches!(self, Self::Sample)
    }

    /// Whether it is to be written at once instead of with the next batch: rare, and each one
    /// matters. An audit entry waits for what it is about, which follows it.
    pub const fn is_urgent(self) -> bool {
        !matches!(self, Self::Sample | Self::Audit)
    }
}

impl Write {
    /// What kind of change it is.
    pub const fn kind(&self) -> WriteKind {
        match self {
            Self::Sample(_) => WriteKind::Sample,
            Self::Crossing(_) => WriteKind::Crossing,
            Self::SaveCamera(_) => WriteKind::SaveCamera,
            Self::ForgetCamera(_) => WriteKind::ForgetCamera,
            Self::SaveSite(_) => WriteKind::SaveSite,
            Self::ForgetSite(_) => WriteKind::ForgetSite,
            Self::Correct(_) => WriteKind::Correct,
            Self::Audit(_) => WriteKind::Audit,
        }
    }

    /// Whether it is a sample: the only kind that may be thinned out.
    pub const fn is_sample(&self) -> bool {
        self.kind().may_be_thinned_out()
    }

    /// The camera that it was counted on; it is of no use without that camera's registration.
    pub const fn counted_on(&self) -> Option<CameraId> {
        match self {
            Self::Sample(sample) => Some(sample.camera_id),
            Self::Crossing(crossing) => Some(crossing.camera_id),
            _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_named_after_the_kind() {
        let id = CameraId::try_from(7).unwrap();
        let site: SiteId = "shop".parse().unwrap();
        for write in [Write::ForgetCamera(id), Write::ForgetSite(site)] {
            let text = serde_json::to_string(&write).unwrap();
            let kind = write.kind().as_str();
            assert!(text.starts_with(&format!("{{\"{kind}\":")), "{text}");
            assert_eq!(serde_json::from_str::<Write>(&text).unwrap(), write);
        }
    }
}
