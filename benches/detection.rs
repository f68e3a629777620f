//! From the network's raw answers to people: anchors, decoding, suppression.

use std::hint::black_box;

use becamera::vision::{
    detector::{anchors::anchors, decode::decode_ssd},
    geometry::{BoundingBox, Detection, non_maximum_suppression},
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

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
        let anchors_here = anchors(width, height);
        let boxes = noise(anchors_here.len() * 4, 4.0);
        // About one anchor in fifty is a person, as on a busy scene.
        let logits: Vec<f32> = noise(anchors_here.len(), 10.0).iter().map(|x| x - 4.8).collect();
        c.bench_function(&format!("decode {width}x{height}"), |b| {
            b.iter(|| decode_ssd(black_box(&boxes), &logits, 1, 0, &anchors_here, 0.45));
        });
        c.bench_function(&format!("anchors {width}x{height}"), |b| {
            b.iter(|| anchors(black_box(width), height));
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

criterion_group!(benches, decoding, suppression);
criterion_main!(benches);
