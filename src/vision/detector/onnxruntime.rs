//! Inference by ONNX Runtime, where its library is there: several times as fast as OpenCV's.

use std::{path::Path, time::Instant};

use becamera_actors::{domain::DetectSettings, settings::DetectorSettings};
use opencv::{core::Mat, prelude::*};
use ort::{
    memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType},
    session::{
        IoBinding, Session, SessionOutputs,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::{Tensor, TensorElementType, ValueType},
};

use super::{
    Detections, Detector, DetectorError,
    anchors::{Anchor, TRAINED_SIZE, anchors},
    decode::{decode_detection_output, decode_ssd, finish},
    layout::Layout,
    library::{self, Library},
    model::{self, Embedded, Format},
    preprocess::Preprocessor,
};
use crate::vision::geometry::Detection;

/// A network in ONNX Runtime. Its input is a square of 300 pixels into which the picture is
/// squeezed. Input and outputs are bound to tensors that serve all pictures.
pub struct OnnxRuntimeDetector {
    session: Session,
    binding: IoBinding,
    input: Tensor<f32>,
    preprocessor: Preprocessor,
    layout: Layout,
    person: usize,
    anchors: Vec<Anchor>,
    backend: String,
    library: &'static Library,
}

impl OnnxRuntimeDetector {
    /// Loads the settings' network and runs it once. By default that is the embedded one in INT8,
    /// or in float32 where the library can't run INT8.
    pub fn load(settings: &DetectorSettings) -> Result<Self, DetectorError> {
        match &settings.model {
            Some(path) if Format::of(path)? != Format::Onnx => Err(DetectorError::Model(format!(
                "detector.model: ONNX Runtime runs .onnx files alone, not {}",
                path.display()
            ))),
            Some(path) => {
                let name = path.display();
                let detector = Self::build(settings, "the model's own precision", |builder| {
                    builder.commit_from_file(path)
                });
                detector.map_err(|error| match error {
                    DetectorError::OnnxRuntime(why) => {
                        DetectorError::Model(format!("detector.model: can't load {name}: {why}"))
                    }
                    other => other,
                })
            }
            None => Self::load_embedded(Embedded::Int8, settings).or_else(|error| {
                let detector = Self::load_embedded(Embedded::Float32, settings)?;
                log::warn!("the INT8 model can't be used, float32 is taken: {error}");
                Ok(detector)
            }),
        }
    }

    /// Loads one of the embedded networks and runs it once.
    pub fn load_embedded(
        model: Embedded,
        settings: &DetectorSettings,
    ) -> Result<Self, DetectorError> {
        let bytes = model.bytes()?;
        let precision = match model {
            Embedded::Float32 => "float32",
            Embedded::Int8 => "int8",
        };
        let detector =
            Self::build(settings, precision, |builder| builder.commit_from_memory(bytes));
        model.release();
        detector
    }

    fn build(
        settings: &DetectorSettings,
        precision: &str,
        commit: impl FnOnce(&mut SessionBuilder) -> ort::Result<Session>,
    ) -> Result<Self, DetectorError> {
        let library = library::load(settings.onnxruntime_library.as_deref())
            .map_err(DetectorError::Library)?;
        let mut session = commit(&mut session_builder(library, settings.threads)?)?;
        let input_name = check_input(&session)?;

        let side = i64::from(TRAINED_SIZE);
        let mut input = Tensor::<f32>::new(session.allocator(), [1, 3, side, side])?;
        let preprocessor = Preprocessor::new(TRAINED_SIZE, Format::Onnx.preprocessing());
        input.extract_tensor_mut().1.fill(0.0);

        // The first run shows what the outputs are.
        let mut binding = session.create_binding()?;
        binding.bind_input(&input_name, &input)?;
        let names: Vec<String> =
            session.outputs().iter().map(|output| output.name().to_owned()).collect();
        let host = MemoryInfo::new(
            AllocationDevice::CPU,
            0,
            AllocatorType::Device,
            MemoryType::CPUOutput,
        )?;
        for name in &names {
            binding.bind_output_to_device(name, &host)?;
        }
        let shapes = shapes(&session.run_binding(&binding)?)?;
        let anchors = anchors(TRAINED_SIZE, TRAINED_SIZE);
        let person = model::person_class(settings, Format::Onnx)?;
        let (layout, person) = Layout::of(&shapes, anchors.len(), person, settings)?;
        if matches!(layout, Layout::Ssd { .. }) {
            // Their size is the same for every picture: they get memory of their own.
            binding.clear_outputs();
            for (name, shape) in names.iter().zip(&shapes) {
                let output = Tensor::<f32>::new(session.allocator(), shape.as_slice())?;
                binding.bind_output(name, output)?;
            }
            session.run_binding(&binding)?;
        }
        let backend = format!("onnxruntime {}, {precision}", library.version);
        Ok(Self {
            session,
            binding,
            input,
            preprocessor,
            layout,
            person,
            anchors,
            backend,
            library,
        })
    }
}

