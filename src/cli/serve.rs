//! `becamera serve`: the service.

use std::process::ExitCode;

use crate::config::Loaded;

pub(super) fn run(_: Loaded) -> ExitCode {
    unimplemented!("the composition root")
}
