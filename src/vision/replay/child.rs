//! The end that does the work: `becamera replay`.

use std::{
    fs::File,
    io::{self, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
};

use becamera_actors::protocol::write_message;
use nix::{
    sys::signal::{SigHandler, Signal, signal},
    unistd::{dup, dup2_stdout, getppid},
};

use super::{ReplayEvent, ReplayJob, run};
use crate::vision::native;

/// Reads a job from standard input, does it and reports on standard output. `parent` is the process
/// that started it and reads the report. Gives whether the analysis succeeded.
///
/// # Errors
/// When the parent is gone, or the job can't be read or the report written.
pub fn answer(parent: u32) -> io::Result<bool> {
    // The kernel's death signal was set before exec; the parent may have been gone by then.
    if getppid().as_raw().cast_unsigned() != parent {
        return Err(io::Error::other("its parent is gone"));
    }
    // Native libraries print: their output must not be taken for the report.
    let mut out = File::from(dup(io::stdout())?);
    dup2_stdout(io::stderr())?;
    for number in [Signal::SIGSEGV, Signal::SIGBUS] {
        // SAFETY: Rust's handler for stack overflows swallows the first such signal from
        // elsewhere; the default one ends the process.
        unsafe { signal(number, SigHandler::SigDfl) }?;
    }
    let mut job = Vec::new();
    io::stdin().read_to_end(&mut job)?;
    let job: ReplayJob = serde_json::from_slice(&job)?;
    native::set_up();

    let mut lost = None;
    let mut tell = |event: ReplayEvent| {
        if let Err(error) = write_message(&mut out, &event) {
            lost.get_or_insert(error);
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| run::replay(&job, &mut tell)))
        .unwrap_or_else(|_| Err("the analysis failed: this is a defect of becamera".into()));
    let good = result.is_ok();
    tell(match result {
        Ok(summary) => ReplayEvent::Done(summary),
        Err(why) => ReplayEvent::Failed(why),
    });
    match lost {
        Some(error) => Err(error),
        None => out.flush().map(|()| good),
    }
}
