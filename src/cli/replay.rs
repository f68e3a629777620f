//! What commands that analyse recordings share: a process for each, and what a signal does to it.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
        mpsc,
    },
    thread,
};

use becamera_domain::settings::Settings;

use crate::{
    app,
    shutdown::StopSignals,
    vision::replay::{
        self, Limits, ReplayError, ReplayEvent, ReplayJob, Stop, Summary, in_process_of_its_own,
    },
};

/// `becamera replay`: the process that analyses a recording.
pub(super) fn run(parent: u32) -> ! {
    let status = i32::from(!matches!(replay::answer(parent), Ok(true)));
    // SAFETY: it ends the process. Unlike `exit` it runs no native code's destructors.
    unsafe { libc::_exit(status) }
}

/// Analyses a recording in a process of its own.
pub(super) fn analyse(
    job: &ReplayJob,
    settings: &Settings,
    stop: &Stop,
    tell: &mut dyn FnMut(ReplayEvent),
) -> Result<Summary, ReplayError> {
    let limits =
        Limits { start: settings.workers.start_timeout, silence: settings.workers.hang_timeout };
    in_process_of_its_own(app::own_command("replay"), job, limits, stop, tell)
}

/// A recording that was named on the command line; the error names it.
pub(super) fn video(path: &Path) -> Result<PathBuf, String> {
    let fail = |reason: &str| format!("VIDEO {}: {reason}", path.display());
    let found = path.canonicalize().map_err(|error| fail(&error.to_string()))?;
    // A pipe would be waited for without end.
    if found.is_file() { Ok(found) } else { Err(fail("is not a file")) }
}

/// Where a result is written until it is complete: beside its place, of the same kind by its name.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{}.{name}", std::process::id()))
}

/// What SIGINT and SIGTERM do from now on: end the analyses, so that their files can be removed. A
/// second signal leaves at once.
#[derive(Debug)]
pub(super) struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Waits for signals in a thread of its own.
    pub(super) fn listen(stop: Stop) -> io::Result<Self> {
        let status = Arc::new(AtomicU8::new(0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (ready, is_ready) = mpsc::channel();
        let told = status.clone();
        thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                let mut signals = match StopSignals::listen() {
                    Ok(signals) => signals,
                    Err(error) => return ready.send(Err(error)),
                };
                let _ = ready.send(Ok(()));
                // 128 and the signal's number, as shells have it.
                let code = if signals.next().await == "SIGINT" { 130 } else { 143 };
                told.store(code, Ordering::SeqCst);
                stop.request();
                signals.next().await;
                // SAFETY: it ends the process; the analyses die with it.
                unsafe { libc::_exit(i32::from(code)) }
            })
        })?;
        is_ready.recv().map_err(io::Error::other)??;
        Ok(Self(status))
    }

    /// The exit code that says so, if there was a signal.
    pub(super) fn code(&self) -> Option<ExitCode> {
        Some(self.0.load(Ordering::SeqCst)).filter(|code| *code != 0).map(ExitCode::from)
    }
}
