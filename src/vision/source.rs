//! Where the frame loop gets its frames: a recording, read in step, or a live stream, of which
//! only the newest frame matters.

use std::{
    thread,
    time::{Duration, Instant},
};

use becamera_actors::{
    domain::{Failure, FailureCode, Job, SourceSettings, StreamInfo, StreamUrl},
    settings::StreamSettings,
};
use opencv::core::Mat;

use super::{
    budget::FrameBudget,
    capture::{Capture, Grab},
    grabber::LiveSource,
    probe::StreamDescription,
};

/// Longest wait of one [`FrameSource::next_frame`]: how soon a cancel is seen.
pub const POLL: Duration = Duration::from_millis(50);

/// A recording that is further behind its own clock gives up catching up.
const HOPELESS: Duration = Duration::from_secs(2);

/// What a source gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A frame to analyse, received at this moment.
    Frame(Instant),
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

    /// Lets go of the stream. `false` when a native call is stuck and could not be awaited.
    fn close(self: Box<Self>) -> bool;
}

/// Opens the source of a job, of which a probe gave the description. What it gives first may
/// still be a failure to open.
pub fn open(
    job: &Job,
    settings: &StreamSettings,
    described: StreamDescription,
) -> Result<Box<dyn FrameSource>, Failure> {
    let budget = FrameBudget::new(job.detect.fps);
    if job.url.is_file() {
        Ok(Box::new(FileSource::new(&job.url, settings, job.source, budget)))
    } else {
        Ok(Box::new(LiveSource::start(&job.url, settings, described, budget)?))
    }
}

/// A recording, read by the frame loop's own thread.
struct FileSource {
    url: StreamUrl,
    settings: StreamSettings,
    source: SourceSettings,
    budget: FrameBudget,
    capture: Option<Capture>,
    info: Option<StreamInfo>,
    /// When the first frame was due.
    started: Instant,
    /// Time from the first frame to the next by the recording's own rate, over all passes.
    position: Duration,
    /// Frames of this pass.
    good: u64,
    losses: Losses,
}

impl FileSource {
    fn new(
        url: &StreamUrl,
        settings: &StreamSettings,
        source: SourceSettings,
        budget: FrameBudget,
    ) -> Self {
        Self {
            url: url.clone(),
            settings: settings.clone(),
            source,
            budget,
            capture: None,
            info: None,
            started: Instant::now(),
            position: Duration::ZERO,
            good: 0,
            losses: Losses::default(),
        }
    }

    /// Whether the next frame is due; waits a little for it.
    fn is_due(&self) -> bool {
        let early = (self.started + self.position).saturating_duration_since(Instant::now());
        if !self.source.paced || early.is_zero() {
            return true;
        }
        thread::sleep(early.min(POLL));
        early <= POLL
    }

    /// Whether the grabbed frame is to be analysed: a paced recording drops frames as a live
    /// stream would when the worker is slow or the budget is lower than its rate.
    fn wants(&mut self, period: Duration) -> bool {
        if !self.source.paced {
            return true;
        }
        let late = self.started.elapsed().saturating_sub(self.position);
        if late > HOPELESS {
            self.started += late;
        } else if late > period {
            return false;
        }
        self.budget.takes(self.position)
    }

    fn at_end(&mut self) -> Result<Next, Failure> {
        self.drop_capture();
        if self.good == 0 {
            let message = "The file holds no frame that can be decoded";
            return Err(Failure::new(FailureCode::NoFrames, message));
        }
        self.good = 0;
        Ok(if self.source.loop_file { Next::Idle } else { Next::End })
    }

    fn drop_capture(&mut self) {
        if let Some(capture) = self.capture.take() {
            self.losses.damaged += capture.damaged;
        }
    }
}

impl FrameSource for FileSource {
    fn next_frame(&mut self, frame: &mut Mat) -> Result<Next, Failure> {
        let capture = match &mut self.capture {
            Some(capture) => capture,
            None => {
                let capture = Capture::open(&self.url, &self.settings)?;
                if self.info.is_none() {
                    self.started = Instant::now();
                }
                self.capture.insert(capture)
            }
        };
        let period = Duration::from_secs_f32(1.0 / capture.frame_rate().unwrap_or(25.0));
        if !self.is_due() {
            return Ok(Next::Idle);
        }
        let Some(capture) = &mut self.capture else { return Ok(Next::Idle) };
        let Grab::Frame(at) = capture.grab()? else { return self.at_end() };
        let wanted = self.wants(period);
        self.position += period;
        let Some(capture) = &mut self.capture else { return Ok(Next::Idle) };
        if !wanted {
            self.good += 1;
            self.losses.dropped += 1;
            return Ok(Next::Idle);
        }
        if !capture.retrieve(frame)? {
            return Ok(Next::Idle);
        }
        self.good += 1;
        self.info = Some(capture.info());
        Ok(Next::Frame(at))
    }

    fn info(&self) -> Option<StreamInfo> {
        self.info.clone()
    }

    fn take_losses(&mut self) -> Losses {
        let damaged =
            self.capture.as_mut().map_or(0, |capture| std::mem::take(&mut capture.damaged));
        let mut losses = std::mem::take(&mut self.losses);
        losses.damaged += damaged;
        losses
    }

    fn close(self: Box<Self>) -> bool {
        true
    }
}
