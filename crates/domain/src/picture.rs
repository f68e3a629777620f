//! Pictures of what a camera sees.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a picture is to look like. Whether people are blurred is no option: the settings say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureOptions {
    /// Widest, in pixels; the camera's own width where that is less.
    pub width: u32,
    /// JPEG quality, 1 to 100. Less is taken where the picture would be too large.
    pub quality: u8,
    /// Draw what was found, and the lines and zones.
    pub annotate: bool,
}

/// A picture that somebody waits for: a single one, of the newest frame, or of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRequest {
    /// What it is to look like.
    pub options: PictureOptions,
    /// Of a frame with a higher number than this; 0: of any.
    pub after: u64,
}

impl SnapshotRequest {
    /// Adds it to others; it and one of the same options become one.
    pub fn add_to(self, requests: &mut Vec<Self>) {
        match requests.iter_mut().find(|other| other.options == self.options) {
            Some(same) => same.after = same.after.min(self.after),
            None => requests.push(self),
        }
    }
}

/// Answers a [`SnapshotRequest`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// As requested.
    pub options: PictureOptions,
    /// The number of its frame within the run, from 1.
    pub frame: u64,
    /// When that frame was received.
    pub taken_at: DateTime<Utc>,
    /// The JPEG, or why there is none.
    pub jpeg: Result<Bytes, String>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jpeg = self.jpeg.as_ref().map(|jpeg| format!("{} bytes", jpeg.len()));
        f.debug_struct("Picture").field("frame", &self.frame).field("jpeg", &jpeg).finish()
    }
}
