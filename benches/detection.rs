#![allow(clippy::expect_used, reason = "what can't be measured ends the bench")]

//! A frame's way through the detector, step by step: preprocessing, inference by each backend,
//! anchors, decoding, suppression; and all of it.

use std::{hint::black_box, time::Duration};

use becamera::vision::{
    detector::{
        self, Detector,
        mobilenet_ssd::{Embedded, MobileNetSsd, Normalisation},
        picture::ViewCutter,
        runtime::{ModelFormat, RuntimeKind},
    },
    native,
};
use becamera_counting::{
    detection::ssd::{Anchors, decode_ssd},
    geometry::{BoundingBox, Detection, non_maximum_suppression},
    regions::View,
};
use becamera_domain::{
    FrameSize,
    settings::{Backend, DetectorSettings},
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use opencv::{
    core::{Mat, Size},
    imgproc,
    prelude::*,
    videoio::{CAP_FFMPEG, VideoCapture},
};

/// Numbers that look random and are the same every time.
fn noise(count: usize, scale: f32) -> Vec<f32> {
    let mut state = 12345u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next() * scale).collect()
}

fn decoding(c: &mut Criterion) {
    for (width, height) in [(300, 300), (512, 384), (768, 576)] {
        let anchors = Anchors::of(FrameSize::new(width, height));
        let boxes = noise(anchors.len() * 4, 4.0);
        // About one anchor in fifty is a person, as on a busy scene.
        let logits: Vec<f32> = noise(anchors.len(), 10.0).iter().map(|x| x - 4.8).collect();
        c.bench_function(&format!("decode {width}x{height}"), |b| {
            b.iter(|| decode_ssd(black_box(&boxes), &logits, 1, 0, &anchors, 0.45));
        });
    }
}

fn suppression(c: &mut Criterion) {
    for count in [20, 200] {
        let places = noise(count * 2, 700.0);
        let detections: Vec<Detection> = (0..count)
            .map(|n| Detection {
                bbox: BoundingBox {
                    left: places[2 * n] + 350.0,
                    top: places[2 * n + 1] + 350.0,
                    width: 30.0,
                    height: 80.0,
                },
                score: n as f32 / count as f32,
            })
            .collect();
        c.bench_function(&format!("non-maximum suppression of {count}"), |b| {
            b.iter_batched_ref(
                || detections.clone(),
                |found| non_maximum_suppression(found, 0.45),
                BatchSize::SmallInput,
            );
        });
    }
}

/// A frame of the footage, scaled up where it is to be larger.
fn frame(width: i32, height: i32) -> Mat {
    const FOOTAGE: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
    native::set_up();
    let mut video = VideoCapture::from_file(FOOTAGE, CAP_FFMPEG).expect("the footage opens");
    let (mut frame, mut scaled) = (Mat::default(), Mat::default());
    for _ in 0..100 {
        assert!(video.read(&mut frame).expect("the footage can be read"));
    }
    let size = Size::new(width, height);
    imgproc::resize(&frame, &mut scaled, size, 0.0, 0.0, imgproc::INTER_LINEAR).expect("it scales");
    scaled
}

fn preprocessing(c: &mut Criterion) {
    for (width, height) in [(768, 576), (1920, 1080)] {
        let frame = frame(width, height);
        let (mut cutter, mut planes) = (ViewCutter::default(), Vec::new());
        let normalisation = Normalisation::of(ModelFormat::Onnx);
        let size = FrameSize::new(width as u32, height as u32);
        let view = View::whole(size, FrameSize::new(300, 300));
        c.bench_function(&format!("preprocess {width}x{height}"), |b| {
            b.iter(|| {
                let picture = cutter.cut(black_box(&frame), &view).expect("the view is inside");
                normalisation.write(picture.data_typed().expect("it is BGR"), &mut planes);
            });
        });
    }
}

/// The network alone, and all that is done with a frame. A backend that is not here is left out.
fn inference(c: &mut Criterion) {
    let frame = frame(768, 576);
    let opencv = DetectorSettings { backend: Backend::OpenCv, ..DetectorSettings::default() };
    let onnxruntime = |model| -> Result<Box<dyn Detector>, _> {
        let kind = RuntimeKind::OnnxRuntime;
        let detector = MobileNetSsd::load_embedded(kind, model, &DetectorSettings::default())?;
        Ok(Box::new(detector))
    };
    let detectors =
        [detector::load(&opencv), onnxruntime(Embedded::Float32), onnxruntime(Embedded::Int8)];
    for detector in detectors {
        let mut detector = match detector {
            Ok(detector) => detector,
            Err(error) => {
                eprintln!("left out: {error}");
                continue;
            }
        };
        let name = detector.backend().to_owned();
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        for (width, height) in [(256, 256), (384, 288), (768, 576)] {
            let input = FrameSize::new(width, height);
            let view = View::whole(FrameSize::new(768, 576), input);
            let size = input.to_string();
            group.bench_function(format!("inference {size}"), |b| {
                b.iter_custom(|frames| {
                    let mut detect =
                        || detector.detect(&frame, &view, 0.15).expect("it runs").inference;
                    (0..frames).map(|_| detect()).sum::<Duration>()
                });
            });
            group.bench_function(format!("view {size}"), |b| {
                b.iter(|| detector.detect(black_box(&frame), &view, 0.15).expect("it runs"));
            });
        }
    }
}

criterion_group!(benches, preprocessing, decoding, suppression, inference);
criterion_main!(benches);
