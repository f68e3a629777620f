//! Inference by ONNX Runtime, where its library is there: several times as fast as OpenCV's.

use std::{path::Path, time::Instant};

use becamera_counting::scale::InputSize;
use becamera_domain::FrameSize;
use becamera_domain::settings::DetectorSettings;
use opencv::core::Mat;
use ort::{
    inputs,
    session::{
        Session, SessionOutputs,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::{TensorElementType, TensorRef, ValueType},
};

use super::{
    Detections, Detector, DetectorError,
    anchors::{Anchors, TRAINED_SIZE},
    decode::{decode_detection_output, decode_ssd},
    layout::Layout,
    library::{self, Library},
    model::{self, Embedded, Format},
    preprocess::Preprocessor,
};
use becamera_counting::{geometry::Detection, regions::View};

/// A size of input unlike the trained one, to try out.
const OTHER_SIZE: (u32, u32) = (256, 192);

/// A network in ONNX Runtime.
pub struct OnnxRuntimeDetector {
    session: Session,
    input_name: String,
    input: InputSize,
    numbers: Vec<f32>,
    preprocessor: Preprocessor,
    layout: Layout,
    person: usize,
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
        let session = commit(&mut session_builder(library, settings.threads)?)?;
        let (input_name, free) = check_input(&session)?;
        let mut detector = Self {
            session,
            input_name,
            input: InputSize::Fixed(FrameSize::new(TRAINED_SIZE, TRAINED_SIZE)),
            numbers: Vec::new(),
            preprocessor: Preprocessor::new(Format::Onnx.preprocessing()),
            layout: Layout::DetectionOutput,
            person: model::person_class(settings, Format::Onnx)?,
            backend: format!("onnxruntime {}, {precision}", library.version),
            library,
        };
        detector.warm_up(settings, free)?;
        Ok(detector)
    }

    /// Runs the network and sees what its outputs are, and whether it really takes any size of
    /// input where it says so.
    fn warm_up(&mut self, settings: &DetectorSettings, free: bool) -> Result<(), DetectorError> {
        let shapes_of = |detector: &mut Self, (width, height): (u32, u32)| {
            detector.numbers.resize(3 * width as usize * height as usize, 0.0);
            shapes(&detector.run(width, height)?)
        };
        let trained = shapes_of(self, (TRAINED_SIZE, TRAINED_SIZE))?;
        let anchors = Anchors::of(TRAINED_SIZE, TRAINED_SIZE);
        (self.layout, self.person) = Layout::of(&trained, anchors.len(), self.person, settings)?;
        if free && self.layout != Layout::DetectionOutput {
            let other = shapes_of(self, OTHER_SIZE);
            let anchors = Anchors::of(OTHER_SIZE.0, OTHER_SIZE.1);
            let fits = |shapes: Vec<Vec<i64>>| {
                Layout::of(&shapes, anchors.len(), self.person, settings).is_ok()
            };
            if other.is_ok_and(fits) {
                self.input = InputSize::Dynamic;
            }
        }
        Ok(())
    }

    /// Runs the network on `numbers`.
    fn run(&mut self, width: u32, height: u32) -> Result<SessionOutputs<'_>, ort::Error> {
        let shape = [1, 3, height as usize, width as usize];
        let input = TensorRef::from_array_view((shape, &self.numbers[..]))?;
        self.session.run(inputs![self.input_name.as_str() => input])
    }
}

impl Detector for OnnxRuntimeDetector {
    fn detect(
        &mut self,
        frame: &Mat,
        view: &View,
        least: f32,
    ) -> Result<Detections, DetectorError> {
        self.preprocessor.run(frame, view, &mut self.numbers)?;
        let (layout, person) = (self.layout, self.person);
        let started = Instant::now();
        let outputs = self.run(view.input_width, view.input_height)?;
        let inference = started.elapsed();
        let mut people = decode(&outputs, layout, person, view, least)?;
        for person in &mut people {
            person.bbox = view.to_frame(&person.bbox);
        }
        Ok(Detections { people, inference })
    }

    fn input(&self) -> InputSize {
        self.input
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
        // Inputs of many sizes come: memory planned for each of them would never be given back.
        .with_memory_pattern(false)?
        .with_inter_threads(1)?
        .with_inter_op_spinning(false)?
        .with_intra_threads(threads)?
        .with_intra_op_spinning(false)?)
}

/// The name of the network's one input, if a picture fits into it, and whether it says that it
/// takes pictures of any size.
fn check_input(session: &Session) -> Result<(String, bool), DetectorError> {
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
                Ok((only.name().to_owned(), shape[2] == -1 && shape[3] == -1))
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
    view: &View,
    least: f32,
) -> Result<Vec<Detection>, ort::Error> {
    let numbers = |at: usize| outputs[at].try_extract_tensor::<f32>().map(|(_, numbers)| numbers);
    Ok(match layout {
        Layout::Ssd { boxes, logits, classes } => {
            let (boxes, logits) = (numbers(boxes)?, numbers(logits)?);
            let anchors = Anchors::of(view.input_width, view.input_height);
            decode_ssd(boxes, logits, classes, person, &anchors, least)
        }
        Layout::DetectionOutput => {
            let (width, height) = (view.input_width as f32, view.input_height as f32);
            decode_detection_output(numbers(0)?, person, least, width, height)
        }
    })
}
