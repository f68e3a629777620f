//! Analyses a recording from its first frame to its last at full speed, by the same frame loop as
//! cameras. It is done in a process of its own: native code may crash or hang.

mod annotate;
mod child;
mod process;
mod run;
mod source;

use std::{path::PathBuf, time::Duration};

use becamera_counting::{scene::LineCrossing, track::TrackedPerson};
use becamera_domain::{
    DetectSettings, FrameSize, Scene, SceneTally, ZoneId,
    settings::{DetectorSettings, StreamSettings},
};
use serde::{Deserialize, Serialize};

pub use child::answer;
pub use process::{Limits, ReplayError, Stop, in_process_of_its_own};
pub use run::replay;

/// A recording to analyse, and how to do it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayJob {
    /// The recording: an absolute path.
    pub video: PathBuf,
    /// The first and the last frame, counted from 1; frames before the first are passed over as if
    /// they were not in the recording.
    pub frames: Option<(u64, u64)>,
    /// Lines and zones.
    pub scene: Scene,
    /// How people are detected. As with cameras no more than `fps` frames per second are analysed.
    pub detect: DetectSettings,
    /// The network.
    pub detector: DetectorSettings,
    /// How the file is opened.
    pub stream: StreamSettings,
    /// Where a video with people, lines, zones and counts drawn into it is written.
    pub annotate: Option<PathBuf>,
}

/// What is reported of the analysis, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ReplayEvent {
    /// The recording is open and the network loaded.
    Opened(Recording),
    /// The number of the newest frame read: a heartbeat while frames are passed over.
    At(u64),
    /// A frame was analysed.
    Frame(ReplayFrame),
    /// The tally of lines and zones of a second of the recording, counted from 0, in which frames
    /// were analysed; after the last frame of the second.
    Second(u64, SceneTally),
    /// The recording is over.
    Done(Summary),
    /// Why it could not be analysed (any further).
    Failed(String),
}

/// A recording. `becamera count --json` prints these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Width of its pictures, in pixels.
    pub width: u32,
    /// Height of its pictures, in pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: f32,
    /// The number of its frames, as its header says.
    pub frames: Option<u64>,
    /// The inference library's name and version, and the precision that it calculates with.
    pub backend: String,
}

impl Recording {
    /// The size of its pictures.
    pub fn size(&self) -> FrameSize {
        FrameSize::new(self.width, self.height)
    }
}

/// What was counted in a frame, and how long that took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayFrame {
    /// Its number, counted from 1.
    pub number: u64,
    /// Its time in the recording.
    pub at: Duration,
    /// The people who are counted.
    pub people: Vec<TrackedPerson>,
    /// Crossings of lines with it.
    pub crossings: Vec<LineCrossing>,
    /// Number of people in each zone.
    pub occupancy: Vec<(ZoneId, u32)>,
    /// Number of times that the network ran.
    pub inferences: u32,
    /// How long the network took.
    pub inference: Duration,
    /// Time of everything after the decoding: motion, network, tracking, counting.
    pub analysis: Duration,
    /// Time of decoding this frame and those passed over before it.
    pub decoding: Duration,
}

/// The frames of a recording that was analysed to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Frames in the recording, or in the part of it that was asked for.
    pub frames: u64,
    /// Frames that could not be decoded or analysed.
    pub damaged: u64,
}

#[cfg(test)]
mod tests;
