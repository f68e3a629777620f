//! Anchors of SSDLite MobileNetV2 for any input size.
//!
//! The network is fully convolutional: it runs on inputs of any size, if its anchors keep the
//! sizes and the phase they were trained with. Units are network pixels. The layout is that of
//! the SSD paper (Liu et al., 2016, arXiv:1512.02325) as TensorFlow's object detection API makes
//! it (`ssd_anchor_generator`, 6 layers, scales 0.2 to 0.95, reduced boxes in the lowest layer).

/// Side of the square input that the network was trained with, in pixels.
pub const TRAINED_SIZE: u32 = 300;

const MAPS: usize = 6;
const SCALES: [f32; MAPS + 1] = [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0];

// The trained anchors lie off the centre of the cell's receptive field by this many pixels.
const CENTRE_OFFSETS: [i64; MAPS] = [5, 5, 21, 21, 21, 149];

/// A box that the network's answers are relative to, in network pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Anchor {
    /// Centre, horizontally.
    pub cx: f32,
    /// Centre, vertically.
    pub cy: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// The anchors of an input of this size, in the order of the network's outputs: feature maps,
/// then rows, columns and shapes.
pub fn anchors(width: u32, height: u32) -> Vec<Anchor> {
    let mut anchors = Vec::new();
    for level in 0..MAPS {
        let shapes = shapes(level);
        let (columns, rows) = (Cells::of(width, level), Cells::of(height, level));
        for row in 0..rows.count {
            for column in 0..columns.count {
                let (cx, cy) = (columns.centre(column), rows.centre(row));
                anchors.extend(shapes.iter().map(|&(width, height)| Anchor {
                    cx,
                    cy,
                    width,
                    height,
                }));
            }
        }
    }
    anchors
}

/// The cells of a feature map along one axis.
struct Cells {
    count: i64,
    first: i64,
    step: i64,
}

impl Cells {
    /// Follows the stride-2 convolutions (3×3, `SAME`) to the receptive fields' centres: the
    /// padding at the start, and with it the centre, depends on the axis' length.
    fn of(length: u32, level: usize) -> Self {
        let (mut count, mut first, mut step) = (i64::from(length), 0, 1);
        for _ in 0..4 + level {
            let halved = (count + 1) / 2;
            let padding = (2 * (halved - 1) + 3 - count).max(0) / 2;
            first += step * (1 - padding);
            step *= 2;
            count = halved;
        }
        Self { count, first: first - CENTRE_OFFSETS[level], step }
    }

    fn centre(&self, cell: i64) -> f32 {
        (self.first + self.step * cell) as f32
    }
}

fn shapes(level: usize) -> Vec<(f32, f32)> {
    let (scale, next) = (SCALES[level], SCALES[level + 1]);
    let pairs = if level == 0 {
        vec![(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
    } else {
        let interpolated = (scale * next).sqrt();
        let square = (interpolated, 1.0);
        vec![(scale, 1.0), (scale, 2.0), (scale, 0.5), (scale, 3.0), (scale, 0.3333), square]
    };
    let size = TRAINED_SIZE as f32;
    pairs
        .into_iter()
        .map(|(scale, ratio): (f32, f32)| {
            (size * scale * ratio.sqrt(), size * scale / ratio.sqrt())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_trained_input_has_the_exported_number() {
        // 19² × 3 + (10² + 5² + 3² + 2² + 1) × 6
        assert_eq!(anchors(300, 300).len(), 1917);
    }

    #[test]
    fn multiples_of_64_have_their_known_phase() {
        let of = |level| {
            let cells = Cells::of(640, level);
            (cells.step, cells.first)
        };
        assert_eq!([of(0), of(1), of(2)], [(16, 10), (32, 26), (64, 42)]);
    }

    #[test]
    fn sizes_are_those_of_the_trained_input() {
        for (width, height) in [(300, 300), (768, 576)] {
            let first = anchors(width, height)[0];
            assert!((first.width - 30.0).abs() < 1e-4 && (first.height - 30.0).abs() < 1e-4);
        }
    }

    /// Number, mean of each column, the middle anchor and the last one, as `models/anchors.py`
    /// gives them.
    type Facts = (usize, [f64; 4], [f32; 4], [f32; 4]);

    #[test]
    fn they_are_those_of_the_conversion_script() {
        let cases: [(u32, u32, Facts); 5] = [
            (
                300,
                300,
                (
                    1917,
                    [150.0, 150.0, 88.977, 88.978],
                    [246.0, 262.0, 84.853, 42.426],
                    [150.0, 150.0, 292.404, 292.404],
                ),
            ),
            (
                512,
                384,
                (
                    3846,
                    [262.555, 198.056, 84.525, 84.526],
                    [26.0, 330.0, 30.0, 30.0],
                    [362.0, 234.0, 292.404, 292.404],
                ),
            ),
            (
                352,
                288,
                (
                    2046,
                    [180.604, 147.29, 88.126, 88.127],
                    [186.0, 250.0, 30.0, 30.0],
                    [202.0, 138.0, 292.404, 292.404],
                ),
            ),
            (
                768,
                576,
                (
                    8682,
                    [390.395, 292.869, 85.059, 85.06],
                    [122.0, 490.0, 30.0, 30.0],
                    [618.0, 426.0, 292.404, 292.404],
                ),
            ),
            (
                301,
                257,
                (
                    1743,
                    [151.0, 120.852, 90.439, 90.44],
                    [87.0, 235.0, 84.853, 42.426],
                    [151.0, 107.0, 292.404, 292.404],
                ),
            ),
        ];
        let numbers = |a: &Anchor| [a.cx, a.cy, a.width, a.height];
        let close = |a: f64, b: f64| (a - b).abs() < 2e-3;
        for (width, height, (number, mean, middle, last)) in cases {
            let anchors = anchors(width, height);
            assert_eq!(anchors.len(), number, "{width} x {height}");
            for column in 0..4 {
                let sum: f64 = anchors.iter().map(|a| f64::from(numbers(a)[column])).sum();
                assert!(close(sum / number as f64, mean[column]), "{width} x {height}, {column}");
                let is = |at: usize, expected: [f32; 4]| {
                    close(numbers(&anchors[at])[column].into(), expected[column].into())
                };
                assert!(is(number / 2, middle) && is(number - 1, last), "{width} x {height}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_size_has_finite_anchors(width in 1u32..1200, height in 1u32..1200) {
            let anchors = anchors(width, height);
            prop_assert!(!anchors.is_empty());
            prop_assert!(anchors.iter().all(|a| a.cx.is_finite() && a.width > 0.0));
        }
    }
}
