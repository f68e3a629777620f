//! The becamera binary.

use std::process::ExitCode;

use becamera::cli::{self, Cli};
use becamera_actors::worker::TELEMETRY_OFF;
use clap::Parser;

fn main() -> ExitCode {
    let (name, value) = TELEMETRY_OFF;
    // SAFETY: the first thing that this process does, so no other thread reads the environment.
    unsafe { std::env::set_var(name, value) };
    cli::run(Cli::parse())
}
