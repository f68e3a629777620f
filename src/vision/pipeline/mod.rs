//! Counts people on live streams: probe, open, then the frame loop, which reports to the worker.

mod report;

use becamera_actors::{
    job_control::JobControl,
    ports::{EventSink, PipelineExit, StreamPipeline},
};
use becamera_domain::{
    Exit, Failure, Job,
    settings::{PictureSettings, StreamSettings, WorkerConfig},
};

use super::{
    detector::{self, Detector},
    frame_loop::{Clock, Ending, FrameLoop},
    native, probe, source,
};
use report::Report;

/// Counts people on one stream after the other. Loads its network once.
pub struct CountingPipeline {
    stream: StreamSettings,
    pictures: PictureSettings,
    detector: Box<dyn Detector>,
}

impl CountingPipeline {
    /// Sets up the native libraries, loads the network and runs it once.
    ///
    /// # Errors
    /// A sentence that names the setting at fault.
    pub fn new(config: WorkerConfig) -> Result<Self, String> {
        native::set_up();
        let detector = detector::load(&config.detector).map_err(|error| error.to_string())?;
        let stream = StreamSettings { own_address: config.own_address, ..config.stream };
        Ok(Self { stream, pictures: config.pictures, detector })
    }

    /// The inference library's name and version, and the precision that it calculates with.
    pub fn backend(&self) -> &str {
        self.detector.backend()
    }
}

impl StreamPipeline for CountingPipeline {
    fn run(&mut self, job: &Job, control: &JobControl, sink: &mut dyn EventSink) -> PipelineExit {
        let mut report = Report::new(job, self.pictures, control, sink);
        let keep = |exit| PipelineExit { exit, retire: false };
        let probed = probe::probe_while(&job.url, &self.stream, &mut || report.keep_waiting());
        let mut source = match probed {
            Ok(Some(probed)) => match source::open(job, &self.stream, probed) {
                Ok(source) => source,
                Err(failure) => return keep(Exit::Failed(failure)),
            },
            Ok(None) => return keep(Exit::Cancelled),
            Err(failure) => return keep(Exit::Failed(failure)),
        };
        let frames = FrameLoop::new(self.detector.as_mut(), &job.detect, &job.scene, Clock::Wall);
        let ended = frames.run(source.as_mut(), &mut report);
        report.finish(&ended.totals, ended.last);
        PipelineExit { exit: exit(ended.result), retire: !source.close() }
    }
}

fn exit(result: Result<Ending, Failure>) -> Exit {
    match result {
        Ok(Ending::Over) => Exit::Ended,
        Ok(Ending::Cancelled) => Exit::Cancelled,
        Err(failure) => Exit::Failed(failure),
    }
}

#[cfg(test)]
mod tests;
