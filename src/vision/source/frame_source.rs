//! What every source of frames is to the frame loop.

use std::time::{Duration, Instant};

use becamera_domain::{Budget, Failure, StreamInfo};
use opencv::core::Mat;

/// Longest wait of one [`FrameSource::next_frame`]: how soon a cancel is seen.
pub const POLL: Duration = Duration::from_millis(50);

/// What a source gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A frame to analyse.
    Frame {
        /// When it was received.
        received: Instant,
        /// Its place in the stream: since the stream's start, in the stream's own time.
        position: Duration,
    },
    /// Nothing yet.
    Idle,
    /// A recording is over.
    End,
}

/// Frames that were not analysed, since the last time that it was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// Beyond the budget, or replaced by a newer one.
    pub dropped: u32,
    /// Damaged.
    pub damaged: u32,
}

/// Gives frames to the frame loop.
pub trait FrameSource {
    /// Waits for a frame, at most [`POLL`] (a recording: while one is decoded), and puts it into
    /// `frame`.
    fn next_frame(&mut self, frame: &mut Mat) -> Result<Next, Failure>;

    /// What is known of the stream, once there was a frame.
    fn info(&self) -> Option<StreamInfo>;

    /// The frames lost since the last call.
    fn take_losses(&mut self) -> Losses;

    /// How many frames a second it gives at most; none where it gives all.
    fn budget(&self) -> Option<Budget>;

    /// Lets go of the stream. `false` when a native call is stuck and could not be awaited.
    fn close(self: Box<Self>) -> bool;
}
