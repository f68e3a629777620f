//! The effective settings as an operator reads them.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use becamera_domain::settings::Settings;

use super::SettingSource;

/// Writes the settings as TOML without passwords, each value that is not a default with its origin.
pub(super) fn render(
    settings: &Settings,
    file: Option<&Path>,
    origins: &BTreeMap<String, SettingSource>,
) -> Result<String, toml::ser::Error> {
    let mut shown = settings.clone();
    shown.storage.database_url = redact(&shown.storage.database_url);
    shown.cache.redis_url = shown.cache.redis_url.as_deref().map(redact);
    let text = toml::to_string(&shown)?;

    let mut out = String::new();
    let file = file.map_or_else(|| "none".into(), |path| path.display().to_string());
    // Writing to a string can't fail.
    let _ = writeln!(out, "# Effective settings; configuration file: {file}");
    let mut section = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        }
        let key = line.split_once(" = ").map(|(key, _)| format!("{section}.{key}"));
        let _ = match key.and_then(|key| origins.get(&key)) {
            Some(origin) => writeln!(out, "{line} # {origin}"),
            None => writeln!(out, "{line}"),
        };
    }
    Ok(out)
}

/// A database's or cache's URL without its secrets: user, password and query go.
pub(super) fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // The last @ ends the password, whatever it is made of.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("***@", rest),
        None => ("", rest),
    };
    match rest.split_once('?') {
        Some((rest, _)) => format!("{scheme}://{user}{rest}?***"),
        None => format!("{scheme}://{user}{rest}"),
    }
}
