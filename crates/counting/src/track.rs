//! People as they are tracked from frame to frame.

use serde::{Deserialize, Serialize};

use crate::geometry::BoundingBox;

/// Number of a track: the same while a person is tracked, never given twice within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrackId(pub u64);

/// A person in a frame: a confirmed track.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrackedPerson {
    /// The track's number.
    pub id: TrackId,
    /// The person's box, in pixels of the frame; may reach beyond its edges.
    pub bbox: BoundingBox,
    /// Mean score of the track's detections, 0 to 1.
    pub confidence: f32,
    /// Whether the person was detected in this very frame; otherwise the box is predicted.
    pub seen: bool,
}
