//! The references that are generated from the code. With `BECAMERA_WRITE_REFERENCE=1` these tests
//! write the files that they otherwise compare.

mod settings;
mod source;

use std::{fs, path::Path};

/// Asserts that this file of the repository has this text, or writes it there.
#[track_caller]
fn is_current(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BECAMERA_WRITE_REFERENCE").is_some_and(|value| value == "1") {
        fs::write(&file, text).unwrap();
    }
    let current = fs::read_to_string(&file).unwrap_or_default();
    if let Some((line, (is, should))) =
        current.lines().zip(text.lines()).enumerate().find(|(_, (is, should))| is != should)
    {
        panic!(
            "{path} line {} is not what the code says; `just docs-reference` writes it anew\n  \
             is:        {is}\n  should be: {should}",
            line + 1
        );
    }
    assert!(current == text, "{path} has more or fewer lines than the code says");
}

#[test]
fn the_reference_of_metrics_is_current() {
    is_current("docs/reference/metrics.md", &becamera_actors::metrics::reference().unwrap());
}

#[test]
fn the_reference_of_settings_is_current() {
    is_current("docs/reference/settings.md", &settings::reference());
}

#[test]
fn the_example_of_a_configuration_is_current() {
    is_current("deploy/becamera.example.toml", &settings::example());
}
