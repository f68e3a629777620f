//! Runs jobs in a child process, which can be killed whatever native code does in it.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use becamera_domain::{Crash, CrashKind, Exit, Job, RunnerInfo, StreamEvent, WorkerId};

use super::{
    STOP_GRACE,
    native_log::NativeLog,
    process::{Incoming, WorkerProcess},
};
use crate::{
    job_control::JobControl,
    metrics::Metrics,
    ports::{EventSink, StreamRunner},
    protocol::{self, Command, Reply},
};

/// What every process of a pool has in common.
#[derive(Debug, Clone)]
pub struct ProcessRunnerConfig {
    /// The program: the service's own binary.
    pub program: PathBuf,
    /// Its arguments, to which `--parent PID` is added.
    pub args: Vec<String>,
    /// What `Command::Init` carries.
    pub init: String,
    /// Longest time to `Reply::Ready`.
    pub start_timeout: Duration,
    /// Longest silence before a stream's first frame.
    pub open_limit: Duration,
    /// Longest silence after it.
    pub hang_timeout: Duration,
}

/// The runner of one worker.
pub struct ProcessRunner {
    config: Arc<ProcessRunnerConfig>,
    process: Option<(WorkerProcess, RunnerInfo)>,
    log: NativeLog,
}

impl ProcessRunner {
    /// A runner whose process is not started yet.
    pub fn new(worker: WorkerId, config: Arc<ProcessRunnerConfig>, metrics: &Metrics) -> Self {
        let lines = metrics.native_log_lines.with_label_values(&[worker.to_string()]);
        Self { config, process: None, log: NativeLog::new(worker, lines) }
    }

    /// Ends the process and says how it ended.
    fn end(&mut self, own_end: bool, job: Option<&Job>) -> Crash {
        match self.process.take() {
            Some((process, _)) => process.end(own_end, &mut self.log, job.map(|job| &job.url)),
            None => Crash::new(CrashKind::Start, "it was not started"),
        }
    }

    fn crashed(&mut self, kind: CrashKind, detail: impl Into<String>, job: Option<&Job>) -> Crash {
        self.end(false, job);
        Crash::new(kind, detail)
    }
}

impl StreamRunner for ProcessRunner {
    fn start(&mut self) -> Result<RunnerInfo, Crash> {
        if self.check().is_ok()
            && let Some((_, info)) = &self.process
        {
            return Ok(info.clone());
        }
        let could_not = |error: std::io::Error| Crash::new(CrashKind::Start, error.to_string());
        let mut process =
            WorkerProcess::spawn(&self.config.program, &self.config.args).map_err(could_not)?;
        let unknown = RunnerInfo { pid: process.pid(), backend: String::new() };
        let init = Command::Init { version: protocol::VERSION, config: self.config.init.clone() };
        let sent = process.send(&init);
        let (process, info) = self.process.insert((process, unknown));
        if sent.is_err() {
            return Err(self.end(true, None));
        }
        let deadline = Instant::now() + self.config.start_timeout;
        match process.wait(deadline, None, &mut self.log, None) {
            Incoming::Message(Reply::Ready(ready)) => {
                *info = ready.clone();
                Ok(ready)
            }
            Incoming::Message(Reply::InitFailed(why)) => {
                Err(self.crashed(CrashKind::Start, why, None))
            }
            Incoming::Closed => Err(self.end(true, None)),
            Incoming::TimedOut => Err(self.crashed(
                CrashKind::Hung(self.config.start_timeout),
                "while it started",
                None,
            )),
            Incoming::Malformed(why) => Err(self.crashed(CrashKind::Protocol, why, None)),
            Incoming::Message(_) | Incoming::Woken => {
                Err(self.crashed(CrashKind::Protocol, "it did not answer its start", None))
            }
        }
    }

    fn run(&mut self, job: &Job, control: &JobControl, sink: &mut dyn EventSink) -> Exit {
        let Some((process, _)) = &mut self.process else {
            return Exit::Crashed(Crash::new(CrashKind::Start, "it was not started"));
        };
        if process.send(&Command::Run(Box::new(job.clone()))).is_err() {
            return Exit::Crashed(self.end(true, Some(job)));
        }
        let mut silent_since = Instant::now();
        let mut limit = self.config.open_limit;
        let mut stop_by: Option<Instant> = None;
        loop {
            let Some((process, _)) = &mut self.process else {
                return Exit::Crashed(Crash::new(CrashKind::Start, "it was not started"));
            };
            if control.is_killed() {
                self.end(false, Some(job));
                return Exit::Cancelled;
            }
            if control.is_cancelled() && stop_by.is_none() {
                stop_by = Some(Instant::now() + STOP_GRACE);
                // A process that can't be told is about to be noticed as gone.
                let _ = process.send(&Command::Stop);
            }
            if let Some(scene) = control.take_scene_update()
                && process.send(&Command::UpdateScene(Box::new(scene))).is_err()
            {
                return Exit::Crashed(self.end(true, Some(job)));
            }
            let mut requests = control.take_snapshot_requests().into_iter();
            if requests.any(|request| process.send(&Command::RequestSnapshot(request)).is_err()) {
                return Exit::Crashed(self.end(true, Some(job)));
            }
            let deadline = stop_by.unwrap_or(silent_since + limit);
            let wake = Some(control.wake_fd());
            match process.wait(deadline, wake, &mut self.log, Some(&job.url)) {
                Incoming::Message(Reply::Event(event)) => {
                    silent_since = Instant::now();
                    if matches!(event, StreamEvent::Opened(_)) {
                        limit = self.config.hang_timeout;
                    }
                    sink.emit(event);
                }
                Incoming::Message(Reply::Finished { exit, retire }) => {
                    if retire {
                        self.end(true, Some(job));
                    }
                    return exit;
                }
                Incoming::Message(Reply::Ready(_) | Reply::InitFailed(_)) => {
                    let why = "it answered a start that was not asked";
                    return Exit::Crashed(self.crashed(CrashKind::Protocol, why, Some(job)));
                }
                Incoming::Woken => control.acknowledge(),
                Incoming::Closed => {
                    let crash = self.end(true, Some(job));
                    return if stop_by.is_some() { Exit::Cancelled } else { Exit::Crashed(crash) };
                }
                Incoming::Malformed(why) => {
                    return Exit::Crashed(self.crashed(CrashKind::Protocol, why, Some(job)));
                }
                Incoming::TimedOut if stop_by.is_some() => {
                    self.end(false, Some(job));
                    return Exit::Cancelled;
                }
                Incoming::TimedOut => {
                    let kind = CrashKind::Hung(silent_since.elapsed());
                    let when = if limit == self.config.open_limit { "while it opened" } else { "" };
                    return Exit::Crashed(self.crashed(kind, when, Some(job)));
                }
            }
        }
    }

    fn check(&mut self) -> Result<(), Crash> {
        let alive = |(process, _): &mut (WorkerProcess, _)| process.try_status().is_none();
        if self.process.as_mut().is_some_and(alive) { Ok(()) } else { Err(self.end(true, None)) }
    }

    fn stop(&mut self) {
        if let Some((process, _)) = &mut self.process {
            // It leaves by itself when it can; whatever happens, it is killed in a second.
            let asked = process.send(&Command::Shutdown).is_ok();
            self.end(asked, None);
        }
    }
}

impl Drop for ProcessRunner {
    fn drop(&mut self) {
        self.stop();
    }
}
