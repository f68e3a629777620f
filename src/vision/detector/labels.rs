//! Files with the names of a model's classes, one a line.

use std::{fs, path::Path};

use super::DetectorError;

/// The class *person* in a file of labels: the number of its line, counted from 0.
///
/// # Errors
/// When the file can't be read or has no such line.
pub fn person_class(path: &Path) -> Result<usize, DetectorError> {
    let labels = fs::read_to_string(path).map_err(|error| {
        DetectorError::Model(format!("detector.labels: can't read {}: {error}", path.display()))
    })?;
    labels.lines().position(|label| label.trim().eq_ignore_ascii_case("person")).ok_or_else(|| {
        DetectorError::Model(format!("detector.labels: {} has no line person", path.display()))
    })
}
