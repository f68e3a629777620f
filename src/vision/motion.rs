//! Where something moves: a running average of the scene's brightness as background, and what
//! differs from it.
//!
//! After the classic running-average background subtraction (e.g. Piccardi, "Background
//! subtraction techniques: a review", 2004), with the median difference taken out of each frame,
//! so that a lamp or a cloud is no motion, and the camera's noise measured.

use std::ops::RangeInclusive;

use becamera_counting::geometry::BoundingBox;
use opencv::{
    core::{Mat, Size},
    imgproc,
    prelude::*,
};

/// Size of the grey picture that is compared. Each of its pixels averages four of the frame's, so
/// that a camera's noise stays below [`THRESHOLD`].
const WIDTH: usize = 192;
const HEIGHT: usize = 144;
/// Edge of the square blocks in which motion is told.
const BLOCK: usize = 8;
const COLUMNS: usize = WIDTH / BLOCK;
const ROWS: usize = HEIGHT / BLOCK;
/// Grey levels by which a pixel must differ from the background, at least …
const THRESHOLD: f32 = 16.0;
/// … and so many times the median by which pixels differ: 2.7 standard deviations of noise.
const NOISE_FACTOR: f32 = 4.0;
/// Such pixels that make a block move.
const PIXELS: u32 = 8;
/// Share of a frame that goes into the background: where nothing moves, and where something does.
const LEARNING: f32 = 0.03;
const LEARNING_MOVING: f32 = 0.003;

/// Compares each frame with what was there before.
#[derive(Default)]
pub struct MotionDetector {
    small: Mat,
    grey: Mat,
    halved: Mat,
    background: Vec<f32>,
    differences: Vec<f32>,
}

/// Which blocks of a frame move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Motion {
    blocks: [[bool; COLUMNS]; ROWS],
}

impl Motion {
    /// Whether anything moves.
    pub fn any(&self) -> bool {
        self.blocks.iter().flatten().any(|moves| *moves)
    }

    /// Boxes around what moves, in pixels of a frame of this size: one for each group of blocks
    /// that touch, also by their corners.
    pub fn boxes(&self, (width, height): (u32, u32)) -> Vec<BoundingBox> {
        let (x, y) = (width as f32 / COLUMNS as f32, height as f32 / ROWS as f32);
        let mut left = self.blocks;
        let mut boxes = Vec::new();
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                if let Some((columns, rows)) = take_group(&mut left, column, row) {
                    let from = (*columns.start() as f32 * x, *rows.start() as f32 * y);
                    let to = ((*columns.end() + 1) as f32 * x, (*rows.end() + 1) as f32 * y);
                    boxes.push(BoundingBox::from_corners(from.0, from.1, to.0, to.1));
                }
            }
        }
        boxes
    }
}

/// Takes the blocks that touch this one out of those that are left, and says how far they reach.
fn take_group(
    left: &mut [[bool; COLUMNS]; ROWS],
    column: usize,
    row: usize,
) -> Option<(RangeInclusive<usize>, RangeInclusive<usize>)> {
    let mut open = Vec::from_iter(std::mem::take(&mut left[row][column]).then_some((column, row)));
    let (mut columns, mut rows) = (column..=column, row..=row);
    while let Some((column, row)) = open.pop() {
        columns = column.min(*columns.start())..=column.max(*columns.end());
        rows = row.min(*rows.start())..=row.max(*rows.end());
        let around = |at: usize, length: usize| at.saturating_sub(1)..(at + 2).min(length);
        let (near_rows, near_columns) = (around(row, ROWS), around(column, COLUMNS));
        for (y, row) in near_rows.clone().zip(&mut left[near_rows]) {
            for (x, block) in near_columns.clone().zip(&mut row[near_columns.clone()]) {
                if std::mem::take(block) {
                    open.push((x, y));
                }
            }
        }
        if open.is_empty() {
            return Some((columns, rows));
        }
    }
    None
}

