//! The embedded network, and what the usual ones of other files are.

use becamera_domain::settings::DetectorSettings;

use crate::vision::detector::{
    DetectorError, embedded::EmbeddedModel, labels, runtime::ModelFormat,
};

/// The embedded network, SSDLite MobileNetV2 (COCO, person head only, raw outputs), by the precision
/// that it calculates with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedded {
    /// For any inference library.
    Float32,
    /// Quantised (QDQ), for ONNX Runtime alone.
    Int8,
}

static FLOAT32: EmbeddedModel = EmbeddedModel {
    name: "ssdlite_mobilenet_v2_person.onnx",
    content: include_bytes!("../../../../models/ssdlite_mobilenet_v2_person.onnx"),
};
static INT8: EmbeddedModel = EmbeddedModel {
    name: "ssdlite_mobilenet_v2_person_int8.onnx",
    content: include_bytes!("../../../../models/ssdlite_mobilenet_v2_person_int8.onnx"),
};

/// The classes *person* of networks trained on COCO and on Pascal VOC.
const COCO_PERSON: usize = 1;
const VOC_PERSON: usize = 15;

impl Embedded {
    /// The model in the binary.
    pub(super) fn model(self) -> &'static EmbeddedModel {
        match self {
            Self::Float32 => &FLOAT32,
            Self::Int8 => &INT8,
        }
    }

    /// The name of its precision.
    pub(super) fn precision(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Int8 => "int8",
        }
    }
}

/// The class that counts: *person* in the settings' labels, or the usual one of networks in files of
/// this format.
///
/// # Errors
/// When the labels can't be read or name no person.
pub(super) fn person_class(
    settings: &DetectorSettings,
    format: ModelFormat,
) -> Result<usize, DetectorError> {
    match (&settings.labels, format) {
        (Some(path), _) => labels::person_class(path),
        (None, ModelFormat::Caffe) => Ok(VOC_PERSON),
        (None, ModelFormat::Onnx | ModelFormat::TensorFlow) => Ok(COCO_PERSON),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_embedded_models_are_those_of_the_manifest() {
        for model in [Embedded::Float32, Embedded::Int8] {
            let model = model.model();
            let length = model.bytes().unwrap().len();
            model.release();
            assert_eq!(model.bytes().unwrap().len(), length);
        }
    }

    #[test]
    fn labels_name_the_person() {
        let labels = tempfile::NamedTempFile::new().unwrap();
        let settings =
            DetectorSettings { labels: Some(labels.path().into()), ..Default::default() };
        assert!(person_class(&settings, ModelFormat::Caffe).is_err());
        fs::write(labels.path(), "background\ncar\nPerson\n").unwrap();
        assert_eq!(person_class(&settings, ModelFormat::Caffe).unwrap(), 2);
        assert_eq!(person_class(&DetectorSettings::default(), ModelFormat::Caffe).unwrap(), 15);
        assert_eq!(person_class(&DetectorSettings::default(), ModelFormat::TensorFlow).unwrap(), 1);
    }
}
