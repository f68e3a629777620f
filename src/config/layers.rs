//! The layers: a file, the environment, flags. Each becomes single settings.

use std::{ffi::OsString, fs, path::Path};

use becamera_domain::{settings::Settings, stream_url::redact_urls};
use serde::Deserialize;
use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use super::{ConfigError, FILE_VARIABLE, SettingSource, file_error};

const PREFIX: &str = "BECAMERA_";

/// Variables of other names, each with its setting: those that other software knows, and a short
/// one.
pub const SHARED_VARIABLES: [(&str, &str); 3] = [
    ("DATABASE_URL", "storage.database_url"),
    ("REDIS_URL", "cache.redis_url"),
    ("BECAMERA_SECRET_KEY", "storage.secret_key"),
];

/// The sections within a section.
const SUBSECTIONS: [&str; 2] = ["storage.retention", "stream.tls"];

/// What Kubernetes sets in every container beside a service called `becamera`.
const KUBERNETES_VARIABLES: [&str; 2] = ["BECAMERA_PORT", "BECAMERA_SERVICE_"];

/// One setting of one layer. Its value fits the setting's type.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// `section.key`
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) origin: SettingSource,
}

impl Leaf {
    fn new(key: &str, value: Value, origin: SettingSource) -> Result<Self, ConfigError> {
        match fits(key, value.clone()) {
            Ok(()) => Ok(Self { key: key.into(), value, origin }),
            Err(reason) => Err(refuse(key, &origin, &reason)),
        }
    }

    /// A setting given as text: as TOML would read it where that fits, else as a string, else as
    /// a comma-separated list.
    pub(super) fn from_text(
        key: &str,
        text: &str,
        origin: SettingSource,
    ) -> Result<Self, ConfigError> {
        let list = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let list = list.map(|item| Value::String(item.into())).collect();
        let candidates = [
            text.parse::<Value>().ok(),
            Some(Value::String(text.into())),
            Some(Value::Array(list)),
        ];
        let mut first_reason = None;
        for value in candidates.into_iter().flatten() {
            match fits(key, value.clone()) {
                Ok(()) => return Ok(Self { key: key.into(), value, origin }),
                Err(reason) => _ = first_reason.get_or_insert(reason),
            }
        }
        Err(refuse(key, &origin, &first_reason.unwrap_or_default()))
    }
}

/// Reads the file. Its lines are named in errors, its text is not: it may hold passwords.
pub(super) fn from_file(path: &Path) -> Result<Vec<Leaf>, ConfigError> {
    let text = fs::read_to_string(path)
        .map_err(|error| file_error(path, format!("can't be read: {error}")))?;
    let syntax = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        file_error(path, format!("line {line}: {}", redact_urls(error.message().trim_end())))
    };
    let positions = DeTable::parse(&text).map_err(syntax)?;
    let table: Table = toml::from_str(&text).map_err(syntax)?;
    let mut leaves = Vec::new();
    collect(&table, "", &mut |key, value| {
        let line = line_of(&text, position(positions.get_ref(), key));
        let origin = SettingSource::File { path: path.into(), line };
        match value {
            // A table without settings: nothing to take, but its name must be known.
            Value::Table(_) => fits(key, value.clone()).map_err(|r| refuse(key, &origin, &r)),
            _ => Leaf::new(key, value.clone(), origin).map(|leaf| leaves.push(leaf)),
        }
    })?;
    Ok(leaves)
}

/// Reads `BECAMERA_<SECTION>_<KEY>` and the variables that other software knows. An empty variable
/// counts as not set.
pub(super) fn from_environment(
    variables: &[(OsString, OsString)],
) -> Result<Vec<Leaf>, ConfigError> {
    let mut foreign = Vec::new();
    let mut own = Vec::new();
    for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
        let Some(name) = name.to_str() else { continue };
        let foreign_key = SHARED_VARIABLES.iter().find(|(foreign, _)| *foreign == name);
        let origin = SettingSource::Variable(name.into());
        let key = match (foreign_key, name.strip_prefix(PREFIX)) {
            (Some((_, key)), _) => (*key).to_owned(),
            (None, Some(rest)) if !is_reserved(name) => key_of(rest),
            _ => continue,
        };
        let Some(value) = value.to_str() else {
            return Err(ConfigError::Form { origin, reason: "is not valid UTF-8".into() });
        };
        let leaves = if foreign_key.is_some() { &mut foreign } else { &mut own };
        leaves.push(Leaf::from_text(&key, value, origin)?);
    }
    // becamera's own name for a setting wins over the one it shares with other software.
    foreign.extend(own);
    Ok(foreign)
}

/// `SECTION_KEY` as `section.key`, or `section.subsection.key`.
fn key_of(name: &str) -> String {
    let key = name.to_lowercase().replacen('_', ".", 1);
    let within =
        |section: &&&str| key.strip_prefix(**section).is_some_and(|rest| rest.starts_with('_'));
    match SUBSECTIONS.iter().find(within) {
        Some(section) => format!("{section}.{}", &key[section.len() + 1..]),
        None => key,
    }
}

/// Reads `section.key=value`.
pub(super) fn from_assignment(text: &str) -> Result<Leaf, ConfigError> {
    let origin = SettingSource::Flag("--set");
    match text.split_once('=') {
        Some((key, value)) if key.contains('.') => {
            Leaf::from_text(key.trim(), value.trim(), origin)
        }
        _ => Err(ConfigError::Form { origin, reason: "must be given as section.key=value".into() }),
    }
}

/// Sets `section.key` in a table of sections.
pub(super) fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => _ = table.insert(key.into(), value),
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn is_reserved(name: &str) -> bool {
    name == FILE_VARIABLE || KUBERNETES_VARIABLES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether the settings have this key and take this value for it.
fn fits(key: &str, value: Value) -> Result<(), String> {
    let mut table = Table::new();
    insert(&mut table, key, value);
    match Settings::deserialize(Value::Table(table)) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.message().trim_end().to_owned()),
    }
}

fn refuse(key: &str, origin: &SettingSource, reason: &str) -> ConfigError {
    ConfigError::Setting {
        origin: origin.to_string(),
        key: key.into(),
        reason: redact_urls(reason),
    }
}

fn collect(
    table: &Table,
    prefix: &str,
    take: &mut impl FnMut(&str, &Value) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => collect(inner, &key, take)?,
            _ => take(&key, value)?,
        }
    }
    Ok(())
}

/// Where a key stands in the text, in bytes.
fn position(table: &DeTable<'_>, key: &str) -> usize {
    let mut table = table;
    let mut found = 0;
    for part in key.split('.') {
        let entry = table.iter().find(|(name, _)| name.get_ref() == part);
        let Some((name, value)) = entry else { break };
        found = name.span().start;
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

fn line_of(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
}
