//! The frame loop: probe, open, then frame by frame detect, count and report.

use std::time::{Duration, Instant};

use becamera_actors::{
    ctl::Ctl,
    ports::{EventSink, PipelineExit, StreamPipeline},
};
use becamera_counting::counter::SampleCounter;
use becamera_domain::{
    Exit, Failure, FailureCode, Job, Progress, StreamEvent, ZoneId,
    settings::{PictureSettings, StreamSettings, WorkerConfig},
};
use chrono::{DateTime, TimeDelta, Utc};
use opencv::{core::Mat, prelude::*};

use super::{
    analysis::{Analyser, Analysis},
    detector::{self, Detector},
    native,
    picture::PictureDesk,
    probe,
    source::{self, FrameSource, Next},
};

/// So many frames in a row that can't be analysed end the run.
const MAX_CONSECUTIVE_ERRORS: u32 = 30;

/// News is gathered for so long before it is reported …
const REPORT_INTERVAL: Duration = Duration::from_millis(250);

/// … and a change of the count is reported at once, but for so long after the one before.
const CHANGE_INTERVAL: Duration = Duration::from_millis(90);

/// Without news a sign of life is sent this often.
const HEARTBEAT: Duration = Duration::from_millis(800);

/// Counts people on one stream after the other. Loads its network once.
pub struct CountingPipeline {
    stream: StreamSettings,
    pictures: PictureSettings,
    detector: Box<dyn Detector>,
}

impl CountingPipeline {
    /// Sets up the native libraries, loads the network and runs it once. The error is a sentence
    /// that names the setting at fault.
    pub fn new(config: WorkerConfig) -> Result<Self, String> {
        native::set_up();
        let detector = detector::load(&config.detector).map_err(|error| error.to_string())?;
        let stream = StreamSettings { own_address: config.own_address, ..config.stream };
        Ok(Self { stream, pictures: config.pictures, detector })
    }

    /// The inference library it took, and why.
    pub fn backend(&self) -> &str {
        self.detector.backend()
    }

    fn count(
        &mut self,
        job: &Job,
        source: &mut dyn FrameSource,
        ctl: &Ctl,
        report: &mut Report<'_>,
    ) -> Exit {
        let mut frame = Mat::default();
        let mut analyser = Analyser::new(&job.detect, self.detector.input());
        analyser.set_scene(&job.scene);
        let mut desk = PictureDesk::new(self.pictures, job.scene.clone());
        let mut consecutive_errors = 0;
        let mut opened = false;
        while !ctl.is_cancelled() {
            let next = source.next_frame(&mut frame);
            let losses = source.take_losses();
            report.progress.dropped += losses.dropped;
            report.progress.errors += losses.damaged;
            report.progress.budget = source.budget();
            desk.take_wishes(ctl);
            if let Some(scene) = ctl.take_scene() {
                analyser.set_scene(&scene);
                report.counter.set_scene(&scene);
                desk.set_scene(scene);
            }
            match next {
                Ok(Next::Frame { received, position }) => {
                    if !opened && let Some(info) = source.info() {
                        report.sink.emit(StreamEvent::Opened(info));
                        opened = true;
                    }
                    let started = Instant::now();
                    desk.begin();
                    let closely = desk.needs_people();
                    if closely {
                        analyser.look_closely();
                    }
                    match analyser.analyse(self.detector.as_mut(), &frame, position) {
                        Ok(analysis) => {
                            consecutive_errors = 0;
                            let size = frame_size(&frame);
                            report.analysed((received, started), position, size, &analysis);
                            desk.found(wall_time(received), &analysis, closely);
                        }
                        Err(error) => {
                            consecutive_errors += 1;
                            report.progress.errors += 1;
                            log::debug!("camera {}: a frame was not analysed: {error}", job.camera);
                            if consecutive_errors >= MAX_CONSECUTIVE_ERRORS {
                                let message = format!(
                                    "{consecutive_errors} frames in a row could not be analysed: \
                                     {error}"
                                );
                                return failed(FailureCode::Unsupported, message);
                            }
                        }
                    }
                }
                Ok(Next::Idle) => report.idle(),
                Ok(Next::End) => return Exit::Ended,
                Err(failure) => return Exit::Failed(failure),
            }
            report.tick();
            desk.serve(&frame, report.counter.totals(), report.sink);
        }
        Exit::Cancelled
    }
}

