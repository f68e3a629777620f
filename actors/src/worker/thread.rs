//! Runs jobs in the worker's own thread: for debugging, since a native crash or a stuck read
//! then takes the service along.

use becamera_domain::{Crash, CrashKind, Exit, Job, RunnerInfo};

use crate::{
    job_control::JobControl,
    ports::{EventSink, StreamPipeline, StreamRunner},
};

/// Makes a frame loop, and names its inference backend.
pub type PipelineFactory = dyn Fn() -> Result<(Box<dyn StreamPipeline>, String), String>;

/// A runner without a process of its own.
pub struct ThreadRunner {
    make: Box<PipelineFactory>,
    pipeline: Option<(Box<dyn StreamPipeline>, String)>,
}

impl ThreadRunner {
    /// A runner of the pipelines that `make` makes.
    pub fn new(make: Box<PipelineFactory>) -> Self {
        Self { make, pipeline: None }
    }
}

impl StreamRunner for ThreadRunner {
    fn start(&mut self) -> Result<RunnerInfo, Crash> {
        let pipeline = match self.pipeline.take() {
            Some(pipeline) => pipeline,
            None => (self.make)().map_err(|error| Crash::new(CrashKind::Start, error))?,
        };
        let backend = self.pipeline.insert(pipeline).1.clone();
        Ok(RunnerInfo { pid: std::process::id(), backend })
    }

    fn run(&mut self, job: &Job, control: &JobControl, sink: &mut dyn EventSink) -> Exit {
        match &mut self.pipeline {
            // A stuck native call is left behind in its thread: nothing here can end it.
            Some((pipeline, _)) => pipeline.run(job, control, sink).exit,
            None => Exit::Crashed(Crash::new(CrashKind::Start, "it was not started")),
        }
    }

    fn check(&mut self) -> Result<(), Crash> {
        Ok(())
    }

    fn stop(&mut self) {
        self.pipeline = None;
    }
}
