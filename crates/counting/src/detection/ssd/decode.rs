//! From the numbers of a network to boxes.

use becamera_domain::FrameSize;

use super::anchors::{Anchor, Anchors};
use crate::geometry::{BoundingBox, Detection};

// The encoding's variances (Liu et al., 2016): centres are scaled by 0.1, log sizes by 0.2.
const CENTRE_VARIANCE: f32 = 0.1;
const SIZE_VARIANCE: f32 = 0.2;

/// Decodes the raw outputs of an SSD: the people scored at least `threshold`, in network pixels.
///
/// `boxes` has four numbers an anchor (ty, tx, th, tw), `logits` has `classes` an anchor of which
/// `person` is read. Boxes that are not finite are left out; rows beyond the shortest of the
/// three are ignored.
pub fn decode_ssd(
    boxes: &[f32],
    logits: &[f32],
    classes: usize,
    person: usize,
    anchors: &Anchors,
    threshold: f32,
) -> Vec<Detection> {
    // Comparing logits saves the exponential of nearly all anchors; the score decides.
    let least = logit(threshold) - 1e-3;
    let rows = boxes.as_chunks::<4>().0.iter().zip(logits.chunks_exact(classes.max(1)));
    rows.enumerate()
        .filter_map(|(index, (&encoded, scores))| {
            let raw = *scores.get(person)?;
            if raw < least || raw.is_nan() {
                return None;
            }
            let anchor = anchors.get(index)?;
            let detection = Detection { bbox: decode_box(encoded, &anchor), score: sigmoid(raw) };
            (detection.score >= threshold && detection.bbox.is_finite()).then_some(detection)
        })
        .collect()
}

/// Decodes the `[1, 1, N, 7]` output of a Caffe or TensorFlow DetectionOutput layer, whose rows
/// are picture, class, score, left, top, right and bottom, these relative to the picture: the
/// people scored at least `threshold`, in pixels of a picture of this size.
pub fn decode_detection_output(
    rows: &[f32],
    person: usize,
    threshold: f32,
    picture: FrameSize,
) -> Vec<Detection> {
    let (width, height) = (picture.width as f32, picture.height as f32);
    rows.as_chunks::<7>()
        .0
        .iter()
        .filter_map(|&[_, class, score, left, top, right, bottom]| {
            let bbox = BoundingBox::from_corners(
                left * width,
                top * height,
                right * width,
                bottom * height,
            );
            let is_person = (class - person as f32).abs() < 0.5 && score >= threshold;
            (is_person && bbox.is_finite()).then_some(Detection { bbox, score: score.min(1.0) })
        })
        .collect()
}

fn decode_box([ty, tx, th, tw]: [f32; 4], anchor: &Anchor) -> BoundingBox {
    let cx = anchor.cx + tx * CENTRE_VARIANCE * anchor.width;
    let cy = anchor.cy + ty * CENTRE_VARIANCE * anchor.height;
    let width = anchor.width * (tw * SIZE_VARIANCE).exp();
    let height = anchor.height * (th * SIZE_VARIANCE).exp();
    BoundingBox { left: cx - width / 2.0, top: cy - height / 2.0, width, height }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

fn logit(score: f32) -> f32 {
    (score / (1.0 - score)).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANCHOR: Anchor = Anchor { cx: 100.0, cy: 50.0, width: 20.0, height: 40.0 };

    #[test]
    fn zeros_are_the_anchor_and_scores_are_sigmoids() {
        let anchors = Anchors::of(FrameSize::new(300, 300));
        let found = decode_ssd(&[0.0; 4], &[-9.0, 0.0], 2, 1, &anchors, 0.5);
        let Anchor { cx, cy, .. } = anchors.get(0).unwrap();
        let bbox = BoundingBox { left: cx - 15.0, top: cy - 15.0, width: 30.0, height: 30.0 };
        assert_eq!(found, [Detection { bbox, score: 0.5 }]);
    }

    #[test]
    fn encodings_are_scaled_by_the_variances() {
        let encoded = [5.0, -10.0, 5.0 * 2f32.ln(), 0.0];
        let bbox = decode_box(encoded, &ANCHOR);
        assert!((bbox.left - (100.0 - 20.0 - 10.0)).abs() < 1e-3, "{bbox:?}");
        assert!((bbox.height - 80.0).abs() < 1e-3 && (bbox.width - 20.0).abs() < 1e-3);
        assert!((bbox.top - (50.0 + 20.0 - 40.0)).abs() < 1e-3);
    }

    #[test]
    fn detection_output_is_read_by_class_and_score() {
        let rows = [
            [0.0, 15.0, 0.9, 0.1, 0.2, 0.5, 0.6],
            [0.0, 7.0, 0.9, 0.1, 0.2, 0.5, 0.6],
            [0.0, 15.0, 0.2, 0.1, 0.2, 0.5, 0.6],
        ];
        let found = decode_detection_output(rows.as_flattened(), 15, 0.5, FrameSize::new(100, 200));
        assert_eq!(found.len(), 1);
        assert!((found[0].bbox.left - 10.0).abs() < 1e-4);
        assert!((found[0].bbox.height - 80.0).abs() < 1e-3);
    }

    proptest! {
        #[test]
        fn any_numbers_give_finite_boxes(
            boxes in prop::collection::vec(any::<f32>(), 0..80),
            logits in prop::collection::vec(any::<f32>(), 0..80),
            classes in 0usize..5, person in 0usize..5, threshold in 0.01f32..0.99,
        ) {
            let anchors = Anchors::of(FrameSize::new(32, 32));
            for found in decode_ssd(&boxes, &logits, classes, person, &anchors, threshold) {
                prop_assert!(found.bbox.is_finite());
                prop_assert!(found.score >= threshold && found.score <= 1.0);
            }
        }

        #[test]
        fn any_detection_output_gives_finite_boxes(
            rows in prop::collection::vec(any::<f32>(), 0..80), threshold in 0.01f32..0.99,
        ) {
            for found in decode_detection_output(&rows, 15, threshold, FrameSize::new(640, 480)) {
                prop_assert!(found.bbox.is_finite() && found.score >= threshold);
            }
        }
    }
}
