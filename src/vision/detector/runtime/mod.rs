//! Inference libraries: each runs any network, numbers in and numbers out.

mod format;
mod library;
mod onnxruntime;
mod opencv;

use std::path::Path;

use becamera_domain::{FrameSize, settings::DetectorSettings};

pub use format::ModelFormat;
pub use onnxruntime::OnnxRuntime;
pub use opencv::OpenCv;

use super::DetectorError;

/// Which inference library runs a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeKind {
    /// OpenCV's DNN module, which is always there.
    OpenCv,
    /// ONNX Runtime, where its library is found.
    OnnxRuntime,
}

/// A network in an inference library. It takes one picture at a time, as planes of its channels.
pub trait Runtime: Send {
    /// Runs the network on the planes of a picture of this size, one after the other: red, green and
    /// blue or in whatever order the network was trained with. Its outputs stay until the next run.
    ///
    /// # Errors
    /// When the library fails, as with a size that the network does not accept.
    fn run(&mut self, planes: &[f32], size: FrameSize) -> Result<(), DetectorError>;

    /// The shapes of the newest run's outputs, in the network's order.
    ///
    /// # Errors
    /// When an output is not of 32-bit numbers.
    fn shapes(&self) -> Result<Vec<Vec<i64>>, DetectorError>;

    /// The numbers of an output of the newest run.
    ///
    /// # Errors
    /// When there is no such output, or it is not of 32-bit numbers.
    fn output(&self, index: usize) -> Result<&[f32], DetectorError>;

    /// Whether the network may accept inputs of other sizes than the one it was loaded for, as far as
    /// its description tells.
    fn accepts_other_sizes(&self) -> bool;

    /// Whether changing the input's size costs much more than an inference.
    fn resizes_slowly(&self) -> bool;

    /// The library's name and version, and the precision that it calculates with.
    fn name(&self) -> &str;

    /// The library's file, if it was loaded at run time.
    fn library(&self) -> Option<&Path>;
}

/// Loads a model file in an inference library; `input` is the size that the network was trained
/// with.
///
/// # Errors
/// A sentence that names the setting at fault.
pub fn load_file(
    kind: RuntimeKind,
    model: &Path,
    input: FrameSize,
    settings: &DetectorSettings,
) -> Result<Box<dyn Runtime>, DetectorError> {
    Ok(match kind {
        RuntimeKind::OpenCv => Box::new(OpenCv::load_file(model, settings)?),
        RuntimeKind::OnnxRuntime => Box::new(OnnxRuntime::load_file(model, input, settings)?),
    })
}
