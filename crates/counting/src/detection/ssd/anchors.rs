//! Anchors of SSDLite MobileNetV2 for any input size.
//!
//! The network is fully convolutional: it runs on inputs of any size, if its anchors keep the
//! sizes and the phase they were trained with. Units are network pixels. The layout is that of
//! the SSD paper (Liu et al., 2016, arXiv:1512.02325) as TensorFlow's object detection API makes
//! it (`ssd_anchor_generator`, 6 layers, scales 0.2 to 0.95, reduced boxes in the lowest layer).

use becamera_domain::FrameSize;

/// The input that the network was trained with.
pub const TRAINED_SIZE: FrameSize = FrameSize::new(300, 300);

const MAPS: usize = 6;
const SCALES: [f32; MAPS + 1] = [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0];

// The trained anchors lie off the centre of the cell's receptive field by this many pixels.
const CENTRE_OFFSETS: [i64; MAPS] = [5, 5, 21, 21, 21, 149];

/// A box that the network's outputs are relative to, in network pixels.
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

/// The anchors of an input, in the order of the network's outputs: feature maps, then rows, columns
/// and shapes. Each is computed when it is asked for: few ever are.
#[derive(Debug, Clone)]
pub struct Anchors {
    maps: [Map; MAPS],
    count: usize,
}

#[derive(Debug, Clone)]
struct Map {
    first: usize,
    columns: Cells,
    rows: Cells,
    shapes: Vec<(f32, f32)>,
}

impl Anchors {
    /// The anchors of an input of this size.
    pub fn of(FrameSize { width, height }: FrameSize) -> Self {
        let mut count = 0;
        let maps = std::array::from_fn(|level| {
            let (columns, rows) = (Cells::of(width, level), Cells::of(height, level));
            let (first, shapes) = (count, shapes(level));
            count += columns.count * rows.count * shapes.len();
            Map { first, columns, rows, shapes }
        });
        Self { maps, count }
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the input has no anchor: it has no pixels.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The anchor with this index among the network's outputs.
    pub fn get(&self, index: usize) -> Option<Anchor> {
        let map = self.maps.iter().rev().find(|map| map.first <= index)?;
        let (cell, shape) =
            ((index - map.first) / map.shapes.len(), (index - map.first) % map.shapes.len());
        let (row, column) =
            (cell.checked_div(map.columns.count)?, cell.checked_rem(map.columns.count)?);
        let (width, height) = map.shapes[shape];
        let (cx, cy) = (map.columns.centre(column), map.rows.centre(row));
        (row < map.rows.count).then_some(Anchor { cx, cy, width, height })
    }
}

/// The cells of a feature map along one axis.
#[derive(Debug, Clone, Copy)]
struct Cells {
    count: usize,
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
        let count = usize::try_from(count).unwrap_or(0);
        Self { count, first: first - CENTRE_OFFSETS[level], step }
    }

    fn centre(&self, cell: usize) -> f32 {
        (self.first + self.step * cell as i64) as f32
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
    let size = TRAINED_SIZE.width as f32;
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

    fn anchors(width: u32, height: u32) -> Vec<Anchor> {
        let anchors = Anchors::of(FrameSize::new(width, height));
        let all = (0..anchors.len()).map(|index| anchors.get(index).unwrap()).collect();
        assert_eq!(anchors.get(anchors.len()), None);
        all
    }

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
