//! Inference by ONNX Runtime, where its library is there: several times as fast as OpenCV's.

use std::path::Path;

use becamera_domain::{FrameSize, settings::DetectorSettings};
use ort::{
    inputs,
    session::{
        Session,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::{DynValue, TensorElementType, TensorRef, ValueType},
};

use super::{
    ModelFormat, Runtime,
    library::{self, Library},
};
use crate::vision::detector::DetectorError;

/// A network in ONNX Runtime.
pub struct OnnxRuntime {
    session: Session,
    input_name: String,
    accepts_other_sizes: bool,
    outputs: Vec<DynValue>,
    name: String,
    library: &'static Library,
}

impl OnnxRuntime {
    /// Loads a model from memory that calculates with this precision; `input` is the size that it
    /// was trained with.
    ///
    /// # Errors
    /// When the library is missing, or can't use the model, or the model does not take such a
    /// picture.
    pub fn load(
        model: &[u8],
        precision: &str,
        input: FrameSize,
        settings: &DetectorSettings,
    ) -> Result<Self, DetectorError> {
        Self::build(precision, input, settings, |builder| builder.commit_from_memory(model))
    }

    /// Loads a model file; `input` is the size that it was trained with.
    ///
    /// # Errors
    /// A sentence that names the setting at fault.
    pub fn load_file(
        model: &Path,
        input: FrameSize,
        settings: &DetectorSettings,
    ) -> Result<Self, DetectorError> {
        let name = model.display();
        if ModelFormat::of(model)? != ModelFormat::Onnx {
            return Err(DetectorError::Model(format!(
                "detector.model: ONNX Runtime runs .onnx files alone, not {name}"
            )));
        }
        let own_precision = "the model's own precision";
        let loaded =
            Self::build(own_precision, input, settings, |builder| builder.commit_from_file(model));
        loaded.map_err(|error| match error {
            DetectorError::OnnxRuntime(why) => {
                DetectorError::Model(format!("detector.model: can't load {name}: {why}"))
            }
            other => other,
        })
    }

    fn build(
        precision: &str,
        input: FrameSize,
        settings: &DetectorSettings,
        commit: impl FnOnce(&mut SessionBuilder) -> ort::Result<Session>,
    ) -> Result<Self, DetectorError> {
        let library = library::load(settings.onnxruntime_library.as_deref())
            .map_err(DetectorError::Library)?;
        let session = commit(&mut session_builder(library, settings.threads)?)?;
        let (input_name, accepts_other_sizes) = check_input(&session, input)?;
        let name = format!("onnxruntime {}, {precision}", library.version);
        Ok(Self { session, input_name, accepts_other_sizes, outputs: Vec::new(), name, library })
    }
}

impl Runtime for OnnxRuntime {
    fn run(&mut self, planes: &[f32], size: FrameSize) -> Result<(), DetectorError> {
        // Before the run, so that the library can use their memory again.
        self.outputs.clear();
        let shape = [1, 3, size.height as usize, size.width as usize];
        let input = TensorRef::from_array_view((shape, planes))?;
        let outputs = self.session.run(inputs![self.input_name.as_str() => input])?;
        self.outputs.extend(outputs.into_iter().map(|(_, value)| value));
        Ok(())
    }

    fn shapes(&self) -> Result<Vec<Vec<i64>>, DetectorError> {
        let shape = |output: &DynValue| Ok(output.try_extract_tensor::<f32>()?.0.to_vec());
        self.outputs.iter().map(shape).collect()
    }

    fn output(&self, index: usize) -> Result<&[f32], DetectorError> {
        let missing = || DetectorError::OnnxRuntime(format!("there is no output {index}"));
        Ok(self.outputs.get(index).ok_or_else(missing)?.try_extract_tensor::<f32>()?.1)
    }

    fn accepts_other_sizes(&self) -> bool {
        self.accepts_other_sizes
    }

    fn resizes_slowly(&self) -> bool {
        false
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn library(&self) -> Option<&Path> {
        Some(&self.library.path)
    }
}

/// One picture at a time: threads within an operation alone, which sleep while there is nothing to
/// do.
fn session_builder(library: &Library, threads: usize) -> Result<SessionBuilder, ort::Error> {
    Ok(Session::builder(&library.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_parallel_execution(false)?
        // Inputs of many sizes come: memory planned for each of them would never be given back.
        .with_memory_pattern(false)?
        .with_inter_threads(1)?
        .with_inter_op_spinning(false)?
        .with_intra_threads(threads)?
        .with_intra_op_spinning(false)?)
}

/// The name of the network's one input, if a picture of this size fits into it, and whether the model
/// declares that it accepts pictures of any size.
fn check_input(session: &Session, size: FrameSize) -> Result<(String, bool), DetectorError> {
    let FrameSize { width, height } = size;
    let fits = |shape: &[i64]| {
        let wanted = [1, 3, i64::from(height), i64::from(width)];
        // -1 is any size.
        let same = |(&has, wanted): (&i64, i64)| has == wanted || has == -1;
        shape.len() == wanted.len() && shape.iter().zip(wanted).all(same)
    };
    match session.inputs() {
        [only] => match only.dtype() {
            ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } if fits(shape) => {
                Ok((only.name().to_owned(), shape[2] == -1 && shape[3] == -1))
            }
            other => Err(DetectorError::Model(format!(
                "detector.model: its input is {other}; known is float32 [1, 3, {height}, {width}]"
            ))),
        },
        inputs => Err(DetectorError::Model(format!(
            "detector.model: it has {} inputs; known are models with one",
            inputs.len()
        ))),
    }
}
