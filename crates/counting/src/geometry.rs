//! Boxes, their overlap, and the suppression of boxes that overlap (NMS).

use serde::{Deserialize, Serialize};

/// An axis-aligned box in pixels. The origin is the picture's top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Width; not negative.
    pub width: f32,
    /// Height; not negative.
    pub height: f32,
}

impl BoundingBox {
    /// The box between two corners; empty when the second is not right of and below the first.
    pub fn from_corners(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { left, top, width: (right - left).max(0.0), height: (bottom - top).max(0.0) }
    }

    /// Right edge.
    pub fn right(&self) -> f32 {
        self.left + self.width
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f32 {
        self.top + self.height
    }

    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// The centre: distance from the left and from the top.
    pub fn centre(&self) -> (f32, f32) {
        (self.left + self.width / 2.0, self.top + self.height / 2.0)
    }

    /// Where a standing person's feet are: the middle of the bottom edge.
    pub fn foot(&self) -> (f32, f32) {
        (self.left + self.width / 2.0, self.bottom())
    }

    /// Whether a place lies in the box, edges included.
    pub fn contains(&self, (x, y): (f32, f32)) -> bool {
        (self.left..=self.right()).contains(&x) && (self.top..=self.bottom()).contains(&y)
    }

    /// The smallest box that contains both.
    pub fn union(&self, other: &Self) -> Self {
        Self::from_corners(
            self.left.min(other.left),
            self.top.min(other.top),
            self.right().max(other.right()),
            self.bottom().max(other.bottom()),
        )
    }

    /// The box grown by this many pixels on every side.
    pub fn grown(&self, by: f32) -> Self {
        let (left, top) = (self.left - by, self.top - by);
        Self { left, top, width: self.width + 2.0 * by, height: self.height + 2.0 * by }
    }

    /// Intersection over union with another box, 0 to 1; 0 when either is empty.
    pub fn iou(&self, other: &Self) -> f32 {
        let width = self.right().min(other.right()) - self.left.max(other.left);
        let height = self.bottom().min(other.bottom()) - self.top.max(other.top);
        if !(width > 0.0 && height > 0.0) {
            return 0.0;
        }
        let overlap = width * height;
        (overlap / (self.area() + other.area() - overlap)).clamp(0.0, 1.0)
    }

    /// The part of the box inside a picture of this size.
    pub fn clipped(&self, width: f32, height: f32) -> Self {
        Self::from_corners(
            self.left.clamp(0.0, width),
            self.top.clamp(0.0, height),
            self.right().clamp(0.0, width),
            self.bottom().clamp(0.0, height),
        )
    }

    /// The box in a picture whose axes are stretched by these factors.
    pub fn scaled(&self, x: f32, y: f32) -> Self {
        Self {
            left: self.left * x,
            top: self.top * y,
            width: self.width * x,
            height: self.height * y,
        }
    }

    /// Whether all four numbers are finite.
    pub fn is_finite(&self) -> bool {
        [self.left, self.top, self.width, self.height].iter().all(|number| number.is_finite())
    }
}

/// A person found in a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The box, in pixels of the picture that was analysed.
    pub bbox: BoundingBox,
    /// Score of the network, 0 to 1.
    pub score: f32,
}

/// Greedy non-maximum suppression: keeps the best detection, drops those that overlap it by an
/// IoU of more than `threshold`, and so on. The result is ordered by score, best first; ties keep
/// their order.
pub fn non_maximum_suppression(detections: &mut Vec<Detection>, threshold: f32) {
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept = 0;
    for candidate in 0..detections.len() {
        let bbox = detections[candidate].bbox;
        if detections[..kept].iter().all(|better| better.bbox.iou(&bbox) <= threshold) {
            detections.swap(kept, candidate);
            kept += 1;
        }
    }
    detections.truncate(kept);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn detection(left: f32, top: f32, width: f32, height: f32, score: f32) -> Detection {
        Detection { bbox: BoundingBox { left, top, width, height }, score }
    }

    fn any_detection() -> impl Strategy<Value = Detection> {
        let side = 0f32..300.0;
        (-50f32..300.0, -50f32..300.0, side.clone(), side, 0f32..1.0).prop_map(
            |(left, top, width, height, score)| detection(left, top, width, height, score),
        )
    }

    #[test]
    fn overlap_of_known_boxes() {
        let a = BoundingBox::from_corners(0.0, 0.0, 10.0, 10.0);
        let b = BoundingBox::from_corners(5.0, 0.0, 15.0, 10.0);
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(a.iou(&BoundingBox::from_corners(10.0, 0.0, 20.0, 10.0)), 0.0);
        assert_eq!(a.iou(&BoundingBox::from_corners(3.0, 3.0, 3.0, 3.0)), 0.0);
    }

    #[test]
    fn the_best_of_overlapping_detections_stays() {
        let mut found = vec![
            detection(0.0, 0.0, 10.0, 10.0, 0.6),
            detection(1.0, 0.0, 10.0, 10.0, 0.9),
            detection(50.0, 0.0, 10.0, 10.0, 0.5),
        ];
        non_maximum_suppression(&mut found, 0.45);
        assert_eq!(found.iter().map(|d| d.score).collect::<Vec<_>>(), [0.9, 0.5]);
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_bounded(a in any_detection(), b in any_detection()) {
            let (ab, ba) = (a.bbox.iou(&b.bbox), b.bbox.iou(&a.bbox));
            prop_assert_eq!(ab, ba);
            prop_assert!((0.0..=1.0).contains(&ab));
        }

        #[test]
        fn suppression_keeps_boxes_apart_and_drops_only_overlapping_ones(
            given in prop::collection::vec(any_detection(), 0..40), threshold in 0f32..1.0
        ) {
            let mut kept = given.clone();
            non_maximum_suppression(&mut kept, threshold);
            for (i, a) in kept.iter().enumerate() {
                for b in &kept[i + 1..] {
                    prop_assert!(a.score >= b.score && a.bbox.iou(&b.bbox) <= threshold);
                }
            }
            for dropped in given.iter().filter(|d| !kept.contains(d)) {
                prop_assert!(kept.iter().any(|better| better.score >= dropped.score
                    && better.bbox.iou(&dropped.bbox) > threshold));
            }
        }

        #[test]
        fn suppression_takes_any_numbers(
            numbers in prop::collection::vec(any::<[f32; 5]>(), 0..40), threshold in any::<f32>()
        ) {
            let mut found: Vec<_> =
                numbers.iter().map(|n| detection(n[0], n[1], n[2], n[3], n[4])).collect();
            non_maximum_suppression(&mut found, threshold);
            prop_assert!(found.len() <= numbers.len());
        }

        #[test]
        fn clipped_boxes_lie_in_the_picture(d in any_detection()) {
            let inside = d.bbox.clipped(200.0, 100.0);
            prop_assert!(inside.left >= 0.0 && inside.right() <= 200.001);
            prop_assert!(inside.top >= 0.0 && inside.bottom() <= 100.001);
        }
    }
}
