//! `becamera config`: the effective settings.

use std::process::ExitCode;

use crate::config::Loaded;

pub(super) fn run(loaded: &Loaded) -> ExitCode {
    match loaded.effective() {
        Ok(text) => super::print(&text),
        Err(error) => {
            log::error!("the settings can't be written as TOML: {error}");
            ExitCode::FAILURE
        }
    }
}
