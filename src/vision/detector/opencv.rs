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
    decode::{decode_detection_output, decode_ssd},
    model::{self, Format, Preprocessing},
};
use crate::vision::geometry::{Detection, non_maximum_suppression};

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

/// What the network's outputs mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Raw boxes `[1, anchors, 4]` and class logits `[1, anchors, classes]`, by output's index.
    Ssd { boxes: usize, logits: usize, classes: usize },
    /// Decoded rows `[1, 1, N, 7]`.
    DetectionOutput,
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
        let shapes: Vec<Vec<i32>> = self.outputs.iter().map(|output| shape(&output)).collect();
        self.layout = layout(&shapes, self.anchors.len()).ok_or_else(|| {
            let name = settings.model.as_deref().unwrap_or(Path::new("embedded")).display();
            DetectorError::Model(format!(
                "detector.model: the outputs of {name} have the shapes {shapes:?}; known are \
                 [1, 1, N, 7], and [1, {n}, 4] with [1, {n}, classes]",
                n = self.anchors.len()
            ))
        })?;
        if let Layout::Ssd { classes, .. } = self.layout {
            // A head of a single class is that of people.
            self.person = if classes == 1 { 0 } else { self.person };
            if self.person >= classes {
                return Err(DetectorError::Model(format!(
                    "detector.labels: person is class {}, but the model has {classes} classes",
                    self.person
                )));
            }
        }
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
        let side = TRAINED_SIZE as f32;
        let (x, y) = (frame.cols() as f32 / side, frame.rows() as f32 / side);
        for person in &mut people {
            person.bbox = person.bbox.clipped(side, side).scaled(x, y);
        }
        people.retain(|person| person.bbox.area() > 0.0);
        non_maximum_suppression(&mut people, settings.nms_iou);
        Ok(Detections { people, inference })
    }

    fn backend(&self) -> &str {
        &self.backend
    }
}

fn read_embedded() -> Result<Net, DetectorError> {
    let net = dnn::read_net_from_onnx_buffer(&Vector::from_slice(model::embedded()?));
    model::release_embedded();
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

fn shape(output: &Mat) -> Vec<i32> {
    output.mat_size().to_vec()
}

fn layout(shapes: &[Vec<i32>], anchors: usize) -> Option<Layout> {
    let rows = i32::try_from(anchors).ok()?;
    match shapes {
        [only] if only.len() == 4 && only[3] == 7 => Some(Layout::DetectionOutput),
        [first, second] => {
            let columns = |shape: &Vec<i32>| match shape[..] {
                [1, n, columns] if n == rows => usize::try_from(columns).ok(),
                _ => None,
            };
            match (columns(first)?, columns(second)?) {
                (4, classes) => Some(Layout::Ssd { boxes: 0, logits: 1, classes }),
                (classes, 4) => Some(Layout::Ssd { boxes: 1, logits: 0, classes }),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_known_by_their_shapes() {
        let ssd = |boxes, logits, classes| Some(Layout::Ssd { boxes, logits, classes });
        assert_eq!(layout(&[vec![1, 9, 4], vec![1, 9, 91]], 9), ssd(0, 1, 91));
        assert_eq!(layout(&[vec![1, 9, 1], vec![1, 9, 4]], 9), ssd(1, 0, 1));
        assert_eq!(layout(&[vec![1, 1, 100, 7]], 9), Some(Layout::DetectionOutput));
        assert_eq!(layout(&[vec![1, 8, 4], vec![1, 8, 91]], 9), None);
        assert_eq!(layout(&[vec![1, 1000]], 9), None);
        assert_eq!(layout(&[], 9), None);
    }

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
