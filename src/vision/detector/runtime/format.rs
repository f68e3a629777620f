//! File formats of models.

use std::path::Path;

use crate::vision::detector::DetectorError;

/// File formats of models, by the name's ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFormat {
    /// `.onnx`
    Onnx,
    /// `.caffemodel`, with a `.prototxt`
    Caffe,
    /// `.pb`, with a `.pbtxt`
    TensorFlow,
}

impl ModelFormat {
    /// The format of a model file.
    ///
    /// # Errors
    /// When its name has another ending.
    pub fn of(path: &Path) -> Result<Self, DetectorError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("onnx") => Ok(Self::Onnx),
            Some("caffemodel") => Ok(Self::Caffe),
            Some("pb") => Ok(Self::TensorFlow),
            _ => Err(DetectorError::Model(format!(
                "detector.model: {} must end with .onnx, .caffemodel or .pb",
                path.display()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_ending() {
        assert_eq!(ModelFormat::of(Path::new("/a/b.onnx")).unwrap(), ModelFormat::Onnx);
        assert!(ModelFormat::of(Path::new("/a/b.txt")).is_err());
    }
}