impl MotionDetector {
    /// Takes the next 8-bit BGR frame of a scene; all must have the same proportions. The first
    /// becomes the background: nothing moves in it.
    ///
    /// # Errors
    /// When OpenCV can't scale the frame.
    pub fn next(&mut self, frame: &Mat) -> opencv::Result<Motion> {
        let doubled = Size::new(2 * WIDTH as i32, 2 * HEIGHT as i32);
        // Nearest first: averaging a whole 1080p frame would cost more than all the rest.
        imgproc::resize(frame, &mut self.small, doubled, 0.0, 0.0, imgproc::INTER_NEAREST)?;
        imgproc::cvt_color_def(&self.small, &mut self.grey, imgproc::COLOR_BGR2GRAY)?;
        let single = Size::new(WIDTH as i32, HEIGHT as i32);
        imgproc::resize(&self.grey, &mut self.halved, single, 0.0, 0.0, imgproc::INTER_AREA)?;
        let luma = self.halved.data_bytes()?;
        Ok(compare(luma, &mut self.background, &mut self.differences))
    }
}

fn compare(luma: &[u8], background: &mut Vec<f32>, differences: &mut Vec<f32>) -> Motion {
    let mut motion = Motion { blocks: [[false; COLUMNS]; ROWS] };
    if background.len() != luma.len() {
        background.clear();
        background.extend(luma.iter().map(|value| f32::from(*value)));
        return motion;
    }
    differences.clear();
    differences.extend(luma.iter().zip(&*background).map(|(luma, old)| f32::from(*luma) - old));
    let middle = median(differences.iter().copied());
    let spread = median(differences.iter().map(|difference| (difference - middle).abs()));
    // Medians are whole grey levels, rounded down.
    let threshold = THRESHOLD.max(NOISE_FACTOR * (spread + 0.5));
    let mut pixels = [[0u32; COLUMNS]; ROWS];
    let rows = background.chunks_exact_mut(WIDTH).zip(differences.chunks_exact(WIDTH));
    for (y, (background, differences)) in rows.enumerate() {
        let pixels = &mut pixels[y / BLOCK];
        let blocks = background.chunks_exact_mut(BLOCK).zip(differences.chunks_exact(BLOCK));
        for (count, (background, differences)) in pixels.iter_mut().zip(blocks) {
            for (old, difference) in background.iter_mut().zip(differences) {
                let moves = (difference - middle).abs() > threshold;
                *count += u32::from(moves);
                *old += if moves { LEARNING_MOVING } else { LEARNING } * difference;
            }
        }
    }
    for (row, pixels) in motion.blocks.iter_mut().zip(pixels) {
        for (moves, pixels) in row.iter_mut().zip(pixels) {
            *moves = pixels >= PIXELS;
        }
    }
    motion
}

/// To a whole grey level: enough to take out a change of light.
fn median(differences: impl ExactSizeIterator<Item = f32>) -> f32 {
    let mut histogram = [0u32; 512];
    let half = differences.len() as u32 / 2;
    for difference in differences {
        // From -255 to 255.
        histogram[(difference + 256.0) as usize & 511] += 1;
    }
    let mut below = 0;
    let middle = histogram.iter().position(|count| {
        below += count;
        below > half
    });
    middle.map_or(0.0, |level| level as f32 - 256.0)
}

#[cfg(test)]
mod tests {
    use opencv::core::Scalar;

    use super::*;

    const SIZE: (i32, i32) = (768, 576);

    fn scene(brightness: f64) -> Mat {
        Mat::new_rows_cols_with_default(
            SIZE.1,
            SIZE.0,
            opencv::core::CV_8UC3,
            Scalar::all(brightness),
        )
        .unwrap()
    }

    fn with_person(mut frame: Mat, x: i32) -> Mat {
        let person = opencv::core::Rect::new(x, 200, 30, 80);
        imgproc::rectangle(&mut frame, person, Scalar::all(40.0), -1, imgproc::LINE_8, 0).unwrap();
        frame
    }

    fn with_noise(mut frame: Mat, sigma: f64, seed: u64) -> Mat {
        opencv::core::set_rng_seed(seed as i32).unwrap();
        let mut noise = Mat::new_rows_cols_with_default(
            SIZE.1,
            SIZE.0,
            opencv::core::CV_16SC3,
            Scalar::all(0.0),
        )
        .unwrap();
        opencv::core::randn(&mut noise, &0.0, &sigma).unwrap();
        let sum = frame.clone();
        let none = opencv::core::no_array();
        opencv::core::add(&sum, &noise, &mut frame, &none, opencv::core::CV_8UC3 & 7).unwrap();
        frame
    }

