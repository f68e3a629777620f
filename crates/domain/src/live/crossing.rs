//! A crossing as clients read it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{CameraId, Crossing, CrossingId, Direction, LineId, Timestamp};

/// The fields of a crossing as clients read it: in events, in Redis, in pages and in CSV. Only how its
/// time is written differs, which is `T`: a [`Timestamp`] in events, by a zone's clock in pages. (A
/// [`Crossing`]'s own JSON is that of the spool.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublicCrossing<'a, T = Timestamp> {
    /// Its identity.
    pub event_id: CrossingId,
    /// The camera.
    pub camera_id: CameraId,
    /// The line.
    pub line_id: Cow<'a, LineId>,
    /// Which way.
    pub direction: Direction,
    /// What the line's operator called that way, then.
    pub direction_name: Cow<'a, str>,
    /// The person's track: the same number as long as the person is followed, within one run.
    pub track_id: u64,
    /// When, UTC.
    pub at: T,
    /// How sure the detector was of the person, 0 to 1.
    pub confidence: f32,
}

impl Crossing {
    /// As clients read it in events.
    pub fn public(&self) -> PublicCrossing<'_> {
        self.public_at(Timestamp(self.at))
    }

    /// As clients read it, with its time written like this.
    pub fn public_at<T>(&self, at: T) -> PublicCrossing<'_, T> {
        PublicCrossing {
            event_id: self.id(),
            camera_id: self.camera_id,
            line_id: Cow::Borrowed(&self.line_id),
            direction: self.direction,
            direction_name: Cow::Borrowed(&self.direction_name),
            track_id: self.track_id,
            at,
            confidence: self.confidence,
        }
    }
}

impl From<PublicCrossing<'_>> for Crossing {
    fn from(crossing: PublicCrossing<'_>) -> Self {
        let CrossingId { run, seq } = crossing.event_id;
        Self {
            camera_id: crossing.camera_id,
            run,
            seq,
            line_id: crossing.line_id.into_owned(),
            direction: crossing.direction,
            direction_name: crossing.direction_name.into_owned(),
            track_id: crossing.track_id,
            at: crossing.at.0,
            confidence: crossing.confidence,
        }
    }
}
