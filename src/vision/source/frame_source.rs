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
    /// A frame that was decoded but is beyond the budget: it is not analysed.
    Passed,
    /// Nothing yet.
    Idle,
    /// A recording is over.
    End,
}

/// What a source read since the last time that it was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Frames read, whether they were given to the loop or not.
    pub read: u32,
    /// Frames not analysed: beyond the budget, or replaced by a newer one.
    pub dropped: u32,
    /// Damaged frames.
    pub damaged: u32,
    /// Time spent on reading and decoding; zero where another thread does it.
    pub decoding: Duration,
}

/// Gives frames to the frame loop.
pub trait FrameSource {
    /// Waits for a frame, at most [`POLL`] (a recording: while one is decoded), and puts it into
    /// `frame`.
    ///
    /// # Errors
    /// The failure that ends the stream.
    fn next_frame(&mut self, frame: &mut Mat) -> Result<Next, Failure>;

    /// What is known of the stream, once a frame was decoded.
    fn info(&self) -> Option<StreamInfo>;

    /// What was read since the last call.
    fn take_reading(&mut self) -> Reading;

    /// The budget of frames per second that it keeps; none where it gives all frames.
    fn budget(&self) -> Option<Budget>;

    /// Releases the stream. `false` when a native call is stuck and could not be awaited.
    fn close(self: Box<Self>) -> bool;
}
