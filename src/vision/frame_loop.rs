//! The frame loop: takes frames from a source, analyses them, counts, and gives the results to a
//! sink. Cameras and recordings differ in source, sink and clock alone.

use std::time::{Duration, Instant};

use becamera_counting::{
    counter::{PeopleCounter, SecondCount},
    scene::{LineCrossing, SceneTotals},
};
use becamera_domain::{Budget, DetectSettings, Failure, FailureCode, Scene, StreamInfo};
use chrono::{DateTime, TimeDelta, Utc};
use opencv::core::Mat;

use super::{
    analysis::{Analyser, Analysis},
    detector::{Detector, DetectorError},
    frame::frame_size,
    source::{FrameSource, Next, Reading},
};

/// Number of frames in a row that can't be analysed after which the loop fails.
const MAX_CONSECUTIVE_ERRORS: u32 = 30;

/// How frames are dated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// By the wall clock when they were received.
    Wall,
    /// By their place in the recording, as if it had started in 1970.
    Recording,
}

impl Clock {
    fn date(self, received: Instant, position: Duration) -> DateTime<Utc> {
        let span = |duration| TimeDelta::from_std(duration).unwrap_or_default();
        match self {
            Self::Wall => Utc::now() - span(received.elapsed()),
            Self::Recording => DateTime::UNIX_EPOCH + span(position),
        }
    }
}

/// A frame that was analysed and counted.
#[derive(Debug)]
pub struct CountedFrame<'a> {
    /// When it was received.
    pub received: Instant,
    /// When its analysis began.
    pub started: Instant,
    /// Its date, by the loop's clock.
    pub date: DateTime<Utc>,
    /// Its place in the stream: since the stream's start, in the stream's own time.
    pub position: Duration,
    /// What it shows.
    pub analysis: Analysis,
    /// Whether it was scanned as a whole, as the sink had asked.
    pub full_scan: bool,
    /// How long the network took, in milliseconds; none where an earlier count was held or tracks
    /// were predicted alone.
    pub inference_ms: Option<f32>,
    /// Crossings of lines with it.
    pub crossings: Vec<LineCrossing>,
    /// What was counted on lines and in zones so far.
    pub totals: &'a SceneTotals,
}

/// Takes the results of a frame loop, and tells it what is wanted. In each turn the loop calls
/// [`begin_turn`](Self::begin_turn), what happened in it, and [`end_turn`](Self::end_turn).
pub trait FrameSink {
    /// Whether the loop is to end instead of taking another frame.
    fn is_cancelled(&self) -> bool;

    /// The source was asked for a frame; this is what it read since the last turn, and the budget
    /// that it keeps, if any. Gives the scene that is counted on from now on, when it changed.
    fn begin_turn(&mut self, reading: Reading, budget: Option<Budget>) -> Option<Scene>;

    /// The first frame of the stream was decoded.
    fn opened(&mut self, info: StreamInfo);

    /// A frame is analysed next; gives whether it needs a full scan.
    fn begin_frame(&mut self) -> bool;

    /// A second is over.
    fn second(&mut self, count: SecondCount);

    /// A frame was analysed and counted.
    fn counted(&mut self, frame: CountedFrame<'_>);

    /// A frame could not be analysed.
    fn not_analysed(&mut self, error: &DetectorError);

    /// The turn is over. `frame` is the newest decoded one, which the sink may draw into;
    /// `decoded`: it was decoded in this turn.
    ///
    /// # Errors
    /// A failure that ends the loop.
    fn end_turn(
        &mut self,
        frame: &mut Mat,
        decoded: bool,
        totals: &SceneTotals,
    ) -> Result<(), Failure>;
}

/// How a frame loop without a failure ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The source has no more frames.
    Over,
    /// The sink cancelled it.
    Cancelled,
}

/// What is left of a frame loop.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub result: Result<Ending, Failure>,
    /// The count of the second under way.
    pub last: Option<SecondCount>,
    /// What was counted on lines and in zones.
    pub totals: SceneTotals,
}

