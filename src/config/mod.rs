//! Reads the settings: file, then environment, then flags.
//!
//! Every layer becomes single settings (`section.key` and a value), each checked against
//! [`Settings`] on its own, so that an error can name where the value came from. The last layer
//! that gives a setting wins.

mod effective;
mod layers;

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use becamera_domain::{Preset, settings::Settings, stream_url::redact_urls};

use layers::Leaf;
pub use layers::SHARED_VARIABLES;
use serde::Deserialize;

/// Where the file is looked for when nobody names one; the first that is there is read.
const DEFAULT_FILES: [&str; 2] = ["becamera.toml", "/etc/becamera/becamera.toml"];

/// The settings that a preset settles.
const PRESET_KNOBS: [&str; 5] =
    ["detect.mode", "detect.interval", "detect.person_height", "detect.scale", "detect.full_every"];

/// The variable that names the file.
const FILE_VARIABLE: &str = "BECAMERA_CONFIG";

/// What the command line and the environment say of the settings.
#[derive(Debug, Default)]
pub struct Inputs {
    /// `--config`: the file.
    pub file: Option<PathBuf>,
    /// `--bind`: short for `--set server.bind=…`.
    pub bind: Option<std::net::SocketAddr>,
    /// `--set section.key=value`, in order.
    pub set: Vec<String>,
    /// `--preset`: how people are looked for, instead of what file and environment say of that.
    pub preset: Option<Preset>,
    /// The process's environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// Where a setting's value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingSource {
    /// The configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the key, counted from 1.
        line: usize,
    },
    /// This environment variable.
    Variable(String),
    /// This flag.
    Flag(&'static str),
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// Why the settings can't be taken. Never repeats a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read or is not TOML.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting is unknown or has a value that can't be taken.
    #[error("{origin}: {key}: {reason}")]
    Setting {
        /// Where it came from; `built-in default` for a default.
        origin: String,
        /// Which setting, as `section.key`.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A flag or variable is not of the form that names a setting.
    #[error("{origin}: {reason}")]
    Form {
        /// Where it came from.
        origin: SettingSource,
        /// What is wrong with it.
        reason: String,
    },
}

/// The settings in force, and where they came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, validated.
    pub settings: Settings,
    /// The file that was read.
    pub file: Option<PathBuf>,
    origins: BTreeMap<String, SettingSource>,
}

impl Loaded {
    /// The effective settings as TOML, without passwords; a comment says where each value that is
    /// not a default came from.
    pub fn effective(&self) -> Result<String, toml::ser::Error> {
        effective::render(&self.settings, self.file.as_deref(), &self.origins)
    }
}

/// Reads and validates the settings.
pub fn load(inputs: &Inputs) -> Result<Loaded, ConfigError> {
    let file = locate(inputs);
    let mut leaves = match &file {
        Some(path) => layers::from_file(path)?,
        None => Vec::new(),
    };
    leaves.extend(layers::from_environment(&inputs.environment)?);
    if let Some(bind) = inputs.bind {
        leaves.push(Leaf::from_text(
            "server.bind",
            &bind.to_string(),
            SettingSource::Flag("--bind"),
        )?);
    }
    if let Some(preset) = inputs.preset {
        leaves.retain(|leaf| !PRESET_KNOBS.contains(&leaf.key.as_str()));
        let name = preset.as_str();
        leaves.push(Leaf::from_text("detect.preset", name, SettingSource::Flag("--preset"))?);
    }
    for assignment in &inputs.set {
        leaves.push(layers::from_assignment(assignment)?);
    }
    let (settings, origins) = merge(leaves)?;
    Ok(Loaded { settings, file, origins })
}

fn locate(inputs: &Inputs) -> Option<PathBuf> {
    let named = || {
        let (_, path) = inputs.environment.iter().find(|(name, _)| name == FILE_VARIABLE)?;
        (!path.is_empty()).then(|| PathBuf::from(path))
    };
    let found = || DEFAULT_FILES.iter().map(PathBuf::from).find(|path| path.exists());
    inputs.file.clone().or_else(named).or_else(found)
}

fn merge(leaves: Vec<Leaf>) -> Result<(Settings, BTreeMap<String, SettingSource>), ConfigError> {
    let mut table = toml::Table::new();
    let mut origins = BTreeMap::new();
    for Leaf { key, value, origin } in leaves {
        layers::insert(&mut table, &key, value);
        origins.insert(key, origin);
    }
    let settings = Settings::deserialize(toml::Value::Table(table)).map_err(|error| {
        // Every leaf was taken by itself, so this would be a contradiction between them.
        let reason = redact_urls(error.message());
        ConfigError::Setting { origin: "settings".into(), key: "as a whole".into(), reason }
    })?;
    settings.validate().map_err(|invalid| {
        let blamed = origins.get(invalid.field).or_else(|| {
            // A default that contradicts a given value: the reason names the given one.
            let named = origins.iter().find(|(key, _)| invalid.reason.contains(key.as_str()));
            named.map(|(_, origin)| origin)
        });
        ConfigError::Setting {
            origin: blamed.map_or_else(|| "built-in default".into(), SettingSource::to_string),
            key: invalid.field.into(),
            reason: invalid.reason,
        }
    })?;
    Ok((settings, origins))
}

/// The process's environment, for [`Inputs`].
pub fn environment() -> Vec<(OsString, OsString)> {
    env::vars_os().collect()
}

fn file_error(path: &Path, reason: impl Into<String>) -> ConfigError {
    ConfigError::File { path: path.into(), reason: reason.into() }
}

#[cfg(test)]
mod tests;
