//! The other end: what runs in a worker's process.

use std::{
    fs::File,
    io::Read,
    os::{
        fd::{FromRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use becamera_domain::{Crash, CrashKind, Exit, Job, RunnerInfo, StreamEvent};
use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::signal::{SigHandler, Signal, signal},
    unistd::{dup2_stdin, getppid},
};

use super::actor::panic_text;
use crate::{
    job_control::JobControl,
    ports::{PipelineExit, StreamPipeline},
    protocol::{self, Command, MessageBuffer, Reply, write_message},
};

/// Descriptors below this may be assumed free or standard by native code.
const HIGH_FD: i32 = 100;

/// Makes the frame loop from the configuration in `Command::Init`, and names its backend.
pub type PipelineInit = dyn FnOnce(&str) -> Result<(Box<dyn StreamPipeline>, String), String>;

/// Serves the parent until it says so or is gone. Never returns: the process leaves by `_exit`,
/// since `exit` with native threads running may abort.
pub fn serve(parent: u32, init: Box<PipelineInit>) -> ! {
    let socket = match take_socket(parent) {
        Ok(socket) => socket,
        Err(error) => {
            log::error!("a worker is started by the service alone: {error}");
            leave(2);
        }
    };
    let (to_main, commands) = mpsc::channel();
    let Ok(reading) = socket.try_clone() else { leave(2) };
    let reader = thread::Builder::new().name("commands".into());
    if reader.spawn(move || read_commands(reading, &to_main)).is_err() {
        leave(2);
    }
    let mut out = Replies { socket };
    let mut pipeline = match commands.recv() {
        Ok(Order::Init(config)) => match init(&config) {
            Ok((pipeline, backend)) => {
                out.send(&Reply::Ready(RunnerInfo { pid: std::process::id(), backend }));
                pipeline
            }
            Err(why) => {
                out.send(&Reply::InitFailed(why));
                leave(1);
            }
        },
        _ => leave(2),
    };
    while let Ok(order) = commands.recv() {
        let Order::Run(job, control) = order else { leave(2) };
        let mut sink = |event: StreamEvent| out.send(&Reply::Event(event));
        let run = AssertUnwindSafe(|| pipeline.run(&job, &control, &mut sink));
        let PipelineExit { exit, retire } = catch_unwind(run).unwrap_or_else(|panic| {
            let crash = Crash::new(CrashKind::Panic, panic_text(panic.as_ref()));
            PipelineExit { exit: Exit::Crashed(crash), retire: true }
        });
        out.send(&Reply::Finished { exit, retire });
        if retire {
            leave(0);
        }
    }
    leave(0);
}

enum Order {
    Init(String),
    Run(Box<Job>, Arc<JobControl>),
}

struct Replies {
    socket: UnixStream,
}

impl Replies {
    fn send(&mut self, reply: &Reply) {
        if write_message(&mut self.socket, reply).is_err() {
            leave(0);
        }
    }
}

/// Reads commands as they come, so that a stop reaches a running job.
fn read_commands(mut socket: UnixStream, to_main: &mpsc::Sender<Order>) {
    let current: Mutex<Option<Arc<JobControl>>> = Mutex::new(None);
    let mut buffer = MessageBuffer::default();
    let mut bytes = [0; 16 * 1024];
    loop {
        match socket.read(&mut bytes) {
            Ok(n) if n > 0 => buffer.extend(&bytes[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            // The service is gone.
            _ => leave(0),
        }
        loop {
            let order = match buffer.next_message() {
                Ok(Some(Command::Init { version, .. })) if version != protocol::VERSION => leave(3),
                Ok(Some(Command::Init { config, .. })) => Order::Init(config),
                Ok(Some(Command::Run(job))) => {
                    let Ok(control) = JobControl::new() else { leave(4) };
                    let control = Arc::new(control);
                    *current.lock().unwrap_or_else(PoisonError::into_inner) = Some(control.clone());
                    Order::Run(job, control)
                }
                Ok(Some(Command::UpdateScene(scene))) => {
                    if let Some(control) = &*current.lock().unwrap_or_else(PoisonError::into_inner)
                    {
                        control.update_scene(*scene);
                    }
                    continue;
                }
                Ok(Some(Command::RequestSnapshot(request))) => {
                    if let Some(control) = &*current.lock().unwrap_or_else(PoisonError::into_inner)
                    {
                        control.request_snapshot(request);
                    }
                    continue;
                }
                Ok(Some(Command::Stop)) => {
                    if let Some(control) = &*current.lock().unwrap_or_else(PoisonError::into_inner)
                    {
                        control.cancel();
                    }
                    continue;
                }
                Ok(Some(Command::Shutdown)) => leave(0),
                Ok(None) => break,
                Err(_) => leave(3),
            };
            if to_main.send(order).is_err() {
                leave(0);
            }
        }
    }
}

/// Moves the socket away from standard input, where native code might read it, and makes sure
/// that this process ends with its parent and dies of what kills it.
fn take_socket(parent: u32) -> std::io::Result<UnixStream> {
    // The kernel's death signal was set before exec; the parent may have been gone by then.
    if getppid().as_raw().cast_unsigned() != parent {
        return Err(std::io::Error::other("its parent is gone"));
    }
    let high = fcntl(std::io::stdin(), FcntlArg::F_DUPFD_CLOEXEC(HIGH_FD))?;
    dup2_stdin(File::open("/dev/null")?)?;
    // SAFETY: fcntl has just made this descriptor and nobody else owns it.
    let socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(high) });
    socket.peer_addr()?;
    for signal_number in [Signal::SIGSEGV, Signal::SIGBUS] {
        // SAFETY: Rust's handler for stack overflows swallows the first such signal from
        // elsewhere; the default one ends the process.
        unsafe { signal(signal_number, SigHandler::SigDfl) }?;
    }
    Ok(socket)
}

fn leave(code: i32) -> ! {
    // SAFETY: ends the process without running native libraries' exit handlers.
    unsafe { libc::_exit(code) }
}
