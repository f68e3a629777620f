//! A recording analysed from its first frame to its last, as fast as that goes, by what also
//! analyses cameras. It is done in a process of its own: native code may crash or hang.

mod annotate;
mod child;
mod process;
mod run;

use std::{path::PathBuf, time::Duration};

use becamera_counting::{
    geometry::BoundingBox,
    track::{TrackId, TrackedPerson},
};
use becamera_domain::{
    DetectSettings, Direction, LineId, Scene, SceneTally, ZoneId,
    settings::{DetectorSettings, StreamSettings},
};
use serde::{Deserialize, Serialize};

pub use child::answer;
pub use process::{Limits, ReplayError, Stop, in_process_of_its_own};
pub use run::replay;

/// What is to be analysed, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayJob {
    /// The recording: an absolute path.
    pub video: PathBuf,
    /// The first and the last frame, counted from 1; what comes before the first is as if it were
    /// not in the recording.
    pub frames: Option<(u64, u64)>,
    /// Lines and zones.
    pub scene: Scene,
    /// How people are looked for. As with cameras no more than `fps` frames a second are analysed.
    pub detect: DetectSettings,
    /// The network.
    pub detector: DetectorSettings,
    /// How the file is opened.
    pub stream: StreamSettings,
    /// Where a video with everything drawn into it is written.
    pub annotate: Option<PathBuf>,
}

/// What is told of the analysis, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ReplayEvent {
    /// The recording is open and the network loaded.
    Opened(Recording),
    /// It is at this frame: a sign of life while frames are passed over.
    At(u64),
    /// A frame was analysed.
    Frame(ReplayFrame),
    /// What lines and zones say of a second of the recording, counted from 0, in which frames were
    /// analysed; after the last frame of the second.
    Second(u64, SceneTally),
    /// The recording is over.
    Done(Summary),
    /// It could not be analysed (any further), and why.
    Failed(String),
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Width of its pictures.
    pub width: u32,
    /// Height of its pictures.
    pub height: u32,
    /// Frames a second.
    pub fps: f32,
    /// How many frames it says that it has.
    pub frames: Option<u64>,
    /// The inference library.
    pub backend: String,
}

/// What a frame showed, and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayFrame {
    /// Its number, counted from 1.
    pub number: u64,
    /// Its time in the recording.
    pub at: Duration,
    /// Everybody who counts.
    pub people: Vec<ReplayPerson>,
    /// Who crossed a line with it.
    pub crossings: Vec<ReplayCrossing>,
    /// Who is in which zone.
    pub occupancy: Vec<(ZoneId, u32)>,
    /// How often the network ran.
    pub inferences: u32,
    /// How long the network took.
    pub inference: Duration,
    /// Everything after the decoding: motion, network, following, counting.
    pub analysis: Duration,
    /// Decoding this frame and those passed over before it.
    pub decoding: Duration,
}

/// A person in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReplayPerson {
    /// Who.
    pub track: u64,
    /// Left, top, width and height in pixels.
    pub bbox: [f32; 4],
    /// Mean score of the detections, 0 to 1.
    pub confidence: f32,
    /// Whether they were found in this very frame.
    pub seen: bool,
}

impl From<&TrackedPerson> for ReplayPerson {
    fn from(person: &TrackedPerson) -> Self {
        let BoundingBox { left, top, width, height } = person.bbox;
        Self {
            track: person.id.0,
            bbox: [left, top, width, height],
            confidence: person.confidence,
            seen: person.seen,
        }
    }
}

impl From<&ReplayPerson> for TrackedPerson {
    fn from(person: &ReplayPerson) -> Self {
        let [left, top, width, height] = person.bbox;
        Self {
            id: TrackId(person.track),
            bbox: BoundingBox { left, top, width, height },
            confidence: person.confidence,
            seen: person.seen,
        }
    }
}

/// Somebody crossed a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayCrossing {
    /// The line.
    pub line_id: LineId,
    /// Which way.
    pub direction: Direction,
    /// Who.
    pub track: u64,
    /// Mean score of the detections, 0 to 1.
    pub confidence: f32,
}

/// How a recording ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Frames in the recording, or in the part of it that was asked for.
    pub frames: u64,
    /// Frames that could not be decoded or analysed.
    pub damaged: u64,
}

#[cfg(test)]
mod tests;
