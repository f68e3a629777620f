//! A recording as a camera: read by the frame loop's own thread, paced by its own rate.

use std::{
    thread,
    time::{Duration, Instant},
};

use becamera_counting::budget::FrameBudget;
use becamera_domain::{
    Budget, Failure, FailureCode, SourceSettings, StreamInfo, StreamUrl, settings::StreamSettings,
};
use opencv::core::Mat;

use super::frame_source::{FrameSource, Next, POLL, Reading};
use crate::vision::capture::{Capture, Grab};

/// A recording that is further behind its own clock than this does not try to catch up.
const TOO_LATE: Duration = Duration::from_secs(2);

/// A recording that is open, or is opened with the next frame.
pub(super) struct FileSource {
    url: StreamUrl,
    settings: StreamSettings,
    source: SourceSettings,
    budget: FrameBudget,
    capture: Option<Capture>,
    info: Option<StreamInfo>,
    /// Time between two frames by the recording's own rate.
    period: Duration,
    /// When the first frame was due.
    started: Instant,
    /// Time from the first frame to the next by the recording's own rate, over all passes.
    position: Duration,
    /// Frames decoded or passed over in this pass.
    good: u64,
    reading: Reading,
}

impl FileSource {
    /// A recording that is opened when its first frame is asked for.
    pub(super) fn new(
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
            period: Duration::ZERO,
            started: Instant::now(),
            position: Duration::ZERO,
            good: 0,
            reading: Reading::default(),
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
    /// stream does when the worker is slow or the budget is lower than its rate.
    fn wants(&mut self, period: Duration) -> bool {
        if !self.source.paced {
            return true;
        }
        let taken = self.budget.takes(self.position);
        let late = self.started.elapsed().saturating_sub(self.position);
        if late > TOO_LATE {
            self.started += late;
        } else if late > period {
            if taken {
                self.budget.missed();
            }
            return false;
        }
        taken
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
            self.reading.damaged += capture.damaged;
        }
    }
}

impl FrameSource for FileSource {
    fn next_frame(&mut self, frame: &mut Mat) -> Result<Next, Failure> {
        if self.capture.is_none() {
            let path = self.url.file_path().unwrap_or_default();
            let capture = Capture::open_recording(&path, &self.settings)?;
            if self.info.is_none() {
                self.started = Instant::now();
            }
            self.period = Duration::from_secs_f32(1.0 / capture.frame_rate().unwrap_or(25.0));
            self.capture = Some(capture);
        }
        if !self.is_due() {
            return Ok(Next::Idle);
        }
        let Some(capture) = &mut self.capture else { return Ok(Next::Idle) };
        let Grab::Frame(received) = capture.grab()? else { return self.at_end() };
        self.reading.read += 1;
        let position = self.position;
        let wanted = self.wants(self.period);
        self.position += self.period;
        let Some(capture) = &mut self.capture else { return Ok(Next::Idle) };
        if !wanted {
            self.good += 1;
            self.reading.dropped += 1;
            return Ok(Next::Idle);
        }
        if !capture.retrieve(frame)? {
            return Ok(Next::Idle);
        }
        self.good += 1;
        self.info.get_or_insert_with(|| capture.info());
        Ok(Next::Frame { received, position })
    }

    fn info(&self) -> Option<StreamInfo> {
        self.info.clone()
    }

    fn budget(&self) -> Option<Budget> {
        self.source.paced.then(|| self.budget.budget())
    }

    fn take_reading(&mut self) -> Reading {
        let damaged =
            self.capture.as_mut().map_or(0, |capture| std::mem::take(&mut capture.damaged));
        let mut reading = std::mem::take(&mut self.reading);
        reading.damaged += damaged;
        reading
    }

    fn close(self: Box<Self>) -> bool {
        true
    }
}
