#![allow(clippy::unwrap_used)]

//! Every backend against the detections of the original network (`models/person_reference.json`).

use ::opencv::{prelude::*, videoio};
use serde_json::Value;

use super::*;
use crate::vision::{geometry::BoundingBox, native};

const FOOTAGE: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

/// Largest difference of a side (0 to 1 of the picture) and of a score.
const TOLERANCE: f32 = 1e-3;

#[test]
fn the_embedded_model_finds_what_the_original_finds() {
    native::set_up();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/person_reference.json");
    let reference: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let settings = DetectSettings {
        confidence: reference["score_threshold"].as_f64().unwrap() as f32,
        nms_iou: reference["nms_threshold"].as_f64().unwrap() as f32,
        ..DetectSettings::default()
    };
    let cases = reference["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["name"] == "squashed").unwrap();
    let frames = case["frames"].as_array().unwrap();
    assert!(frames.len() >= 3);
    let mut detector = load(&DetectorSettings::default()).unwrap();
    let mut video = videoio::VideoCapture::from_file(FOOTAGE, videoio::CAP_FFMPEG).unwrap();
    let (mut picture, mut next) = (Mat::default(), 0);
    for frame in frames {
        let index = frame["frame"].as_u64().unwrap();
        while next <= index {
            assert!(video.grab().unwrap());
            next += 1;
        }
        assert!(video.retrieve_def(&mut picture).unwrap());
        let found = detector.detect(&picture, &settings).unwrap().people;
        let expected: Vec<Vec<f32>> = serde_json::from_value(frame["detections"].clone()).unwrap();
        assert_eq!(found.len(), expected.len(), "frame {index}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            let (x, y) = (1.0 / picture.cols() as f32, 1.0 / picture.rows() as f32);
            let BoundingBox { left, top, width, height } = found.bbox.scaled(x, y);
            for (got, wanted) in [left, top, width, height, found.score].iter().zip(&expected) {
                assert!((got - wanted).abs() < TOLERANCE, "frame {index}: {found:?} {expected:?}");
            }
        }
    }
}
