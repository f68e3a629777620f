//! Finds people in pictures.
//!
//! A detector is a network of some *family*, run by some *runtime*:
//!
//! * A runtime (`runtime/`) is an inference library. It runs any network: numbers in, numbers out.
//! * A family (`mobilenet_ssd/`) is a folder. It brings the models that it embeds, how their pixels
//!   are normalised, what their outputs mean (with the pure part in
//!   [`becamera_counting::detection`]), its settings, and tests against the original network.
//! * Shared by families: `picture` cuts a view out of a frame and resizes it, `embedded` checks the
//!   models of the binary, `labels` reads the names of classes.
//!
//! A new family is a new folder with a type that implements [`Detector`], and a line in `load_family`
//! here.

pub mod check;
mod embedded;
mod error;
mod labels;
pub mod mobilenet_ssd;
pub mod picture;
pub mod runtime;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

use becamera_counting::{geometry::Detection, regions::View, scale::InputSize};
use becamera_domain::settings::{Backend, DetectorSettings};
use opencv::core::Mat;

pub use error::DetectorError;
use mobilenet_ssd::MobileNetSsd;
use runtime::RuntimeKind;

/// A network that finds people, loaded in an inference library.
pub trait Detector: Send {
    /// Finds the people that a view shows of an 8-bit BGR frame, with a score of at least `least`.
    ///
    /// # Errors
    /// When the view is not inside of the frame, or the inference library fails.
    fn detect(&mut self, frame: &Mat, view: &View, least: f32)
    -> Result<Detections, DetectorError>;

    /// The sizes of input that the network accepts.
    fn input(&self) -> InputSize;

    /// The inference library's name and version, and the precision that it calculates with.
    fn backend(&self) -> &str;

    /// The file of the inference library, if it was loaded at run time.
    fn library(&self) -> Option<&Path>;
}

/// What was detected in a view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detections {
    /// People, in pixels of the frame and inside the view. The same person may be among them
    /// several times.
    pub people: Vec<Detection>,
    /// How long the network itself took.
    pub inference: Duration,
}

/// Loads the network that the settings name and runs it once, so that the first frame is as fast
/// as the others.
///
/// # Errors
/// A sentence that names the setting at fault.
pub fn load(settings: &DetectorSettings) -> Result<Box<dyn Detector>, DetectorError> {
    match settings.backend {
        Backend::OpenCv => load_family(RuntimeKind::OpenCv, settings),
        Backend::OnnxRuntime => load_in_onnxruntime(settings),
        Backend::Auto => load_in_onnxruntime(settings).or_else(|error| {
            log::info!("opencv is taken: {error}");
            load_family(RuntimeKind::OpenCv, settings)
        }),
    }
}

/// Loads the settings' detector family; there is one so far.
fn load_family(
    runtime: RuntimeKind,
    settings: &DetectorSettings,
) -> Result<Box<dyn Detector>, DetectorError> {
    Ok(Box::new(MobileNetSsd::load(runtime, settings)?))
}

fn load_in_onnxruntime(settings: &DetectorSettings) -> Result<Box<dyn Detector>, DetectorError> {
    // `ort` panics where a library does not keep what its version promises.
    let load = AssertUnwindSafe(|| load_family(RuntimeKind::OnnxRuntime, settings));
    catch_unwind(load).unwrap_or_else(|_| {
        Err(DetectorError::Library("ONNX Runtime's library is not what it says it is".into()))
    })
}
