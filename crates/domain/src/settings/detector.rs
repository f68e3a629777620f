//! The network that finds people.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::InvalidField;

/// `[detector]`: the network that finds people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorSettings {
    /// Inference library: `auto` uses the fastest one that is installed and works, and says in the
    /// log which and why; `opencv` is always available; `onnxruntime` must be installed
    /// (deploy/onnxruntime.sh gets it).
    pub backend: Backend,
    /// ONNX Runtime's library, 1.17 or later. Not set: `ORT_DYLIB_PATH`, else `../lib/becamera`
    /// beside the program's folder, else the loader and the usual folders. Example:
    /// `"/usr/local/lib/becamera/libonnxruntime.so.1.31.1"`.
    pub onnxruntime_library: Option<PathBuf>,
    /// A model file of your own: a MobileNet-SSD in ONNX, Caffe or TensorFlow format. Not set: the
    /// embedded one. Example: `"/etc/becamera/model.onnx"`.
    pub model: Option<PathBuf>,
    /// Its network description, for formats that have one (prototxt, pbtxt); needs
    /// `detector.model`. Not set: none. Example: `"/etc/becamera/model.prototxt"`.
    pub config: Option<PathBuf>,
    /// Its labels, one per line, the first that of class 0. Not set: COCO's. Example:
    /// `"/etc/becamera/labels.txt"`.
    pub labels: Option<PathBuf>,
    /// Inference threads of each worker: 1 to 64.
    pub threads: usize,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            onnxruntime_library: None,
            model: None,
            config: None,
            labels: None,
            threads: 1,
        }
    }
}

impl DetectorSettings {
    pub(super) fn validate(&self) -> Result<(), InvalidField> {
        if !(1..=64).contains(&self.threads) {
            return Err(InvalidField::new("detector.threads", "must be from 1 to 64"));
        }
        let files = [
            ("detector.onnxruntime_library", &self.onnxruntime_library),
            ("detector.model", &self.model),
            ("detector.config", &self.config),
            ("detector.labels", &self.labels),
        ];
        for (field, path) in files {
            if let Some(path) = path.as_ref().filter(|path| !path.is_file()) {
                let reason = format!("{} is not a file", path.display());
                return Err(InvalidField::new(field, reason));
            }
        }
        if self.config.is_some() && self.model.is_none() {
            return Err(InvalidField::new("detector.config", "needs detector.model"));
        }
        Ok(())
    }
}

/// Inference libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The fastest that is there and works.
    Auto,
    /// OpenCV's DNN module: always there.
    OpenCv,
    /// ONNX Runtime, from a shared library that is loaded at run time.
    OnnxRuntime,
}
