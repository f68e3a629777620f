//! Boxes with a number, and how far those of a frame are apart.

use crate::geometry::BoundingBox;

/// Boxes that are further apart than this (one less their intersection over union) are not of the
/// same person.
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

/// A box of a frame and whose it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledBox {
    /// The person's or the track's number.
    pub id: u64,
    /// Where.
    pub bbox: Rectangle,
}

/// How far two boxes are apart, 0 to 0.5; none when they are not of the same person.
pub(super) fn distance(a: &Rectangle, b: &Rectangle) -> Option<f64> {
    let overlap = |a: f64, a_size: f64, b: f64, b_size: f64| {
        ((a + a_size).min(b + b_size) - a.max(b)).max(0.0)
    };
    let common =
        overlap(a.left, a.width, b.left, b.width) * overlap(a.top, a.height, b.top, b.height);
    let area = |of: &Rectangle| of.width.max(0.0) * of.height.max(0.0);
    let together = area(a) + area(b) - common;
    // The order of operations is py-motmetrics', so that what is at the limit falls alike.
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
