//! A running average of the scene's brightness as background, and what differs from it.
//!
//! After the classic running-average background subtraction (e.g. Piccardi, "Background
//! subtraction techniques: a review", 2004), with the median difference taken out of each frame,
//! so that a lamp or a cloud is no motion, and the camera's noise measured.

use super::{BLOCK, COLUMNS, Motion, ROWS};

/// Width of the grey picture that is compared, in pixels. Each of its pixels is to average four of
/// the frame's, so that a camera's noise stays below the threshold.
pub const WIDTH: usize = 192;
/// Height of the grey picture, in pixels.
pub const HEIGHT: usize = 144;
/// Grey levels by which a pixel must differ from the background, at least …
const THRESHOLD: f32 = 16.0;
/// … and as a multiple of the median difference: 2.7 standard deviations of noise.
const NOISE_FACTOR: f32 = 4.0;
/// Differing pixels that make a block move.
const PIXELS: u32 = 8;
/// Share of a frame that goes into the background: where nothing moves, and where something does.
const LEARNING: f32 = 0.03;
const LEARNING_MOVING: f32 = 0.003;

/// The background of one scene.
///
/// ```
/// use becamera_counting::motion::{Background, HEIGHT, WIDTH};
///
/// let mut background = Background::default();
/// let mut picture = vec![120; WIDTH * HEIGHT];
/// assert!(!background.next(&picture).any(), "the first picture is the background");
/// // Somebody dark stands in the upper left corner.
/// (0..24).for_each(|y| picture[y * WIDTH..][..8].fill(30));
/// assert!(background.next(&picture).any());
/// ```
#[derive(Debug, Default)]
pub struct Background {
    levels: Vec<f32>,
    differences: Vec<f32>,
}

impl Background {
    /// Compares the next picture of the scene with its background: [`HEIGHT`] rows of [`WIDTH`] grey
    /// levels. Nothing moves in the first one.
    pub fn next(&mut self, luma: &[u8]) -> Motion {
        compare(luma, &mut self.levels, &mut self.differences)
    }
}

fn compare(luma: &[u8], background: &mut Vec<f32>, differences: &mut Vec<f32>) -> Motion {
    let mut motion = Motion::NONE;
    if background.len() != luma.len() {
        background.clear();
        background.extend(luma.iter().map(|value| f32::from(*value)));
        return motion;
    }
    differences.clear();
    differences.extend(luma.iter().zip(&*background).map(|(luma, old)| f32::from(*luma) - old));
    let middle = median(differences.iter().copied());
    let spread = median(differences.iter().map(|difference| (difference - middle).abs()));
    // Half a level more, as medians are rounded down.
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

/// The median to a whole grey level, rounded down: enough to take out a change of light.
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
