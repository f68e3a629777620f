//! Every backend against the detections of the original network (`models/person_reference.json`),
//! and the quantised network against the one that it was made of.

use becamera_counting::geometry::non_maximum_suppression;
use becamera_domain::settings::Backend;
use opencv::videoio;
use serde_json::Value;

use super::*;
use crate::vision::{detector, native};

const FOOTAGE: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

/// Largest difference of a side (0 to 1 of the picture) and of a score.
struct Tolerance {
    side: f32,
    score: f32,
}

const FLOAT32: Tolerance = Tolerance { side: 1e-3, score: 1e-3 };
const INT8: Tolerance = Tolerance { side: 0.03, score: 0.15 };

/// `deploy/test.sh` gets the library; without it these tests fail, unless the variable says that it
/// could not be had.
fn onnxruntime(model: Embedded) -> Option<Box<dyn Detector>> {
    if std::env::var_os("BECAMERA_TEST_WITHOUT_ONNXRUNTIME").is_some() {
        eprintln!("not tested: BECAMERA_TEST_WITHOUT_ONNXRUNTIME is set");
        return None;
    }
    native::set_up();
    let kind = RuntimeKind::OnnxRuntime;
    let detector = MobileNetSsd::load_embedded(kind, model, &DetectorSettings::default());
    Some(Box::new(detector.expect("deploy/onnxruntime.sh gets the library")))
}

fn open_footage() -> videoio::VideoCapture {
    videoio::VideoCapture::from_file(FOOTAGE, videoio::CAP_FFMPEG).unwrap()
}

fn finds_what_the_original_finds(detector: &mut dyn Detector, tolerance: &Tolerance) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/person_reference.json");
    let reference: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let threshold = |name: &str| reference[name].as_f64().unwrap() as f32;
    let (least, nms_iou) = (threshold("score_threshold"), threshold("nms_threshold"));
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 4, "squashed, whole at uniform scale, a part, a part enlarged");
    for case in cases {
        let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
        let [left, top, width, height] = [0, 1, 2, 3].map(|side| number(&case["crop"][side]));
        let (input_width, input_height) = (number(&case["width"]), number(&case["height"]));
        let input = FrameSize::new(input_width, input_height);
        let view = View { left, top, width, height, input };
        let frames = case["frames"].as_array().unwrap();
        assert!(frames.len() >= 3);
        let (mut video, mut picture, mut next) = (open_footage(), Mat::default(), 0);
        for frame in frames {
            let index = frame["frame"].as_u64().unwrap();
            while next <= index {
                assert!(video.grab().unwrap());
                next += 1;
            }
            assert!(video.retrieve_def(&mut picture).unwrap());
            let mut found = detector.detect(&picture, &view, least).unwrap().people;
            non_maximum_suppression(&mut found, nms_iou);
            let expected: Vec<[f32; 5]> =
                serde_json::from_value(frame["detections"].clone()).unwrap();
            same(&format!("{} {index}", case["name"]), &view, &found, expected, tolerance);
        }
    }
}

/// Each person once: scores that are close may change their order.
fn same(
    which: &str,
    view: &View,
    found: &[Detection],
    mut missing: Vec<[f32; 5]>,
    tolerance: &Tolerance,
) {
    assert_eq!(found.len(), missing.len(), "{which}: {found:?} {missing:?}");
    let (x, y) = (view.width as f32, view.height as f32);
    let is = |found: &Detection, [left, top, width, height, score]: &[f32; 5]| {
        let bbox = found.bbox;
        let (from_left, from_top) = (bbox.left - view.left as f32, bbox.top - view.top as f32);
        let sides = [
            from_left / x - left,
            from_top / y - top,
            bbox.width / x - width,
            bbox.height / y - height,
        ];
        sides.iter().all(|side| side.abs() < tolerance.side)
            && (found.score - score).abs() < tolerance.score
    };
    for person in found {
        let at = missing.iter().position(|expected| is(person, expected));
        missing.swap_remove(
            at.unwrap_or_else(|| panic!("{which}: {person:?} is none of {missing:?} in {view:?}")),
        );
    }
}

#[test]
fn opencv_finds_what_the_original_finds() {
    native::set_up();
    let settings = DetectorSettings { backend: Backend::OpenCv, ..DetectorSettings::default() };
    let mut detector = detector::load(&settings).unwrap();
    assert!(detector.backend().starts_with("opencv "), "{}", detector.backend());
    finds_what_the_original_finds(detector.as_mut(), &FLOAT32);
}

#[test]
fn onnxruntime_finds_what_the_original_finds() {
    let Some(mut detector) = onnxruntime(Embedded::Float32) else { return };
    let backend = detector.backend();
    assert!(backend.starts_with("onnxruntime 1.") && backend.ends_with("float32"), "{backend}");
    assert!(detector.library().unwrap().is_file());
    finds_what_the_original_finds(detector.as_mut(), &FLOAT32);
}

#[test]
fn int8_finds_what_the_original_finds() {
    let Some(mut detector) = onnxruntime(Embedded::Int8) else { return };
    assert!(detector.backend().ends_with("int8"), "{}", detector.backend());
    finds_what_the_original_finds(detector.as_mut(), &INT8);
}

/// One frame of this many is compared.
const EVERY: usize = 3;

#[test]
fn int8_counts_as_float32_does_over_the_footage() {
    let Some(mut float) = onnxruntime(Embedded::Float32) else { return };
    let Some(mut int8) = onnxruntime(Embedded::Int8) else { return };
    let view = View::whole(FrameSize::new(768, 576), TRAINED_SIZE);
    let (mut video, mut picture) = (open_footage(), Mat::default());
    let (mut expected, mut found, mut matched) = (0, 0, 0);
    for index in 0.. {
        if !video.grab().unwrap() {
            break;
        }
        if index % EVERY == 0 && video.retrieve_def(&mut picture).unwrap() {
            let detect = |detector: &mut Box<dyn Detector>| {
                let mut people = detector.detect(&picture, &view, 0.45).unwrap().people;
                non_maximum_suppression(&mut people, 0.45);
                people
            };
            let (mut people, same) = (detect(&mut float), detect(&mut int8));
            (expected, found) = (expected + people.len(), found + same.len());
            for person in same {
                let overlap = |other: &Detection| other.bbox.iou(&person.bbox) >= 0.5;
                if let Some(at) = people.iter().position(overlap) {
                    people.swap_remove(at);
                    matched += 1;
                }
            }
        }
    }
    let share = |of: usize| 100.0 * f64::from(matched) / of as f64;
    let (precision, recall) = (share(found), share(expected));
    println!("{expected} people in float32, {found} in INT8, {matched} are the same");
    println!("precision {precision:.1} %, recall {recall:.1} %");
    assert!(expected > 500, "{expected}");
    assert!(precision > 96.0 && recall > 94.0, "precision {precision}, recall {recall}");
}
