//! The becamera binary.

use std::process::ExitCode;

use becamera::cli::{self, Cli};
use clap::Parser;

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
