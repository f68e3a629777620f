//! WorkerActor: a thin shell around one runner, blocking in a SyncArbiter thread of its own.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use actix::prelude::*;
use becamera_domain::{
    Crash, CrashKind, Crossing, Exit, Job, Progress, RunId, RunnerInfo, StreamEvent, StreamInfo,
    WorkerId, Write,
};

use crate::{
    job_control::JobControl, metrics::Metrics, pictures::PictureNews, ports::StreamRunner,
    storage::StoreWrite,
};

/// Makes a worker's runner. Called in the worker's thread, again after every panic.
pub type RunnerFactory = dyn Fn(WorkerId) -> Box<dyn StreamRunner> + Send + Sync;

/// Where a worker's reports go.
#[derive(Clone)]
pub struct WorkerRoutes {
    /// The supervisor.
    pub reports: Recipient<WorkerReport>,
    /// The storage.
    pub storage: Recipient<StoreWrite>,
    /// The hub of pictures.
    pub pictures: Recipient<PictureNews>,
    /// The service's metrics.
    pub metrics: Metrics,
}

/// What a worker tells its supervisor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum WorkerReport {
    /// Answers [`StartRunner`].
    Started {
        /// The worker.
        worker: WorkerId,
        /// The number of the start.
        generation: u64,
        /// How it went.
        result: Result<RunnerInfo, Crash>,
    },
    /// Answers [`CheckRunner`] when the idle runner is gone.
    Died {
        /// The worker.
        worker: WorkerId,
        /// What became of it.
        crash: Crash,
    },
    /// Something happened in a run.
    Run {
        /// The worker.
        worker: WorkerId,
        /// The run.
        run: RunId,
        /// What happened.
        report: RunReport,
    },
    /// Answers [`RunJob`].
    Finished {
        /// The worker.
        worker: WorkerId,
        /// The run.
        run: RunId,
        /// How it ended.
        exit: Exit,
        /// The runner can take the next job without a start.
        ready: bool,
    },
}

/// What the supervisor needs to know of a run. Samples and pictures are for others alone.
#[derive(Debug)]
pub enum RunReport {
    /// The stream gave its first good frame.
    Opened(StreamInfo),
    /// Frames since the last report.
    Progress(Progress),
    /// Somebody crossed a line.
    Crossing(Crossing),
}

/// Makes the runner ready.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StartRunner {
    /// Given back in the answer.
    pub generation: u64,
    /// End the present runner first.
    pub fresh: bool,
}

/// Runs a job to its end. `control` is the only way to end it early: a message would wait behind it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RunJob {
    /// What to do.
    pub job: Box<Job>,
    /// Ends it early.
    pub control: Arc<JobControl>,
}

/// Looks whether an idle runner is still alive.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CheckRunner;

/// Ends the runner for good. Answers once it is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StopRunner;

/// One worker of the pool.
pub struct WorkerActor {
    worker: WorkerId,
    runner: Box<dyn StreamRunner>,
    ready: bool,
    routes: WorkerRoutes,
}

impl WorkerActor {
    /// A worker around this runner, which is not started yet.
    pub fn new(worker: WorkerId, runner: Box<dyn StreamRunner>, routes: WorkerRoutes) -> Self {
        Self { worker, runner, ready: false, routes }
    }

    /// Runs code that may panic. A panic would end the SyncArbiter's thread for good, so it is
    /// caught, and the actor stops: the factory then makes a new one behind the same address.
    fn guarded<T>(
        &mut self,
        ctx: &mut SyncContext<Self>,
        work: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, Crash> {
        catch_unwind(AssertUnwindSafe(|| work(self))).map_err(|panic| {
            ctx.stop();
            Crash::new(CrashKind::Panic, panic_text(panic.as_ref()))
        })
    }
}

impl Actor for WorkerActor {
    type Context = SyncContext<Self>;

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        // The successor is made before this value is dropped: let go of native things here.
        self.runner.stop();
        Running::Stop
    }
}

impl Handler<StartRunner> for WorkerActor {
    type Result = ();

    fn handle(&mut self, message: StartRunner, ctx: &mut Self::Context) {
        let result = self.guarded(ctx, |worker| {
            if message.fresh {
                worker.runner.stop();
            }
            worker.runner.start()
        });
        let result = result.unwrap_or_else(Err);
        self.ready = result.is_ok();
        self.routes.reports.do_send(WorkerReport::Started {
            worker: self.worker,
            generation: message.generation,
            result,
        });
    }
}

impl Handler<RunJob> for WorkerActor {
    type Result = ();

    fn handle(&mut self, RunJob { job, control }: RunJob, ctx: &mut Self::Context) {
        let result = self.guarded(ctx, |worker| {
            let routes = worker.routes.clone();
            let mut sink = |event| route(&routes, &job, &control, event);
            let exit = worker.runner.run(&job, &control, &mut sink);
            (exit, worker.runner.check().is_ok())
        });
        let (exit, ready) = result.unwrap_or_else(|crash| (Exit::Crashed(crash), false));
        self.ready = ready;
        let (worker, run) = (self.worker, job.run);
        self.routes.pictures.do_send(PictureNews::Ended { camera: job.camera, run });
        self.routes.reports.do_send(WorkerReport::Finished { worker, run, exit, ready });
    }
}

impl Handler<CheckRunner> for WorkerActor {
    type Result = ();

    fn handle(&mut self, _: CheckRunner, ctx: &mut Self::Context) {
        if !self.ready {
            return;
        }
        if let Err(crash) = self.guarded(ctx, |worker| worker.runner.check()).unwrap_or_else(Err) {
            self.ready = false;
            self.routes.reports.do_send(WorkerReport::Died { worker: self.worker, crash });
        }
    }
}

impl Handler<StopRunner> for WorkerActor {
    type Result = ();

    fn handle(&mut self, _: StopRunner, ctx: &mut Self::Context) {
        self.ready = false;
        // A panic while stopping leaves nothing more to do: the process ends soon.
        let _ = self.guarded(ctx, |worker| worker.runner.stop());
    }
}

/// Sends each event of a run to the actors that need it, and to no others.
fn route(routes: &WorkerRoutes, job: &Job, control: &Arc<JobControl>, event: StreamEvent) {
    let (worker, run, camera) = (job.worker, job.run, job.camera);
    let report = match event {
        StreamEvent::Opened(info) => {
            routes.pictures.do_send(PictureNews::Opened { camera, run, control: control.clone() });
            RunReport::Opened(info)
        }
        StreamEvent::Progress(progress) => {
            routes.metrics.record_progress(camera, &progress);
            RunReport::Progress(progress)
        }
        StreamEvent::Crossing(crossing) => {
            routes.storage.do_send(StoreWrite(Write::Crossing(crossing.clone())));
            RunReport::Crossing(crossing)
        }
        StreamEvent::Sample(sample) => {
            return routes.storage.do_send(StoreWrite(Write::Sample(sample)));
        }
        StreamEvent::Picture(picture) => {
            return routes.pictures.do_send(PictureNews::Made { camera, run, picture });
        }
    };
    routes.reports.do_send(WorkerReport::Run { worker, run, report });
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".into())
}
