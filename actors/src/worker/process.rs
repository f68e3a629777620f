//! A worker's child process: spawned so that it can't outlive us, listened to, killed.

use std::{
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::PathBuf,
    process::{Child, Command as Program, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use becamera_domain::{Crash, CrashKind, StreamUrl};
use nix::{
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{Signal, killpg},
    unistd::{Pid, pipe2},
};

use super::{confine::confine, native_log::NativeLog};
use crate::protocol::{Command, MessageBuffer, Reply, write_message};

/// How long a process may take to take what it is told. It reads at once whatever it does; one that
/// is stopped does not, and must not stop us too.
const SEND_LIMIT: Duration = Duration::from_secs(1);
/// How long a process may take to be gone once it closed its socket or was killed.
const REAP_LIMIT: Duration = Duration::from_secs(1);

/// What came of waiting for a process.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The process sent a message.
    Message(Reply),
    /// The waking descriptor became readable.
    Woken,
    /// The deadline passed.
    TimedOut,
    /// The process closed its end: it has ended, or will.
    Closed,
    /// The process sent something that is not a message.
    Malformed(String),
}

/// A running worker process.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    child: Child,
    socket: UnixStream,
    output: Option<File>,
    buffer: MessageBuffer,
}

impl WorkerProcess {
    /// Starts `program args… --parent PID`. Call it from a thread that lives as long as the
    /// process should: the kernel kills the process when that thread ends.
    pub(super) fn spawn(program: &PathBuf, args: &[String]) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_write_timeout(Some(SEND_LIMIT))?;
        let (output, noise) = pipe2(OFlag::O_CLOEXEC)?;
        let mut command = Program::new(program);
        command
            .arg0("becamera")
            .args(args)
            .args(["--parent", &std::process::id().to_string()])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(noise.try_clone()?))
            .stderr(Stdio::from(noise))
            .process_group(0);
        // What it needs it is told over the socket.
        confine(&mut command);
        let child = command.spawn()?;
        let output = Some(File::from(output));
        Ok(Self { child, socket: ours, output, buffer: MessageBuffer::default() })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says something to it, within [`SEND_LIMIT`]. After an error it is of no more use.
    pub(super) fn send(&mut self, command: &Command) -> io::Result<()> {
        write_message(&mut self.socket, command)
    }

    /// Waits for a message, or for `wake`, or for the deadline; logs what it prints meanwhile.
    pub(super) fn wait(
        &mut self,
        deadline: Instant,
        wake: Option<BorrowedFd>,
        log: &mut NativeLog,
        url: Option<&StreamUrl>,
    ) -> Incoming {
        loop {
            match self.buffer.next_message() {
                Ok(Some(reply)) => return Incoming::Message(reply),
                Ok(None) => {}
                Err(error) => return Incoming::Malformed(error.to_string()),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Incoming::TimedOut;
            }
            let ready = match self.poll(left, wake) {
                Ok(ready) => ready,
                Err(nix::Error::EINTR) => continue,
                Err(error) => return Incoming::Malformed(format!("poll: {error}")),
            };
            if ready.output {
                self.read_output(log, url);
            }
            if ready.socket {
                let mut bytes = [0; 16 * 1024];
                match self.socket.read(&mut bytes) {
                    Ok(0) => return Incoming::Closed,
                    Ok(n) => self.buffer.extend(&bytes[..n]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return Incoming::Closed,
                }
            } else if ready.wake {
                return Incoming::Woken;
            }
        }
    }

    /// How it ended, if it has.
    pub(super) fn try_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it if need be, reaps it and says how it ended. `own_end`: it is expected to end by
    /// itself right now, so give it a moment before the kill.
    pub(super) fn end(
        mut self,
        own_end: bool,
        log: &mut NativeLog,
        url: Option<&StreamUrl>,
    ) -> Crash {
        let mut status = if own_end { self.wait_for_status() } else { self.try_status() };
        if status.is_none() {
            self.kill();
            status = self.wait_for_status();
        }
        self.read_output(log, url);
        let detail = log.last_words(url, Instant::now()).unwrap_or_default();
        match status {
            Some(status) => Crash::new(crash_kind(status), detail),
            None => {
                // It sits in an uninterruptible call; reap it whenever it comes back.
                log::error!("process {} can't be killed now", self.pid());
                let mut child = self.child;
                let reaper = std::thread::Builder::new().name("reaper".into());
                if let Err(error) = reaper.spawn(move || child.wait()) {
                    log::error!("no thread to reap it: {error}");
                }
                Crash::new(CrashKind::Protocol, "its process can't be killed")
            }
        }
    }

    fn kill(&mut self) {
        // It leads a process group of its own. It may be gone already, which is as good.
        let group = Pid::from_raw(self.child.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.kill();
    }

    fn wait_for_status(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + REAP_LIMIT;
        loop {
            match self.try_status() {
                None if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                status => return status,
            }
        }
    }

    /// Logs what it has printed.
    fn read_output(&mut self, log: &mut NativeLog, url: Option<&StreamUrl>) {
        let mut bytes = [0; 16 * 1024];
        // Bounded: a process that prints faster than we read must not keep us here.
        for _ in 0..16 {
            let Some(output) = &mut self.output else { return };
            let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
            if !matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..)) {
                return;
            }
            match output.read(&mut bytes) {
                Ok(n) if n > 0 => log.take(&bytes[..n], url, Instant::now()),
                _ => self.output = None,
            }
        }
    }

    fn poll(&self, left: Duration, wake: Option<BorrowedFd>) -> nix::Result<Ready> {
        let mut fds = vec![PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        let output = self.output.as_ref().map(|output| {
            fds.push(PollFd::new(output.as_fd(), PollFlags::POLLIN));
            fds.len() - 1
        });
        let wake = wake.map(|wake| {
            fds.push(PollFd::new(wake, PollFlags::POLLIN));
            fds.len() - 1
        });
        // Rounded up, so that a fraction of a millisecond does not become a busy loop.
        let left = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        poll(&mut fds, left)?;
        let is_ready = |index: usize| fds[index].any().unwrap_or(true);
        Ok(Ready {
            socket: is_ready(0),
            output: output.is_some_and(is_ready),
            wake: wake.is_some_and(is_ready),
        })
    }
}

struct Ready {
    socket: bool,
    output: bool,
    wake: bool,
}

fn crash_kind(status: ExitStatus) -> CrashKind {
    match (status.signal(), status.code()) {
        (Some(signal), _) => CrashKind::Signal(signal),
        (None, code) => CrashKind::ExitCode(code.unwrap_or_default()),
    }
}
