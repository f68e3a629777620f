//! `becamera serve`: the service.

use std::process::ExitCode;

use crate::{app, config::Loaded};

pub(super) fn run(loaded: Loaded) -> ExitCode {
    log::info!("becamera {} starts", env!("CARGO_PKG_VERSION"));
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
