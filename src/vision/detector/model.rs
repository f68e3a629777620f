//! Which network is run: the embedded one, or a file of the user's own.

use std::{fs, path::Path};

use becamera_domain::settings::DetectorSettings;
use sha2::{Digest, Sha256};

use super::DetectorError;

/// `sha256sum` lines of the models.
static MANIFEST: &str = include_str!("../../../models/SHA256SUMS");

/// The embedded network, SSDLite MobileNetV2 (COCO, person head only, raw outputs), by the numbers
/// that it calculates with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedded {
    /// For any inference library.
    Float32,
    /// Quantised (QDQ), for ONNX Runtime alone.
    Int8,
}

static FLOAT32: &[u8] = include_bytes!("../../../models/ssdlite_mobilenet_v2_person.onnx");
static INT8: &[u8] = include_bytes!("../../../models/ssdlite_mobilenet_v2_person_int8.onnx");

const COCO_PERSON: usize = 1;
const VOC_PERSON: usize = 15;

/// How pixels become the network's input: `(pixel - mean) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocessing {
    /// Taken from each channel.
    pub mean: f64,
    /// Multiplied afterwards.
    pub scale: f64,
    /// Red first; otherwise blue first.
    pub rgb: bool,
}

/// Pixels from -1 to 1.
const CENTRED: Preprocessing = Preprocessing { mean: 127.5, scale: 1.0 / 127.5, rgb: true };

/// File formats, by the name's ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.onnx`
    Onnx,
    /// `.caffemodel`, with a `.prototxt`
    Caffe,
    /// `.pb`, with a `.pbtxt`
    TensorFlow,
}

impl Format {
    /// The format of a model file.
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

    /// What networks of this format expect as published: Caffe's MobileNet-SSD blue first and
    /// centred, TensorFlow's frozen detection graphs plain RGB, ONNX as the embedded one.
    pub fn preprocessing(self) -> Preprocessing {
        match self {
            Self::Onnx => CENTRED,
            Self::Caffe => Preprocessing { rgb: false, ..CENTRED },
            Self::TensorFlow => Preprocessing { mean: 0.0, scale: 1.0, rgb: true },
        }
    }

    fn usual_person(self) -> usize {
        match self {
            Self::Caffe => VOC_PERSON,
            Self::Onnx | Self::TensorFlow => COCO_PERSON,
        }
    }
}

impl Embedded {
    /// Its file's name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "ssdlite_mobilenet_v2_person.onnx",
            Self::Int8 => "ssdlite_mobilenet_v2_person_int8.onnx",
        }
    }

    /// The model, if it is the one of the manifest.
    pub fn bytes(self) -> Result<&'static [u8], DetectorError> {
        verify(self.name(), self.data(), MANIFEST)?;
        Ok(self.data())
    }

    /// Gives the model's pages back once it was read: they would count as memory of every worker,
    /// and come back from the binary when they are touched again.
    pub fn release(self) {
        // SAFETY: sysconf has no preconditions.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let range = self.data().as_ptr_range();
        let start = range.start.addr().next_multiple_of(page);
        let end = range.end.addr() / page * page;
        if start < end {
            let first = range.start.wrapping_add(start - range.start.addr());
            // SAFETY: whole pages inside of the array, which is read-only and backed by the binary:
            // DONTNEED only drops them from memory. It is advice, so that failing does no harm.
            unsafe { libc::madvise(first.cast_mut().cast(), end - start, libc::MADV_DONTNEED) };
        }
    }

    fn data(self) -> &'static [u8] {
        match self {
            Self::Float32 => FLOAT32,
            Self::Int8 => INT8,
        }
    }
}

fn verify(name: &str, model: &[u8], manifest: &str) -> Result<(), DetectorError> {
    let expected = manifest
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace))
        .find(|(_, file)| file.trim_start_matches([' ', '*']) == name)
        .map(|(hash, _)| hash);
    let actual: String = Sha256::digest(model).iter().map(|byte| format!("{byte:02x}")).collect();
    match expected {
        Some(hash) if hash.eq_ignore_ascii_case(&actual) => Ok(()),
        Some(_) => Err(DetectorError::Model(format!(
            "the embedded model {name} does not have the SHA-256 of its manifest"
        ))),
        None => Err(DetectorError::Model(format!("the manifest does not name {name}"))),
    }
}

/// The class that counts: `person` in the labels, or the usual one of the model's format.
pub fn person_class(settings: &DetectorSettings, format: Format) -> Result<usize, DetectorError> {
    let Some(path) = &settings.labels else { return Ok(format.usual_person()) };
    let labels = fs::read_to_string(path).map_err(|error| {
        DetectorError::Model(format!("detector.labels: can't read {}: {error}", path.display()))
    })?;
    labels.lines().position(|label| label.trim().eq_ignore_ascii_case("person")).ok_or_else(|| {
        DetectorError::Model(format!("detector.labels: {} has no line person", path.display()))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_models_are_those_of_the_manifest() {
        for model in [Embedded::Float32, Embedded::Int8] {
            let length = model.bytes().unwrap().len();
            model.release();
            assert_eq!(model.bytes().unwrap().len(), length);
        }
    }

    #[test]
    fn another_model_is_refused() {
        let manifest = format!("{}  x.onnx\n", "0".repeat(64));
        assert!(verify("x.onnx", b"changed", &manifest).is_err());
        assert!(verify("y.onnx", b"changed", &manifest).is_err());
    }

    #[test]
    fn labels_name_the_person() {
        let labels = tempfile::NamedTempFile::new().unwrap();
        let settings =
            DetectorSettings { labels: Some(labels.path().into()), ..Default::default() };
        assert!(person_class(&settings, Format::Caffe).is_err());
        fs::write(labels.path(), "background\ncar\nPerson\n").unwrap();
        assert_eq!(person_class(&settings, Format::Caffe).unwrap(), 2);
        assert_eq!(person_class(&DetectorSettings::default(), Format::Caffe).unwrap(), 15);
        assert_eq!(person_class(&DetectorSettings::default(), Format::TensorFlow).unwrap(), 1);
    }

    #[test]
    fn formats_are_known_by_their_ending() {
        assert_eq!(Format::of(Path::new("/a/b.onnx")).unwrap(), Format::Onnx);
        assert!(Format::of(Path::new("/a/b.txt")).is_err());
    }
}
