//! `becamera worker`: a worker process.

use std::process::ExitCode;

pub(super) fn run() -> ExitCode {
    unimplemented!("the composition root")
}