    #[test]
    fn a_still_scene_does_not_move() {
        let mut detector = MotionDetector::default();
        for seed in 0..50 {
            let moves = detector.next(&with_noise(scene(120.0), 8.0, seed)).unwrap().any();
            assert!(!moves, "frame {seed}: noise of 8 grey levels is no motion");
        }
    }

    #[test]
    fn in_a_noisy_picture_people_move_and_noise_does_not() {
        let mut detector = MotionDetector::default();
        for seed in 0..50 {
            let moves = detector.next(&with_noise(scene(120.0), 30.0, seed)).unwrap().any();
            assert!(!moves, "frame {seed}");
        }
        let noisy = with_noise(with_person(scene(120.0), 400), 30.0, 99);
        assert!(detector.next(&noisy).unwrap().any());
    }

    #[test]
    fn a_person_moves_and_is_told_where() {
        let mut detector = MotionDetector::default();
        assert!(!detector.next(&scene(120.0)).unwrap().any());
        let motion = detector.next(&with_person(scene(120.0), 400)).unwrap();
        assert!(motion.any());
        // The person stands at 400–430 of 768 and at 200–280 of 576.
        for (y, row) in motion.blocks.iter().enumerate() {
            for (x, moves) in row.iter().enumerate() {
                let beside = !(12..=13).contains(&x) || !(6..=8).contains(&y);
                assert!(!(*moves && beside), "block {x}, {y}");
            }
        }
        let boxes = motion.boxes((768, 576));
        assert_eq!(boxes, [BoundingBox { left: 384.0, top: 192.0, width: 64.0, height: 96.0 }]);
        assert!(!detector.next(&scene(120.0)).unwrap().any(), "gone again");
    }

    #[test]
    fn what_is_apart_has_boxes_of_its_own() {
        let mut motion = Motion { blocks: [[false; COLUMNS]; ROWS] };
        for (x, y) in [(0, 0), (1, 1), (2, 0), (23, 17), (23, 15), (10, 9)] {
            motion.blocks[y][x] = true;
        }
        let mut boxes = motion.boxes((24, 18));
        boxes.sort_by(|a, b| (a.left, a.top).partial_cmp(&(b.left, b.top)).unwrap());
        let of = |left, top, width, height| BoundingBox { left, top, width, height };
        let single = |left, top| of(left, top, 1.0, 1.0);
        let expected =
            [of(0.0, 0.0, 3.0, 2.0), single(10.0, 9.0), single(23.0, 15.0), single(23.0, 17.0)];
        assert_eq!(boxes, expected);
        motion.blocks = [[true; COLUMNS]; ROWS];
        assert_eq!(motion.boxes((240, 180)), [of(0.0, 0.0, 240.0, 180.0)]);
    }

    #[test]
    fn a_change_of_light_is_no_motion() {
        let mut detector = MotionDetector::default();
        detector.next(&scene(100.0)).unwrap();
        for brightness in [130.0, 90.0, 160.0] {
            assert!(!detector.next(&scene(brightness)).unwrap().any(), "{brightness}");
        }
        assert!(detector.next(&with_person(scene(160.0), 100)).unwrap().any());
    }

    #[test]
    fn who_stands_still_becomes_background_in_the_end() {
        let mut detector = MotionDetector::default();
        detector.next(&scene(120.0)).unwrap();
        let standing = with_person(scene(120.0), 300);
        let moving = (0..2_000).take_while(|_| detector.next(&standing).unwrap().any()).count();
        assert!((50..1_500).contains(&moving), "{moving} frames");
    }

    #[test]
    fn any_size_will_do() {
        for (width, height) in [(1, 1), (64, 2_000), (4_096, 3)] {
            let frame = Mat::new_rows_cols_with_default(
                height,
                width,
                opencv::core::CV_8UC3,
                Scalar::all(7.0),
            );
            let mut detector = MotionDetector::default();
            let frame = frame.unwrap();
            assert!(!detector.next(&frame).unwrap().any());
            assert!(!detector.next(&frame).unwrap().any());
        }
        assert!(MotionDetector::default().next(&Mat::default()).is_err());
    }
}
