//! The loop over a recording's frames.

use std::time::{Duration, Instant};

use opencv::{core::Mat, prelude::*};

use super::{
    Recording, ReplayCrossing, ReplayEvent, ReplayFrame, ReplayJob, Summary, annotate::Annotator,
};
use becamera_counting::{budget::FrameBudget, scene::SceneCounter};

use crate::vision::{
    analysis::Analyser,
    capture::{Capture, Grab},
    detector::{self, Detector},
};

/// So many frames in a row that can't be analysed end it.
const MAX_CONSECUTIVE_ERRORS: u32 = 30;

/// A recording that does not say its rate is taken to have this one.
const USUAL_FPS: f32 = 25.0;

/// Frames that are passed over are told of this often.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// Analyses a recording and tells of it. The error is a sentence.
pub fn replay(job: &ReplayJob, tell: &mut dyn FnMut(ReplayEvent)) -> Result<Summary, String> {
    let detector = detector::load(&job.detector).map_err(|error| error.to_string())?;
    let capture =
        Capture::open_recording(&job.video, &job.stream).map_err(|failure| failure.message)?;
    let mut analyser = Analyser::new(&job.detect, detector.input());
    analyser.set_scene(&job.scene);
    let fps = capture.frame_rate().unwrap_or(USUAL_FPS);
    let mut replay = Replay {
        job,
        detector,
        capture,
        analyser,
        counter: SceneCounter::new(&job.scene),
        budget: FrameBudget::new(job.detect.fps),
        annotator: job.annotate.as_ref().map(|path| Annotator::new(&job.scene, path, fps)),
        fps,
        frame: Mat::default(),
        number: 0,
        second: None,
        opened: false,
        told: Instant::now(),
        decoding: Duration::ZERO,
        consecutive_errors: 0,
        summary: Summary::default(),
    };
    replay.run(tell)?;
    replay.end(tell)
}

struct Replay<'a> {
    job: &'a ReplayJob,
    detector: Box<dyn Detector>,
    capture: Capture,
    analyser: Analyser,
    counter: SceneCounter,
    budget: FrameBudget,
    annotator: Option<Annotator>,
    fps: f32,
    frame: Mat,
    /// Of the newest frame, from 1.
    number: u64,
    /// The second of the recording whose tally is under way.
    second: Option<u64>,
    opened: bool,
    told: Instant,
    /// Since the last frame that was analysed.
    decoding: Duration,
    consecutive_errors: u32,
    summary: Summary,
}

impl Replay<'_> {
    fn run(&mut self, tell: &mut dyn FnMut(ReplayEvent)) -> Result<(), String> {
        let (first, last) = self.job.frames.unwrap_or((1, u64::MAX));
        while self.number < last {
            let started = Instant::now();
            if self.capture.grab().map_err(|failure| failure.message)? == Grab::End {
                break;
            }
            self.number += 1;
            if self.number < first {
                self.sign_of_life(tell);
                continue;
            }
            self.summary.frames += 1;
            let at = Duration::from_secs_f64((self.number - 1) as f64 / f64::from(self.fps));
            let analysed = self.budget.takes(at);
            // A frame that is only drawn into has to be decoded too.
            if analysed || self.annotator.is_some() {
                let decoded = self.capture.retrieve(&mut self.frame);
                if !decoded.map_err(|failure| failure.message)? {
                    continue;
                }
            }
            self.decoding += started.elapsed();
            if !self.opened {
                self.opened = true;
                let info = self.capture.info();
                tell(ReplayEvent::Opened(Recording {
                    width: info.width,
                    height: info.height,
                    fps: self.fps,
                    frames: self.capture.frame_count(),
                    backend: self.detector.backend().to_owned(),
                }));
            }
            if analysed {
                self.analyse(at, tell)?;
            } else {
                self.sign_of_life(tell);
            }
            if let Some(annotator) = &mut self.annotator {
                annotator.write(&mut self.frame)?;
            }
        }
        Ok(())
    }

    fn analyse(&mut self, at: Duration, tell: &mut dyn FnMut(ReplayEvent)) -> Result<(), String> {
        let started = Instant::now();
        let analysis = match self.analyser.analyse(self.detector.as_mut(), &self.frame, at) {
            Ok(analysis) => analysis,
            Err(error) => {
                self.summary.damaged += 1;
                self.consecutive_errors += 1;
                return if self.consecutive_errors < MAX_CONSECUTIVE_ERRORS {
                    Ok(())
                } else {
                    let frames = self.consecutive_errors;
                    Err(format!("{frames} frames in a row could not be analysed: {error}"))
                };
            }
        };
        self.consecutive_errors = 0;
        self.begin_second(at, tell);
        let size = (self.frame.cols().unsigned_abs(), self.frame.rows().unsigned_abs());
        let people = analysis.people;
        let said = self.counter.update(at, &people, size);
        let analysis_took = started.elapsed();
        if let Some(annotator) = &mut self.annotator {
            annotator.take(&people, &said);
        }
        let crossings = said.crossings.into_iter().map(|crossing| ReplayCrossing {
            line_id: crossing.line_id,
            direction: crossing.direction,
            track: crossing.track.0,
            confidence: crossing.confidence,
        });
        tell(ReplayEvent::Frame(ReplayFrame {
            number: self.number,
            at,
            people: people.iter().map(Into::into).collect(),
            crossings: crossings.collect(),
            occupancy: said.occupancy,
            inferences: analysis.inferences,
            inference: analysis.inference,
            analysis: analysis_took,
            decoding: std::mem::take(&mut self.decoding),
        }));
        self.told = Instant::now();
        Ok(())
    }

    fn begin_second(&mut self, at: Duration, tell: &mut dyn FnMut(ReplayEvent)) {
        let second = at.as_secs();
        if let Some(before) = self.second.replace(second).filter(|before| *before != second) {
            tell(ReplayEvent::Second(before, self.counter.take_tally()));
        }
    }

    fn sign_of_life(&mut self, tell: &mut dyn FnMut(ReplayEvent)) {
        if self.told.elapsed() >= SIGN_OF_LIFE {
            self.told = Instant::now();
            tell(ReplayEvent::At(self.number));
        }
    }

    fn end(mut self, tell: &mut dyn FnMut(ReplayEvent)) -> Result<Summary, String> {
        self.summary.damaged += u64::from(self.capture.damaged);
        if self.summary.frames == 0 && self.number > 0 {
            let (first, _) = self.job.frames.unwrap_or((1, u64::MAX));
            let frames = self.number;
            return Err(format!("it has {frames} frames: there is no frame {first}"));
        }
        if !self.opened {
            return Err("the file holds no frame that can be decoded".into());
        }
        self.counter.end();
        if let Some(second) = self.second {
            tell(ReplayEvent::Second(second, self.counter.take_tally()));
        }
        if let Some(annotator) = self.annotator {
            annotator.finish()?;
        }
        Ok(self.summary)
    }
}
