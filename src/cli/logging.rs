//! The log: one line a record, on standard error.

use std::{borrow::Cow, io::Write};

/// What is logged unless `RUST_LOG` says otherwise. actix tells of threads it calls workers, which
/// are none of ours.
const DEFAULT_FILTER: &str = "info,actix_server=warn";

/// Starts logging: RFC 3339 UTC time with milliseconds, level, message.
pub(super) fn init() {
    let environment = env_logger::Env::default().default_filter_or(DEFAULT_FILTER);
    env_logger::Builder::from_env(environment)
        .format(|to, record| {
            let message = record.args().to_string();
            writeln!(to, "{} {:<5} {}", to.timestamp_millis(), record.level(), one_line(&message))
        })
        .init();
}

/// Keeps foreign text from passing for a record of its own or steering a terminal.
fn one_line(message: &str) -> Cow<'_, str> {
    if message.chars().any(char::is_control) {
        Cow::Owned(message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    } else {
        Cow::Borrowed(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_on_its_line() {
        assert_eq!(one_line("plain"), "plain");
        assert_eq!(one_line("a\n2026-01-01 ERROR b\x1b[31m"), "a 2026-01-01 ERROR b [31m");
    }
}
