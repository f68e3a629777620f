//! `becamera migrate`: brings the database to this version's schema.

use std::process::ExitCode;

use becamera_domain::settings::Settings;

use crate::db::{self, DatabaseUrl, DbError, MigrationReport};

pub(super) fn run(settings: &Settings) -> ExitCode {
    match migrate(&settings.storage.database_url) {
        Ok(report) => super::print(&describe(&report)),
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn migrate(url: &str) -> Result<MigrationReport, DbError> {
    let url: DatabaseUrl = url.parse()?;
    db::migrate(&url)
}

fn describe(report: &MigrationReport) -> String {
    let MigrationReport { database, applied, version } = report;
    if applied.is_empty() {
        return format!("{database}: up to date at {version}\n");
    }
    format!("{database}: applied {}, now at {version}\n", applied.join(", "))
}
