//! `becamera serve`: the service.

use std::process::ExitCode;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{app, config::Loaded};

pub(super) fn run(loaded: Loaded) -> ExitCode {
    log::info!("becamera {} starts", env!("CARGO_PKG_VERSION"));
    allow_connections();
    match actix::System::new().block_on(app::serve(loaded.settings)) {
        Ok(true) => {
            log::info!("stopped");
            ExitCode::SUCCESS
        }
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            log::error!("can't start: {error}");
            match error.is_of_settings() {
                true => ExitCode::from(super::EXIT_USAGE),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// Raises the usual limit of 1024 open files as far as we may: every client takes two.
fn allow_connections() {
    const ENOUGH: u64 = 65_536;
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        let wanted = ENOUGH.min(hard);
        if soft < wanted { setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) } else { Ok(()) }
    });
    if let Err(error) = raised {
        log::warn!("the limit of open files stays as it is: {error}");
    }
}