impl Detector for OnnxRuntimeDetector {
    fn detect(
        &mut self,
        frame: &Mat,
        settings: &DetectSettings,
    ) -> Result<Detections, DetectorError> {
        let threshold = settings.confidence;
        self.preprocessor.run(frame, self.input.extract_tensor_mut().1)?;
        let started = Instant::now();
        let outputs = self.session.run_binding(&self.binding)?;
        let inference = started.elapsed();
        let mut people = decode(&outputs, self.layout, self.person, &self.anchors, threshold)?;
        finish(&mut people, TRAINED_SIZE, frame.cols(), frame.rows(), settings.nms_iou);
        Ok(Detections { people, inference })
    }

    fn backend(&self) -> &str {
        &self.backend
    }

    fn library(&self) -> Option<&Path> {
        Some(&self.library.path)
    }
}

/// One stream of pictures, one picture at a time: threads within an operation alone, which sleep
/// while there is nothing to do.
fn session_builder(library: &Library, threads: usize) -> Result<SessionBuilder, ort::Error> {
    Ok(Session::builder(&library.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_parallel_execution(false)?
        .with_memory_pattern(false)?
        .with_inter_threads(1)?
        .with_inter_op_spinning(false)?
        .with_intra_threads(threads)?
        .with_intra_op_spinning(false)?)
}

/// The name of the network's one input, if a picture fits into it.
fn check_input(session: &Session) -> Result<String, DetectorError> {
    let side = i64::from(TRAINED_SIZE);
    let fits = |shape: &[i64]| {
        let wanted = [1, 3, side, side];
        // -1 is any size.
        let same = |(&has, wanted): (&i64, i64)| has == wanted || has == -1;
        shape.len() == wanted.len() && shape.iter().zip(wanted).all(same)
    };
    match session.inputs() {
        [only] => match only.dtype() {
            ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } if fits(shape) => {
                Ok(only.name().to_owned())
            }
            other => Err(DetectorError::Model(format!(
                "detector.model: its input is {other}; known is float32 [1, 3, {side}, {side}]"
            ))),
        },
        inputs => Err(DetectorError::Model(format!(
            "detector.model: it has {} inputs; known are models with one",
            inputs.len()
        ))),
    }
}

fn shapes(outputs: &SessionOutputs<'_>) -> Result<Vec<Vec<i64>>, ort::Error> {
    let shape = |at: usize| Ok(outputs[at].try_extract_tensor::<f32>()?.0.to_vec());
    (0..outputs.len()).map(shape).collect()
}

fn decode(
    outputs: &SessionOutputs<'_>,
    layout: Layout,
    person: usize,
    anchors: &[Anchor],
    threshold: f32,
) -> Result<Vec<Detection>, ort::Error> {
    let numbers = |at: usize| outputs[at].try_extract_tensor::<f32>().map(|(_, numbers)| numbers);
    Ok(match layout {
        Layout::Ssd { boxes, logits, classes } => {
            let (boxes, logits) = (numbers(boxes)?, numbers(logits)?);
            decode_ssd(boxes, logits, classes, person, anchors, threshold)
        }
        Layout::DetectionOutput => {
            let side = TRAINED_SIZE as f32;
            decode_detection_output(numbers(0)?, person, threshold, side, side)
        }
    })
}
