//! Inference by OpenCV's DNN module: always there.

use std::{path::Path, time::Instant};

use becamera_counting::scale::InputSize;
use becamera_domain::FrameSize;
use becamera_domain::settings::DetectorSettings;
use opencv::{
    core::{CV_8UC3, CV_32F, Mat, Scalar, Vector},
    dnn::{self, Net, NetTrait},
    prelude::*,
};

use super::{
    Detections, Detector, DetectorError,
    anchors::{Anchors, TRAINED_SIZE},
    decode::{decode_detection_output, decode_ssd},
    layout::Layout,
    model::{self, Embedded, Format, Preprocessing},
    preprocess::Preprocessor,
};
use becamera_counting::{geometry::Detection, regions::View};

/// A size of input unlike the trained one, to try out.
const OTHER_SIZE: (u32, u32) = (256, 192);

/// A network in OpenCV's DNN module.
pub struct OpenCvDetector {
    net: Net,
    output_names: Vector<String>,
    outputs: Vector<Mat>,
    blob: Mat,
    layout: Layout,
    preprocessor: Preprocessor,
    person: usize,
    input: InputSize,
    backend: String,
}

impl OpenCvDetector {
    /// Loads the settings' network, the embedded one by default, and runs it once.
    pub fn load(settings: &DetectorSettings) -> Result<Self, DetectorError> {
        let threads = i32::try_from(settings.threads).unwrap_or(1);
        opencv::core::set_num_threads(threads)?;
        let (mut net, format) = match &settings.model {
            None => (read_embedded()?, Format::Onnx),
            Some(path) => (read_file(path, settings.config.as_deref())?, Format::of(path)?),
        };
        net.set_preferable_backend(dnn::DNN_BACKEND_OPENCV)?;
        net.set_preferable_target(dnn::DNN_TARGET_CPU)?;
        let mut detector = Self {
            output_names: net.get_unconnected_out_layers_names()?,
            net,
            outputs: Vector::new(),
            blob: Mat::default(),
            layout: Layout::DetectionOutput,
            preprocessor: Preprocessor::new(format.preprocessing()),
            person: model::person_class(settings, format)?,
            input: InputSize::Fixed(FrameSize::new(TRAINED_SIZE, TRAINED_SIZE)),
            backend: format!("opencv {}", opencv::core::get_version_string()?),
        };
        detector.warm_up(settings)?;
        Ok(detector)
    }

    /// Runs the network on grey pictures and sees what its outputs are, and whether it takes other
    /// sizes than the trained one.
    fn warm_up(&mut self, settings: &DetectorSettings) -> Result<(), DetectorError> {
        let side = TRAINED_SIZE as i32;
        let grey = Mat::new_rows_cols_with_default(side, side, CV_8UC3, Scalar::all(127.0))?;
        let shape = |output: Mat| output.mat_size().iter().map(|&n| i64::from(n)).collect();
        let shapes_at = |detector: &mut Self, width, height| {
            let view = View::whole((TRAINED_SIZE, TRAINED_SIZE), (width, height));
            detector.forward(&grey, &view)?;
            Ok::<Vec<Vec<i64>>, opencv::Error>(detector.outputs.iter().map(shape).collect())
        };
        let person = self.person;
        let layout = |shapes: &[Vec<i64>], width, height| {
            Layout::of(shapes, Anchors::of(width, height).len(), person, settings)
        };
        let (width, height) = OTHER_SIZE;
        let other = shapes_at(self, width, height);
        let trained = shapes_at(self, TRAINED_SIZE, TRAINED_SIZE)?;
        (self.layout, self.person) = layout(&trained, TRAINED_SIZE, TRAINED_SIZE)?;
        let free = other.is_ok_and(|shapes| layout(&shapes, width, height).is_ok());
        if free && self.layout != Layout::DetectionOutput {
            self.input = InputSize::CostlyResize;
        }
        Ok(())
    }

    fn forward(&mut self, frame: &Mat, view: &View) -> Result<(), opencv::Error> {
        let Preprocessing { mean, scale, rgb } = self.preprocessor.preprocessing;
        let picture = self.preprocessor.picture(frame, view)?;
        let (size, mean) = (picture.size()?, Scalar::all(mean));
        dnn::blob_from_image_to(picture, &mut self.blob, scale, size, mean, rgb, false, CV_32F)?;
        self.net.set_input(&self.blob, "", 1.0, Scalar::default())?;
        self.net.forward(&mut self.outputs, &self.output_names)
    }

    fn decode(&self, view: &View, least: f32) -> Result<Vec<Detection>, opencv::Error> {
        let (width, height) = (view.input_width, view.input_height);
        match self.layout {
            Layout::Ssd { boxes, logits, classes } => {
                let (boxes, logits) = (self.outputs.get(boxes)?, self.outputs.get(logits)?);
                let (boxes, logits) = (boxes.data_typed()?, logits.data_typed()?);
                let anchors = Anchors::of(width, height);
                Ok(decode_ssd(boxes, logits, classes, self.person, &anchors, least))
            }
            Layout::DetectionOutput => {
                let rows = self.outputs.get(0)?;
                let (rows, person) = (rows.data_typed()?, self.person);
                Ok(decode_detection_output(rows, person, least, width as f32, height as f32))
            }
        }
    }
}

impl Detector for OpenCvDetector {
    fn detect(
        &mut self,
        frame: &Mat,
        view: &View,
        least: f32,
    ) -> Result<Detections, DetectorError> {
        let started = Instant::now();
        self.forward(frame, view)?;
        let inference = started.elapsed();
        let mut people = self.decode(view, least)?;
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
}

fn read_embedded() -> Result<Net, DetectorError> {
    let model = Embedded::Float32;
    let net = dnn::read_net_from_onnx_buffer(&Vector::from_slice(model.bytes()?));
    model.release();
    Ok(net?)
}

fn read_file(model: &Path, config: Option<&Path>) -> Result<Net, DetectorError> {
    let format = Format::of(model)?;
    if config.is_none() && format == Format::Caffe {
        let reason = "detector.config: a .caffemodel needs its .prototxt";
        return Err(DetectorError::Model(reason.into()));
    }
    let name = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            DetectorError::Model(format!("detector.model: {} is not UTF-8", path.display()))
        })
    };
    let config = config.map_or(Ok(String::new()), name)?;
    dnn::read_net(&name(model)?, &config, "").map_err(|error| {
        let reason = error.message;
        DetectorError::Model(format!("detector.model: can't load {}: {reason}", model.display()))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_picture_is_an_error() {
        let mut detector = OpenCvDetector::load(&DetectorSettings::default()).unwrap();
        let view = View::whole((300, 300), (300, 300));
        assert!(detector.detect(&Mat::default(), &view, 0.5).is_err());
        assert_eq!(detector.input(), InputSize::CostlyResize);
        assert!(detector.backend().starts_with("opencv 4"));
    }

    #[test]
    fn a_file_that_is_no_model_is_named() {
        let file = tempfile::Builder::new().suffix(".onnx").tempfile().unwrap();
        std::fs::write(file.path(), b"not a model").unwrap();
        let settings =
            DetectorSettings { model: Some(file.path().into()), ..DetectorSettings::default() };
        let error = OpenCvDetector::load(&settings).err().unwrap().to_string();
        assert!(error.starts_with("detector.model: can't load"), "{error}");
    }
}
