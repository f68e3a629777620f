//! SSDLite MobileNetV2 and its relatives: the embedded network, and files of the user's own with raw
//! SSD outputs or a DetectionOutput layer.

mod model;
mod normalisation;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use becamera_counting::{
    detection::ssd::{Anchors, Layout, TRAINED_SIZE, decode_detection_output, decode_ssd},
    geometry::Detection,
    regions::View,
    scale::InputSize,
};
use becamera_domain::{FrameSize, settings::DetectorSettings};
use opencv::{core::Mat, prelude::*};

pub use model::Embedded;
pub use normalisation::Normalisation;

use super::{
    Detections, Detector, DetectorError,
    picture::ViewCutter,
    runtime::{self, ModelFormat, OnnxRuntime, OpenCv, Runtime, RuntimeKind},
};

/// A size of input other than the trained one, to try out.
const OTHER_SIZE: FrameSize = FrameSize::new(256, 192);

/// A MobileNet-SSD in an inference library.
pub struct MobileNetSsd {
    network: Box<dyn Runtime>,
    cutter: ViewCutter,
    normalisation: Normalisation,
    planes: Vec<f32>,
    layout: Layout,
    /// The class *person* in the outputs.
    person: usize,
    input: InputSize,
}

impl MobileNetSsd {
    /// Loads the settings' network and runs it once. By default that is the embedded one: with ONNX
    /// Runtime in INT8, or in float32 where the library can't run INT8.
    ///
    /// # Errors
    /// A sentence that names the setting at fault.
    pub fn load(kind: RuntimeKind, settings: &DetectorSettings) -> Result<Self, DetectorError> {
        match (&settings.model, kind) {
            (Some(path), _) => {
                let network = runtime::load_file(kind, path, TRAINED_SIZE, settings)?;
                Self::new(network, ModelFormat::of(path)?, settings)
            }
            (None, RuntimeKind::OpenCv) => Self::load_embedded(kind, Embedded::Float32, settings),
            (None, RuntimeKind::OnnxRuntime) => Self::load_embedded(kind, Embedded::Int8, settings)
                .or_else(|error| {
                    let detector = Self::load_embedded(kind, Embedded::Float32, settings)?;
                    log::warn!("the INT8 model can't be used, float32 is taken: {error}");
                    Ok(detector)
                }),
        }
    }

    /// Loads one of the embedded networks and runs it once.
    ///
    /// # Errors
    /// When the library is missing or can't run the network.
    pub fn load_embedded(
        kind: RuntimeKind,
        embedded: Embedded,
        settings: &DetectorSettings,
    ) -> Result<Self, DetectorError> {
        let model = embedded.model();
        let bytes = model.bytes()?;
        let network = match kind {
            RuntimeKind::OpenCv => {
                OpenCv::load(bytes, settings).map(|network| Box::new(network) as Box<dyn Runtime>)
            }
            RuntimeKind::OnnxRuntime => {
                OnnxRuntime::load(bytes, embedded.precision(), TRAINED_SIZE, settings)
                    .map(|network| Box::new(network) as Box<dyn Runtime>)
            }
        };
        model.release();
        Self::new(network?, ModelFormat::Onnx, settings)
    }

    fn new(
        network: Box<dyn Runtime>,
        format: ModelFormat,
        settings: &DetectorSettings,
    ) -> Result<Self, DetectorError> {
        let mut detector = Self {
            network,
            cutter: ViewCutter::default(),
            normalisation: Normalisation::of(format),
            planes: Vec::new(),
            layout: Layout::DetectionOutput,
            person: model::person_class(settings, format)?,
            input: InputSize::Fixed(TRAINED_SIZE),
        };
        detector.warm_up(settings)?;
        Ok(detector)
    }

    /// Runs the network, and finds out what its outputs mean and whether it really accepts any size
    /// of input.
    fn warm_up(&mut self, settings: &DetectorSettings) -> Result<(), DetectorError> {
        // The trained size comes last: a library that resizes slowly is then at a usual size.
        let other = self.network.accepts_other_sizes().then(|| self.shapes_at(OTHER_SIZE));
        let shapes = self.shapes_at(TRAINED_SIZE)?;
        (self.layout, self.person) = layout(&shapes, TRAINED_SIZE, self.person, settings)?;
        let same_layout =
            |shapes: Vec<Vec<i64>>| layout(&shapes, OTHER_SIZE, self.person, settings).is_ok();
        let resizable = other.is_some_and(|shapes| shapes.is_ok_and(same_layout));
        if resizable && self.layout != Layout::DetectionOutput {
            self.input = if self.network.resizes_slowly() {
                InputSize::CostlyResize
            } else {
                InputSize::Dynamic
            };
        }
        Ok(())
    }

