//! Boxes with an id, and the distance between two boxes of a frame.

use crate::geometry::BoundingBox;

/// Largest distance (1 less the intersection over union) of two boxes of the same person.
const FARTHEST: f64 = 0.5;

/// An axis-aligned box in pixels. Unlike a [`BoundingBox`] it has the precision of py-motmetrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl From<BoundingBox> for Rectangle {
    fn from(BoundingBox { left, top, width, height }: BoundingBox) -> Self {
        Self { left: left.into(), top: top.into(), width: width.into(), height: height.into() }
    }
}

impl From<Rectangle> for BoundingBox {
    fn from(Rectangle { left, top, width, height }: Rectangle) -> Self {
        Self { left: left as f32, top: top as f32, width: width as f32, height: height as f32 }
    }
}

/// A box of a frame and the id of its person or track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledBox {
    /// The person's or the track's id.
    pub id: u64,
    /// The box, in pixels of the frame.
    pub bbox: Rectangle,
}

/// Distance of two boxes (1 less their intersection over union), 0 to 0.5; none when they are not of
/// the same person.
pub(super) fn distance(a: &Rectangle, b: &Rectangle) -> Option<f64> {
    let overlap = |a: f64, a_size: f64, b: f64, b_size: f64| {
        ((a + a_size).min(b + b_size) - a.max(b)).max(0.0)
    };
    let common =
        overlap(a.left, a.width, b.left, b.width) * overlap(a.top, a.height, b.top, b.height);
    let area = |of: &Rectangle| of.width.max(0.0) * of.height.max(0.0);
    let together = area(a) + area(b) - common;
    // The order of operations is py-motmetrics', so that boxes at the limit fall
    // on the same side.
    Some(1.0 - common / together).filter(|distance| *distance <= FARTHEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_overlap_is_just_near_enough() {
        let a = Rectangle { left: 0.0, top: 0.0, width: 10.0, height: 10.0 };
        assert_eq!(distance(&a, &a), Some(0.0));
        let half = Rectangle { height: 5.0, ..a };
        assert_eq!(distance(&a, &half), Some(0.5));
        assert_eq!(distance(&a, &Rectangle { height: 4.99, ..a }), None);
        assert_eq!(distance(&a, &Rectangle { left: 20.0, ..a }), None);
        let nothing = Rectangle { width: 0.0, height: 0.0, ..a };
        assert_eq!(distance(&nothing, &nothing), None);
    }
}
