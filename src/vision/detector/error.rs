//! What can go wrong with a detector.

/// Why people could not be detected.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// A model, its description or its labels can't be used.
    #[error("{0}")]
    Model(String),
    /// OpenCV failed.
    #[error("OpenCV failed: {}", .0.message)]
    OpenCv(#[from] opencv::Error),
    /// ONNX Runtime's library can't be used.
    #[error("{0}")]
    Library(String),
    /// ONNX Runtime failed.
    #[error("ONNX Runtime failed: {0}")]
    OnnxRuntime(String),
}

impl<R> From<ort::Error<R>> for DetectorError {
    fn from(error: ort::Error<R>) -> Self {
        Self::OnnxRuntime(error.message().to_owned())
    }
}