    fn shapes_at(&mut self, size: FrameSize) -> Result<Vec<Vec<i64>>, DetectorError> {
        let FrameSize { width, height } = size;
        self.planes.clear();
        self.planes.resize(3 * width as usize * height as usize, 0.0);
        self.network.run(&self.planes, size)?;
        self.network.shapes()
    }

    /// Runs the network on what a view shows; gives how long the network itself took.
    fn run(&mut self, frame: &Mat, view: &View) -> Result<Duration, DetectorError> {
        let picture = self.cutter.cut(frame, view)?;
        self.normalisation.write(picture.data_typed()?, &mut self.planes);
        let started = Instant::now();
        self.network.run(&self.planes, view.input)?;
        Ok(started.elapsed())
    }

    /// The people in the newest run's outputs, in network pixels.
    fn decode(&self, size: FrameSize, least: f32) -> Result<Vec<Detection>, DetectorError> {
        Ok(match self.layout {
            Layout::Ssd { boxes, logits, classes } => {
                let (boxes, logits) = (self.network.output(boxes)?, self.network.output(logits)?);
                decode_ssd(boxes, logits, classes, self.person, &Anchors::of(size), least)
            }
            Layout::DetectionOutput => {
                decode_detection_output(self.network.output(0)?, self.person, least, size)
            }
        })
    }
}

impl Detector for MobileNetSsd {
    fn detect(
        &mut self,
        frame: &Mat,
        view: &View,
        least: f32,
    ) -> Result<Detections, DetectorError> {
        let inference = self.run(frame, view)?;
        let mut people = self.decode(view.input, least)?;
        for person in &mut people {
            person.bbox = view.to_frame(&person.bbox);
        }
        Ok(Detections { people, inference })
    }

    fn input(&self) -> InputSize {
        self.input
    }

    fn backend(&self) -> &str {
        self.network.name()
    }

    fn library(&self) -> Option<&Path> {
        self.network.library()
    }
}

/// What outputs with these shapes mean for an input of this size, and the class *person* in them,
/// given the one of the model's labels. The error names the setting at fault.
fn layout(
    shapes: &[Vec<i64>],
    input: FrameSize,
    person: usize,
    settings: &DetectorSettings,
) -> Result<(Layout, usize), DetectorError> {
    let anchors = Anchors::of(input).len();
    let layout = Layout::by_shape(shapes, anchors).ok_or_else(|| {
        let name = settings.model.as_deref().unwrap_or(Path::new("embedded")).display();
        DetectorError::Model(format!(
            "detector.model: the outputs of {name} have the shapes {shapes:?}; known are \
             [1, 1, N, 7], and [1, {anchors}, 4] with [1, {anchors}, classes]"
        ))
    })?;
    let person = layout.person_class(person).map_err(|classes| {
        DetectorError::Model(format!(
            "detector.labels: person is class {person}, but the model has {classes} classes"
        ))
    })?;
    Ok((layout, person))
}

#[cfg(test)]
mod conformance;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_person_must_be_one_of_the_model() {
        let settings = DetectorSettings::default();
        let anchors = i64::try_from(Anchors::of(TRAINED_SIZE).len()).unwrap();
        let of = |classes, person| {
            let shapes = [vec![1, anchors, 4], vec![1, anchors, classes]];
            layout(&shapes, TRAINED_SIZE, person, &settings)
                .map(|(_, person)| person)
                .map_err(|error| error.to_string())
        };
        assert_eq!(of(91, 15).unwrap(), 15);
        assert_eq!(of(1, 15).unwrap(), 0);
        assert!(of(5, 15).unwrap_err().starts_with("detector.labels: person is class 15"));
        let error = layout(&[vec![1, 1000]], TRAINED_SIZE, 1, &settings).unwrap_err().to_string();
        assert!(error.starts_with("detector.model: the outputs of embedded"), "{error}");
    }

    #[test]
    fn an_empty_picture_is_an_error() {
        let settings = DetectorSettings::default();
        let mut detector = MobileNetSsd::load(RuntimeKind::OpenCv, &settings).unwrap();
        let view = View::whole(TRAINED_SIZE, TRAINED_SIZE);
        assert!(detector.detect(&Mat::default(), &view, 0.5).is_err());
        assert_eq!(detector.input(), InputSize::CostlyResize);
        assert!(detector.backend().starts_with("opencv 4"));
    }
}
