//! `docs/reference/settings.md` and `deploy/becamera.example.toml`.

use std::{collections::BTreeMap, fmt::Write};

use becamera::config::{self, Inputs};
use becamera_domain::settings::Settings;

use super::source::{Section, Setting, Source};

const REFERENCE: &str = "\
# Settings

<!-- Generated from crates/domain/src/settings by `just docs-reference`; a test keeps it so. -->

Read in this order, later ones win:

1. a configuration file: `--config FILE`, else `BECAMERA_CONFIG`, else `becamera.toml` in the working
   directory, else `/etc/becamera/becamera.toml`;
   [becamera.example.toml](../../deploy/becamera.example.toml) shows every setting at its default;
2. environment variables: a setting `section.key` is `BECAMERA_SECTION_KEY`; an empty one counts as not set;
3. flags: `--bind ADDRESS:PORT`, and `--set section.key=value` for any setting.

Everything is checked before anything starts; unknown settings are errors. `becamera config` prints what is in
force and where each value came from, without secrets.

Durations are written with their unit: `200ms`, `15s`, `5m`, `1h 30m`. In the environment and in flags lists
are separated by commas.

Variables besides those in the tables: `RUST_LOG` sets the log's level (`debug`, `info,becamera::http=debug`),
`BECAMERA_CONFIG` names the configuration file, `ORT_DYLIB_PATH` ONNX Runtime's library.
";

const EXAMPLE: &str = r##"# becamera's configuration, with every setting at its default.
#
# Copy it to ./becamera.toml or /etc/becamera/becamera.toml, or name it with --config or
# BECAMERA_CONFIG. To change a setting, remove the "#:" before it. Environment variables
# (BECAMERA_<SECTION>_<KEY>, and DATABASE_URL and REDIS_URL) win over this file, flags
# (--bind, --set section.key=value) win over both. Unknown settings are errors.
# `becamera config` prints the effective settings and where each came from.
#
# Durations are written with their unit: "200ms", "15s", "5m", "1h 30m".
#
# The texts are those of the code (crates/domain/src/settings); `just docs-reference` writes this
# file anew.
"##;

/// The reference as Markdown.
pub fn reference() -> String {
    let defaults = defaults();
    let mut text = REFERENCE.to_owned();
    for Section { name, title, settings } in Source::read().sections() {
        let title = sentence(&title);
        // Writing to a string can't fail.
        let _ = writeln!(text, "\n## `[{name}]`\n\n{title}\n");
        text += "| setting | environment | type | default | meaning |\n|---|---|---|---|---|\n";
        for Setting { name, kind, meaning, .. } in settings {
            let variables = variables(&name).join("`, `");
            let default =
                defaults.get(&name).map_or("not set".into(), |value| format!("`{value}`"));
            let _ = writeln!(text, "| `{name}` | `{variables}` | {kind} | {default} | {meaning} |");
        }
    }
    text
}

/// The example of a configuration file.
pub fn example() -> String {
    let defaults = defaults();
    let mut text = EXAMPLE.to_owned();
    for Section { name, title, settings } in Source::read().sections() {
        // Writing to a string can't fail.
        let _ = writeln!(text, "\n[{name}] # {}", sentence(&title));
        for Setting { name, meaning, example, .. } in settings {
            let key = name.rsplit('.').next().unwrap();
            match defaults.get(&name).cloned().or(example) {
                Some(value) => _ = writeln!(text, "{}\n#:{key} = {value}", comment(&meaning)),
                None => _ = writeln!(text, "{}", comment(&format!("{key}: {meaning}"))),
            }
        }
    }
    text
}

/// Every setting that has a default, with it in TOML.
fn defaults() -> BTreeMap<String, String> {
    let text = toml::to_string(&Settings::default()).unwrap();
    let mut section = "";
    let mut defaults = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once(" = ") {
            defaults.insert(format!("{section}.{key}"), value.to_owned());
        }
    }
    defaults
}

/// The environment variables of a setting: its own, and those that other software knows.
fn variables(name: &str) -> Vec<String> {
    let own = format!("BECAMERA_{}", name.replace('.', "_").to_uppercase());
    let others = config::SHARED_VARIABLES.iter().filter(|(_, setting)| *setting == name);
    std::iter::once(own).chain(others.map(|(variable, _)| (*variable).to_owned())).collect()
}

fn sentence(text: &str) -> String {
    text[..1].to_uppercase() + &text[1..]
}

/// A comment in TOML, in lines of at most 100 characters.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split(' ') {
        if lines.last().unwrap().chars().count() + 1 + word.chars().count() > 100 {
            lines.push("#".into());
        }
        let line = lines.last_mut().unwrap();
        line.push(' ');
        line.push_str(word);
    }
    lines.join("\n")
}

#[test]
fn the_reference_names_every_setting_and_no_other() {
    let sections = Source::read().sections();
    let documented: BTreeMap<_, _> = sections
        .iter()
        .flat_map(|section| &section.settings)
        .map(|setting| (setting.name.as_str(), setting))
        .collect();
    for name in defaults().keys() {
        assert!(documented.contains_key(name.as_str()), "{name} is not documented");
    }
    let defaults = defaults();
    let load = |variable: &str, value: &str| {
        let environment = vec![(variable.into(), value.into())];
        let loaded = config::load(&Inputs { environment, ..Inputs::default() });
        loaded.map(|loaded| loaded.settings).map_err(|error| error.to_string())
    };
    for (name, setting) in documented {
        let values = [defaults.get(name), setting.example.as_ref()];
        let values = values.into_iter().flatten().chain(&setting.choices);
        for variable in variables(name) {
            let unknown = |error: &String| error.contains("unknown field");
            assert!(!load(&variable, "?").is_err_and(|error| unknown(&error)), "{variable}");
            for value in values.clone() {
                let loaded = load(&variable, value);
                // Files of an example need not be there, nor the setting that it needs.
                let absent = |error: &String| {
                    error.contains("is not a file") || error.contains("needs detector.model")
                };
                assert!(!loaded.is_err_and(|error| !absent(&error)), "{variable}={value}");
            }
            if let Some(default) = defaults.get(name) {
                assert_eq!(load(&variable, default), Ok(Settings::default()), "{variable}");
            }
        }
    }
}
