//! Finds people in pictures.

pub mod anchors;
pub mod decode;
mod model;
mod opencv;

use std::time::Duration;

use ::opencv::core::Mat;
use becamera_actors::{domain::DetectSettings, settings::DetectorSettings};

use super::geometry::Detection;

/// An inference library with a network loaded.
pub trait Detector: Send {
    /// Finds the people in an 8-bit BGR picture of any size.
    fn detect(
        &mut self,
        frame: &Mat,
        settings: &DetectSettings,
    ) -> Result<Detections, DetectorError>;

    /// The library's name and version, and why it was taken.
    fn backend(&self) -> &str;
}

/// What was found in a picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detections {
    /// The people, best score first, boxes in pixels of the picture and inside of it.
    pub people: Vec<Detection>,
    /// How long the network itself took.
    pub inference: Duration,
}

/// Why people could not be looked for.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// A model, its description or its labels can't be used.
    #[error("{0}")]
    Model(String),
    /// The inference library failed.
    #[error("OpenCV failed: {}", .0.message)]
    OpenCv(#[from] ::opencv::Error),
}

/// Loads the network that the settings name and runs it once, so that the first frame is as fast
/// as the others. Fails with a sentence that names the setting.
pub fn load(settings: &DetectorSettings) -> Result<Box<dyn Detector>, DetectorError> {
    Ok(Box::new(opencv::OpenCvDetector::load(settings)?))
}

#[cfg(test)]
mod conformance;
