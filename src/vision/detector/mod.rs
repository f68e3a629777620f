//! Finds people in pictures.

pub mod anchors;
pub mod check;
pub mod decode;
mod layout;
mod library;
pub mod merge;
pub mod model;
pub mod onnxruntime;
mod opencv;
pub mod preprocess;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

use ::opencv::core::Mat;
use becamera_counting::scale::InputSize;
use becamera_domain::settings::{Backend, DetectorSettings};

use self::{onnxruntime::OnnxRuntimeDetector, opencv::OpenCvDetector};
use becamera_counting::{geometry::Detection, regions::View};

/// An inference library with a network loaded.
pub trait Detector: Send {
    /// Finds the people that a view shows of an 8-bit BGR frame, scored at least `least`.
    fn detect(&mut self, frame: &Mat, view: &View, least: f32)
    -> Result<Detections, DetectorError>;

    /// The sizes of input that it takes.
    fn input(&self) -> InputSize;

    /// The library's name and version, and what it calculates with.
    fn backend(&self) -> &str;

    /// The file of a library that was loaded at run time.
    fn library(&self) -> Option<&Path> {
        None
    }
}

/// What was found in a view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detections {
    /// People, in pixels of the frame and inside the view. The same person may be among them
    /// several times.
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
    /// OpenCV failed.
    #[error("OpenCV failed: {}", .0.message)]
    OpenCv(#[from] ::opencv::Error),
    /// ONNX Runtime's library can't be used.
    #[error("{0}")]
    Library(String),
    /// ONNX Runtime failed.
    #[error("ONNX Runtime failed: {0}")]
    OnnxRuntime(String),
}

impl<R> From<ort::Error<R>> for DetectorError {
    fn from(error: ort::Error<R>) -> Self {
        Self::OnnxRuntime(error.message().to_owned())
    }
}

/// Loads the network that the settings name and runs it once, so that the first frame is as fast
/// as the others. Fails with a sentence that names the setting.
pub fn load(settings: &DetectorSettings) -> Result<Box<dyn Detector>, DetectorError> {
    match settings.backend {
        Backend::OpenCv => Ok(Box::new(OpenCvDetector::load(settings)?)),
        Backend::OnnxRuntime => Ok(Box::new(load_onnxruntime(settings)?)),
        Backend::Auto => match load_onnxruntime(settings) {
            Ok(detector) => Ok(Box::new(detector)),
            Err(error) => {
                log::info!("opencv is taken: {error}");
                Ok(Box::new(OpenCvDetector::load(settings)?))
            }
        },
    }
}

fn load_onnxruntime(settings: &DetectorSettings) -> Result<OnnxRuntimeDetector, DetectorError> {
    // `ort` panics where a library does not keep what its version promises.
    let load = AssertUnwindSafe(|| OnnxRuntimeDetector::load(settings));
    catch_unwind(load).unwrap_or_else(|_| {
        Err(DetectorError::Library("ONNX Runtime's library is not what it says it is".into()))
    })
}

#[cfg(test)]
mod conformance;
