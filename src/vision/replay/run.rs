//! The analysis of a recording: the frame loop, and what it reports.

use std::time::{Duration, Instant};

use becamera_counting::{budget::FrameBudget, counter::SecondCount, scene::SceneTotals};
use becamera_domain::{Budget, Failure, FailureCode, Scene, StreamInfo};
use opencv::core::Mat;

use super::{
    Recording, ReplayEvent, ReplayFrame, ReplayJob, Summary, annotate::Annotator,
    source::ReplaySource,
};
use crate::vision::{
    capture::Capture,
    detector::{self, DetectorError},
    frame_loop::{Clock, CountedFrame, FrameLoop, FrameSink},
    source::Reading,
};

/// The frame rate of a recording that does not say its own.
const USUAL_FPS: f32 = 25.0;

/// Pause between two heartbeats while frames are passed over.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Analyses a recording and reports to `tell`. The error is a sentence.
pub fn replay(job: &ReplayJob, tell: &mut dyn FnMut(ReplayEvent)) -> Result<Summary, String> {
    let mut detector = detector::load(&job.detector).map_err(|error| error.to_string())?;
    let capture =
        Capture::open_recording(&job.video, &job.stream).map_err(|failure| failure.message)?;
    let fps = capture.frame_rate().unwrap_or(USUAL_FPS);
    let annotator = job.annotate.as_ref().map(|path| Annotator::new(&job.scene, path, fps));
    let mut report = Report {
        tell,
        fps,
        frames: capture.frame_count(),
        backend: detector.backend().to_owned(),
        annotator,
        number: 0,
        opened: false,
        told: Instant::now(),
        decoding: Duration::ZERO,
        damaged: 0,
    };
    let frames = job.frames.unwrap_or((1, u64::MAX));
    let budget = FrameBudget::new(job.detect.fps);
    let mut source = ReplaySource::new(capture, fps, budget, frames, job.annotate.is_some());
    let ended = FrameLoop::new(detector.as_mut(), &job.detect, &job.scene, Clock::Recording)
        .run(&mut source, &mut report);
    ended.result.map_err(|failure| failure.message)?;
    report.finish(frames.0, ended.last)
}

/// What the frame loop reports of a recording.
struct Report<'a> {
    tell: &'a mut dyn FnMut(ReplayEvent),
    fps: f32,
    /// The number of frames that the recording's header says.
    frames: Option<u64>,
    backend: String,
    annotator: Option<Annotator>,
    /// Number of the newest frame, counted from 1.
    number: u64,
    opened: bool,
    /// When anything was reported last.
    told: Instant,
    /// Time of decoding since the last frame that was analysed.
    decoding: Duration,
    damaged: u64,
}

impl Report<'_> {
    fn tell(&mut self, event: ReplayEvent) {
        self.told = Instant::now();
        (self.tell)(event);
    }

    /// Reports what is left at the recording's end, of which the frames from `first` on were asked
    /// for.
    fn finish(mut self, first: u64, last: Option<SecondCount>) -> Result<Summary, String> {
        let frames = (self.number + 1).saturating_sub(first);
        if frames == 0 && self.number > 0 {
            let frames = self.number;
            return Err(format!("it has {frames} frames: there is no frame {first}"));
        }
        if !self.opened {
            return Err("the file holds no frame that can be decoded".into());
        }
        if let Some(count) = last {
            self.second(count);
        }
        if let Some(annotator) = self.annotator {
            annotator.finish()?;
        }
        Ok(Summary { frames, damaged: self.damaged })
    }
}

impl FrameSink for Report<'_> {
    fn is_cancelled(&self) -> bool {
        false
    }

    fn begin_turn(&mut self, reading: Reading, _budget: Option<Budget>) -> Option<Scene> {
        self.number += u64::from(reading.read);
        self.damaged += u64::from(reading.damaged);
        self.decoding += reading.decoding;
        None
    }

    fn opened(&mut self, info: StreamInfo) {
        self.opened = true;
        let recording = Recording {
            width: info.width,
            height: info.height,
            fps: self.fps,
            frames: self.frames,
            backend: self.backend.clone(),
        };
        self.tell(ReplayEvent::Opened(recording));
    }

    fn begin_frame(&mut self) -> bool {
        false
    }

    fn second(&mut self, count: SecondCount) {
        // The recording's clock starts in 1970.
        let second = count.start.timestamp().unsigned_abs();
        self.tell(ReplayEvent::Second(second, count.scene));
    }

    fn counted(&mut self, frame: CountedFrame<'_>) {
        let analysis = frame.started.elapsed();
        if let Some(annotator) = &mut self.annotator {
            annotator.set_people(&frame.analysis.people);
        }
        let decoding = std::mem::take(&mut self.decoding);
        self.tell(ReplayEvent::Frame(ReplayFrame {
            number: self.number,
            at: frame.position,
            people: frame.analysis.people,
            crossings: frame.crossings,
            occupancy: frame.totals.occupancy.clone(),
            inferences: frame.analysis.inferences,
            inference: frame.analysis.inference,
            analysis,
            decoding,
        }));
    }

    fn not_analysed(&mut self, _error: &DetectorError) {
        self.damaged += 1;
    }

    fn end_turn(
        &mut self,
        frame: &mut Mat,
        decoded: bool,
        totals: &SceneTotals,
    ) -> Result<(), Failure> {
        if self.told.elapsed() >= HEARTBEAT {
            self.tell(ReplayEvent::At(self.number));
        }
        match &mut self.annotator {
            Some(annotator) if decoded => annotator
                .write(frame, totals)
                .map_err(|error| Failure::new(FailureCode::Unsupported, error)),
            _ => Ok(()),
        }
    }
}
