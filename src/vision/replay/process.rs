//! The end that asks: starts a process for a job, reads its report, ends it.

use std::{
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use becamera_actors::{protocol::MessageBuffer, worker::confine};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use super::{ReplayEvent, ReplayJob, Summary};

/// How long a process may take to exit after its last message.
const REAP_LIMIT: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(5);

/// How long a process may be silent before it is killed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until the recording is open and the network loaded.
    pub start: Duration,
    /// Between two frames.
    pub silence: Duration,
}

/// Why a recording was not analysed to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Its process reports that it can't be analysed.
    #[error("{0}")]
    Failed(String),
    /// Its process ended without a result.
    #[error("its analysis ended: {0}")]
    Crashed(String),
    /// Its process was silent for this time.
    #[error("its analysis hung: nothing came for {0:?}")]
    Hung(Duration),
    /// It was stopped.
    #[error("stopped")]
    Stopped,
    /// Its process could not be started or read.
    #[error("a process to analyse it can't be used: {0}")]
    System(#[from] io::Error),
}

/// Ends all analyses that were given a clone of it, those under way and those to come.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    stopped: bool,
    processes: Vec<Pid>,
}

impl Stop {
    /// Kills the processes that run.
    pub fn request(&self) {
        let mut running = self.lock();
        running.stopped = true;
        running.processes.iter().for_each(|process| kill(*process));
    }

    /// Whether it was requested.
    pub fn is_requested(&self) -> bool {
        self.lock().stopped
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kills a process, which leads a group of its own. One that is gone already is no error.
fn kill(process: Pid) {
    let _ = killpg(process, Signal::SIGKILL);
}

/// Does a job in a process, started as `command` (which must call [`answer`](super::answer)), and
/// passes its report to `tell` in the caller's thread. Blocks until the job is done, failed or
/// stopped; the process is gone then.
///
/// # Errors
/// Why the recording was not analysed to its end.
pub fn in_process_of_its_own(
    mut command: Command,
    job: &ReplayJob,
    limits: Limits,
    stop: &Stop,
    tell: &mut dyn FnMut(ReplayEvent),
) -> Result<Summary, ReplayError> {
    let written = serde_json::to_vec(job).map_err(io::Error::other)?;
    command
        .args(["--parent", &std::process::id().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Not in the terminal's group: an interrupt is for the parent, which then ends it.
        .process_group(0);
    confine(&mut command);
    let mut running = Process::start(command, stop)?;
    // The process reads all of it before it reports; one that is gone already has a status that tells.
    let _ = running.child.stdin.take().map(|mut stdin| stdin.write_all(&written));
    let result = running.listen(limits, tell);
    if result.is_err() {
        kill(pid(&running.child));
    }
    let status = running.end();
    if stop.is_requested() {
        return Err(ReplayError::Stopped);
    }
    match result {
        Ok(Some(result)) => result.map_err(ReplayError::Failed),
        Ok(None) => Err(ReplayError::Crashed(describe(status))),
        Err(error) => Err(error),
    }
}

/// A process that is killed with its owner.
struct Process {
    child: Child,
    stop: Stop,
}

impl Process {
    fn start(mut command: Command, stop: &Stop) -> Result<Self, ReplayError> {
        // Locked while it starts, so that a stop finds it or keeps it from starting.
        let mut running = stop.lock();
        if running.stopped {
            return Err(ReplayError::Stopped);
        }
        let child = command.spawn()?;
        running.processes.push(pid(&child));
        Ok(Self { child, stop: stop.clone() })
    }

    /// The process's result; none when it ended without one.
    fn listen(
        &mut self,
        limits: Limits,
        tell: &mut dyn FnMut(ReplayEvent),
    ) -> Result<Option<Result<Summary, String>>, ReplayError> {
        let Some(mut out) = self.child.stdout.take() else { return Ok(None) };
        let mut limit = limits.start;
        let mut buffer = MessageBuffer::default();
        let mut bytes = [0; 16 * 1024];
        loop {
            match buffer.next_message().map_err(io::Error::other)? {
                Some(ReplayEvent::Done(summary)) => return Ok(Some(Ok(summary))),
                Some(ReplayEvent::Failed(why)) => return Ok(Some(Err(why))),
                Some(event) => {
                    limit = limits.silence;
                    tell(event);
                }
                None if !is_readable(&out, limit)? => return Err(ReplayError::Hung(limit)),
                None => match out.read(&mut bytes) {
                    Ok(0) => return Ok(None),
                    Ok(count) => buffer.extend(&bytes[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error.into()),
                },
            }
        }
    }

    /// Waits for the process to exit, and kills it when that takes long.
    fn end(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + REAP_LIMIT;
        loop {
            // Under the lock: a process that is reaped must not be killed, since its id may belong to
            // another one by then.
            let mut running = self.stop.lock();
            let process = pid(&self.child);
            match self.child.try_wait() {
                Ok(None) if Instant::now() < deadline => {}
                Ok(None) => {
                    kill(process);
                    running.processes.retain(|other| *other != process);
                    drop(running);
                    return self.child.wait().ok();
                }
                ended => {
                    running.processes.retain(|other| *other != process);
                    return ended.ok().flatten();
                }
            }
            drop(running);
            thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Otherwise it is gone already: here `tell` panicked.
        if thread::panicking() {
            kill(pid(&self.child));
            self.end();
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

fn is_readable(out: &ChildStdout, limit: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(out.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(ready) => return Ok(ready > 0),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn describe(status: Option<ExitStatus>) -> String {
    let Some(status) = status else { return "its process was lost".into() };
    let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
    signal.map_or_else(|| status.to_string(), |signal| format!("killed by {signal}"))
}