/// A frame loop over one stream.
pub struct FrameLoop<'a> {
    detector: &'a mut dyn Detector,
    analyser: Analyser,
    counter: PeopleCounter,
    clock: Clock,
    opened: bool,
    consecutive_errors: u32,
}

impl<'a> FrameLoop<'a> {
    /// A loop that detects people with these settings and counts on this scene.
    pub fn new(
        detector: &'a mut dyn Detector,
        detect: &DetectSettings,
        scene: &Scene,
        clock: Clock,
    ) -> Self {
        let mut analyser = Analyser::new(detect, detector.input());
        analyser.update_scene(scene);
        let counter = PeopleCounter::new(detect.fps, scene);
        Self { detector, analyser, counter, clock, opened: false, consecutive_errors: 0 }
    }

    /// Runs until the source is over or fails, or the sink cancels it.
    pub fn run(mut self, source: &mut dyn FrameSource, sink: &mut dyn FrameSink) -> Ended {
        let result = self.turns(source, sink);
        let last = self.counter.end();
        Ended { result, last, totals: self.counter.totals().clone() }
    }

    fn turns(
        &mut self,
        source: &mut dyn FrameSource,
        sink: &mut dyn FrameSink,
    ) -> Result<Ending, Failure> {
        let mut frame = Mat::default();
        while !sink.is_cancelled() {
            let next = source.next_frame(&mut frame);
            let reading = source.take_reading();
            if let Some(scene) = sink.begin_turn(reading, source.budget()) {
                self.analyser.update_scene(&scene);
                self.counter.update_scene(&scene);
            }
            let next = next?;
            let decoded = matches!(next, Next::Frame { .. } | Next::Passed);
            if decoded
                && !self.opened
                && let Some(info) = source.info()
            {
                self.opened = true;
                sink.opened(info);
            }
            match next {
                Next::Frame { received, position } => {
                    self.analyse(&frame, received, position, sink)?;
                }
                Next::Passed => {}
                Next::Idle => self.idle(sink),
                Next::End => return Ok(Ending::Over),
            }
            sink.end_turn(&mut frame, decoded, self.counter.totals())?;
        }
        Ok(Ending::Cancelled)
    }

    fn analyse(
        &mut self,
        frame: &Mat,
        received: Instant,
        position: Duration,
        sink: &mut dyn FrameSink,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let full_scan = sink.begin_frame();
        if full_scan {
            self.analyser.request_full_scan();
        }
        match self.analyser.analyse(self.detector, frame, position) {
            Ok(analysis) => {
                self.consecutive_errors = 0;
                let date = self.clock.date(received, position);
                let inference_ms =
                    (analysis.inferences > 0).then(|| milliseconds(analysis.inference));
                let size = frame_size(frame);
                let (second, crossings) =
                    self.counter.add(date, position, &analysis.people, size, inference_ms);
                if let Some(second) = second {
                    sink.second(second);
                }
                let totals = self.counter.totals();
                sink.counted(CountedFrame {
                    received,
                    started,
                    date,
                    position,
                    analysis,
                    full_scan,
                    inference_ms,
                    crossings,
                    totals,
                });
                Ok(())
            }
            Err(error) => {
                sink.not_analysed(&error);
                self.consecutive_errors += 1;
                let frames = self.consecutive_errors;
                if frames < MAX_CONSECUTIVE_ERRORS {
                    return Ok(());
                }
                let message = format!("{frames} frames in a row could not be analysed: {error}");
                Err(Failure::new(FailureCode::Unsupported, message))
            }
        }
    }

    /// No frame is waiting: of a live stream no more frames come for a second that is over.
    fn idle(&mut self, sink: &mut dyn FrameSink) {
        if self.clock == Clock::Wall
            && let Some(second) = self.counter.tick(Utc::now())
        {
            sink.second(second);
        }
    }
}

/// A duration in milliseconds, as reports give it.
pub fn milliseconds(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1000.0
}