impl StreamPipeline for CountingPipeline {
    fn run(&mut self, job: &Job, ctl: &Ctl, sink: &mut dyn EventSink) -> PipelineExit {
        let mut report = Report::new(job, sink);
        let probed = probe::probe_while(&job.url, &self.stream, &mut || {
            report.tick();
            !ctl.is_cancelled()
        });
        let mut source = match probed {
            Ok(Some(probed)) => match source::open(job, &self.stream, probed) {
                Ok(source) => source,
                Err(failure) => return PipelineExit { exit: Exit::Failed(failure), retire: false },
            },
            Ok(None) => return PipelineExit { exit: Exit::Cancelled, retire: false },
            Err(failure) => return PipelineExit { exit: Exit::Failed(failure), retire: false },
        };
        let exit = self.count(job, source.as_mut(), ctl, &mut report);
        report.finish();
        PipelineExit { exit, retire: !source.close() }
    }
}

fn failed(code: FailureCode, message: String) -> Exit {
    Exit::Failed(Failure::new(code, message))
}

/// Gathers what is reported, so that the sink gets a few events a second.
struct Report<'a> {
    sink: &'a mut dyn EventSink,
    counter: SampleCounter,
    progress: Progress,
    sent: Instant,
    sent_people: Option<u32>,
    sent_zones: Vec<(ZoneId, u32)>,
    sent_change: Instant,
}

impl<'a> Report<'a> {
    fn new(job: &Job, sink: &'a mut dyn EventSink) -> Self {
        let counter = SampleCounter::new(job);
        let sent = Instant::now();
        Self {
            sink,
            counter,
            progress: Progress::default(),
            sent,
            sent_people: None,
            sent_zones: Vec::new(),
            sent_change: sent,
        }
    }

    /// A frame of this size was analysed, received and begun with at these moments.
    fn analysed(
        &mut self,
        (received, started): (Instant, Instant),
        position: Duration,
        size: (u32, u32),
        analysis: &Analysis,
    ) {
        let inference_ms = (analysis.inferences > 0).then(|| milliseconds(analysis.inference));
        let at = wall_time(received);
        let (sample, crossings) =
            self.counter.add(at, position, &analysis.people, size, inference_ms);
        sample.into_iter().for_each(|sample| self.sink.emit(StreamEvent::Sample(sample)));
        crossings.into_iter().for_each(|crossing| self.sink.emit(StreamEvent::Crossing(crossing)));
        let progress = &mut self.progress;
        progress.frames += 1;
        progress.total_frames += 1;
        progress.gated += u32::from(analysis.held);
        progress.people = Some(u32::try_from(analysis.people.len()).unwrap_or(u32::MAX));
        progress.inference_ms.extend(inference_ms);
        progress.processing_ms.push(milliseconds(started.elapsed()));
        progress.latency_ms.push(milliseconds(received.elapsed()));
    }

    /// No frame is waiting: a second that is over will get none any more.
    fn idle(&mut self) {
        if let Some(sample) = self.counter.tick(Utc::now()) {
            self.sink.emit(StreamEvent::Sample(sample));
        }
    }

    fn tick(&mut self) {
        let Progress { frames, dropped, errors, .. } = self.progress;
        let news = frames + dropped + errors > 0;
        let now = (self.progress.people, &self.counter.totals().occupancy);
        let changed = now != (self.sent_people, &self.sent_zones);
        if changed && self.sent_change.elapsed() >= CHANGE_INTERVAL {
            self.sent_change = Instant::now();
            self.send();
        } else if self.sent.elapsed() >= if news { REPORT_INTERVAL } else { HEARTBEAT } {
            self.send();
        }
    }

    fn send(&mut self) {
        let Progress { people, total_frames, budget, .. } = self.progress;
        let next = Progress { people, total_frames, budget, ..Progress::default() };
        let mut progress = std::mem::replace(&mut self.progress, next);
        progress.zones.clone_from(&self.counter.totals().occupancy);
        self.sent_zones.clone_from(&progress.zones);
        self.sink.emit(StreamEvent::Progress(progress));
        self.sent = Instant::now();
        self.sent_people = people;
    }

    fn finish(&mut self) {
        self.send();
        if let Some(sample) = self.counter.end() {
            self.sink.emit(StreamEvent::Sample(sample));
        }
    }
}

/// Width and height in pixels.
fn frame_size(frame: &Mat) -> (u32, u32) {
    (frame.cols().unsigned_abs(), frame.rows().unsigned_abs())
}

fn milliseconds(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1000.0
}

/// The wall-clock time of a monotonic moment of the past.
fn wall_time(moment: Instant) -> DateTime<Utc> {
    Utc::now() - TimeDelta::from_std(moment.elapsed()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
