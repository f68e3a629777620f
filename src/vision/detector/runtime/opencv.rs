//! Inference by OpenCV's DNN module: always there.

use std::path::Path;

use becamera_domain::{FrameSize, settings::DetectorSettings};
use opencv::{
    core::{Mat, Scalar, Vector},
    dnn::{self, Net, NetTrait},
    prelude::*,
};

use super::{ModelFormat, Runtime};
use crate::vision::detector::DetectorError;

/// A network in OpenCV's DNN module.
pub struct OpenCv {
    net: Net,
    output_names: Vector<String>,
    outputs: Vec<Mat>,
    name: String,
}

impl OpenCv {
    /// Loads an ONNX model from memory.
    ///
    /// # Errors
    /// When OpenCV can't use it.
    pub fn load(model: &[u8], settings: &DetectorSettings) -> Result<Self, DetectorError> {
        set_threads(settings)?;
        Self::new(dnn::read_net_from_onnx_buffer(&Vector::from_slice(model))?)
    }

    /// Loads a model file of any format.
    ///
    /// # Errors
    /// A sentence that names the setting at fault.
    pub fn load_file(model: &Path, settings: &DetectorSettings) -> Result<Self, DetectorError> {
        set_threads(settings)?;
        Self::new(read_file(model, settings.config.as_deref())?)
    }

    fn new(mut net: Net) -> Result<Self, DetectorError> {
        net.set_preferable_backend(dnn::DNN_BACKEND_OPENCV)?;
        net.set_preferable_target(dnn::DNN_TARGET_CPU)?;
        let name = format!("opencv {}", opencv::core::get_version_string()?);
        let output_names = net.get_unconnected_out_layers_names()?;
        Ok(Self { net, output_names, outputs: Vec::new(), name })
    }
}

impl Runtime for OpenCv {
    fn run(&mut self, planes: &[f32], size: FrameSize) -> Result<(), DetectorError> {
        // A network's input is bounded: no side overflows.
        let shape = [1, 3, size.height as i32, size.width as i32];
        self.outputs.clear();
        let input = Mat::new_nd_with_data(&shape, planes)?;
        self.net.set_input(&input, "", 1.0, Scalar::default())?;
        let mut outputs = Vector::<Mat>::new();
        self.net.forward(&mut outputs, &self.output_names)?;
        self.outputs = outputs.to_vec();
        Ok(())
    }

    fn shapes(&self) -> Result<Vec<Vec<i64>>, DetectorError> {
        let shape = |output: &Mat| output.mat_size().iter().map(|&n| i64::from(n)).collect();
        Ok(self.outputs.iter().map(shape).collect())
    }

    fn output(&self, index: usize) -> Result<&[f32], DetectorError> {
        let missing = || opencv::Error::new(opencv::core::StsOutOfRange, "no such output");
        Ok(self.outputs.get(index).ok_or_else(missing)?.data_typed()?)
    }

    fn accepts_other_sizes(&self) -> bool {
        true
    }

    fn resizes_slowly(&self) -> bool {
        true
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn library(&self) -> Option<&Path> {
        None
    }
}

fn set_threads(settings: &DetectorSettings) -> Result<(), opencv::Error> {
    opencv::core::set_num_threads(i32::try_from(settings.threads).unwrap_or(1))
}

fn read_file(model: &Path, config: Option<&Path>) -> Result<Net, DetectorError> {
    let format = ModelFormat::of(model)?;
    if config.is_none() && format == ModelFormat::Caffe {
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
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_model_is_named() {
        let file = tempfile::Builder::new().suffix(".onnx").tempfile().unwrap();
        std::fs::write(file.path(), b"not a model").unwrap();
        let error = OpenCv::load_file(file.path(), &DetectorSettings::default());
        let error = error.err().unwrap().to_string();
        assert!(error.starts_with("detector.model: can't load"), "{error}");
    }
}
