//! People as they are followed from frame to frame.

use crate::geometry::BoundingBox;

/// Number of a track: the same as long as a person is followed, never given twice within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u64);

/// A person in a frame: one that was seen long enough to be believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackedPerson {
    /// Who.
    pub id: TrackId,
    /// Where, in pixels of the frame; may reach beyond its edges.
    pub bbox: BoundingBox,
    /// How sure the detector was, 0 to 1: the mean over the track's detections.
    pub confidence: f32,
    /// Whether the person was found in this very frame; otherwise the place is predicted.
    pub seen: bool,
}
