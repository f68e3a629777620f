//! A recording at full speed: every frame is read, those within the budget are analysed.

use std::time::{Duration, Instant};

use becamera_counting::budget::FrameBudget;
use becamera_domain::{Budget, Failure, StreamInfo};
use opencv::core::Mat;

use crate::vision::{
    capture::{Capture, Grab},
    source::{FrameSource, Next, Reading},
};

/// A part of a recording that is open.
pub(super) struct ReplaySource {
    capture: Capture,
    fps: f32,
    budget: FrameBudget,
    /// The first and the last frame, counted from 1.
    frames: (u64, u64),
    /// Whether frames beyond the budget are decoded too.
    decode_all: bool,
    /// Number of the newest frame, counted from 1.
    number: u64,
    decoded: bool,
    reading: Reading,
}

impl ReplaySource {
    /// The frames from the first to the last of these, counted from 1, in a recording of `fps` frames
    /// per second. Frames beyond the budget are decoded if `decode_all` says so.
    pub(super) fn new(
        capture: Capture,
        fps: f32,
        budget: FrameBudget,
        frames: (u64, u64),
        decode_all: bool,
    ) -> Self {
        let (number, decoded, reading) = (0, false, Reading::default());
        Self { capture, fps, budget, frames, decode_all, number, decoded, reading }
    }
}

impl FrameSource for ReplaySource {
    fn next_frame(&mut self, frame: &mut Mat) -> Result<Next, Failure> {
        let (first, last) = self.frames;
        if self.number >= last {
            return Ok(Next::End);
        }
        let started = Instant::now();
        let Grab::Frame(received) = self.capture.grab()? else { return Ok(Next::End) };
        self.number += 1;
        self.reading.read += 1;
        if self.number < first {
            return Ok(Next::Idle);
        }
        let seconds = (self.number - 1) as f64 / f64::from(self.fps);
        let position = Duration::from_secs_f64(seconds);
        let analysed = self.budget.takes(position);
        let wanted = analysed || self.decode_all;
        if wanted && !self.capture.retrieve(frame)? {
            return Ok(Next::Idle);
        }
        self.decoded |= wanted;
        self.reading.decoding += started.elapsed();
        Ok(match (analysed, wanted) {
            (true, _) => Next::Frame { received, position },
            (false, true) => Next::Passed,
            (false, false) => Next::Idle,
        })
    }

    fn info(&self) -> Option<StreamInfo> {
        self.decoded.then(|| self.capture.info())
    }

    fn take_reading(&mut self) -> Reading {
        let damaged = std::mem::take(&mut self.capture.damaged);
        Reading { damaged, ..std::mem::take(&mut self.reading) }
    }

    fn budget(&self) -> Option<Budget> {
        None
    }

    fn close(self: Box<Self>) -> bool {
        true
    }
}
