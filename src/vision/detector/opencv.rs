//! Inference by OpenCV's DNN module: always there.

use std::{path::Path, time::Instant};

use becamera_actors::{domain::DetectSettings, settings::DetectorSettings};
use opencv::{
    core::{CV_8UC3, CV_32F, Mat, Scalar, Size, Vector},
    dnn::{self, Net, NetTrait},
    prelude::*,
};

use super::{
    Detections, Detector, DetectorError,
    anchors::{Anchor, TRAINED_SIZE, anchors},
    decode::{decode_detection_output, decode_ssd, finish},
    layout::Layout,
    model::{self, Embedded, Format, Preprocessing},
};
use crate::vision::geometry::Detection;

/// A network in OpenCV's DNN module. Its input is a square of 300 pixels into which the picture
/// is squeezed: this module is slow to adapt to other sizes.
pub struct OpenCvDetector {
    net: Net,
    output_names: Vector<String>,
    outputs: Vector<Mat>,
    blob: Mat,
    layout: Layout,
    preprocessing: Preprocessing,
    person: usize,
    anchors: Vec<Anchor>,
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
            preprocessing: format.preprocessing(),
            person: model::person_class(settings, format)?,
            anchors: anchors(TRAINED_SIZE, TRAINED_SIZE),
            backend: format!("opencv {}", opencv::core::get_version_string()?),
        };
        detector.warm_up(settings)?;
        Ok(detector)
    }

    /// Runs the network on a grey picture and sees what its outputs are.
    fn warm_up(&mut self, settings: &DetectorSettings) -> Result<(), DetectorError> {
        let side = TRAINED_SIZE as i32;
        let grey = Mat::new_rows_cols_with_default(side, side, CV_8UC3, Scalar::all(127.0))?;
        self.forward(&grey)?;
        let shape = |output: Mat| output.mat_size().iter().map(|&n| i64::from(n)).collect();
        let shapes: Vec<Vec<i64>> = self.outputs.iter().map(shape).collect();
        let (layout, person) = Layout::of(&shapes, self.anchors.len(), self.person, settings)?;
        (self.layout, self.person) = (layout, person);
        Ok(())
    }

    fn forward(&mut self, frame: &Mat) -> Result<(), opencv::Error> {
        let side = TRAINED_SIZE as i32;
        let Preprocessing { mean, scale, rgb } = self.preprocessing;
        let (size, mean) = (Size::new(side, side), Scalar::all(mean));
        dnn::blob_from_image_to(frame, &mut self.blob, scale, size, mean, rgb, false, CV_32F)?;
        self.net.set_input(&self.blob, "", 1.0, Scalar::default())?;
        self.net.forward(&mut self.outputs, &self.output_names)
    }

    fn decode(&self, threshold: f32) -> Result<Vec<Detection>, opencv::Error> {
        let side = TRAINED_SIZE as f32;
        match self.layout {
            Layout::Ssd { boxes, logits, classes } => {
                let (boxes, logits) = (self.outputs.get(boxes)?, self.outputs.get(logits)?);
                let (boxes, logits) = (boxes.data_typed()?, logits.data_typed()?);
                Ok(decode_ssd(boxes, logits, classes, self.person, &self.anchors, threshold))
            }
            Layout::DetectionOutput => {
                let rows = self.outputs.get(0)?;
                let rows = rows.data_typed()?;
                Ok(decode_detection_output(rows, self.person, threshold, side, side))
            }
        }
    }
}

impl Detector for OpenCvDetector {
    fn detect(
        &mut self,
        frame: &Mat,
        settings: &DetectSettings,
    ) -> Result<Detections, DetectorError> {
        let started = Instant::now();
        self.forward(frame)?;
        let inference = started.elapsed();
        let mut people = self.decode(settings.confidence)?;
        finish(&mut people, TRAINED_SIZE, frame.cols(), frame.rows(), settings.nms_iou);
        Ok(Detections { people, inference })
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
        let settings = DetectSettings::default();
        assert!(detector.detect(&Mat::default(), &settings).is_err());
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
