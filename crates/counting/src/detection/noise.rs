//! How noisy a picture is.

use crate::image::BgrImage;

/// Noise is measured in one pixel of this many in a row, and in one row of this many.
const STEP: usize = 5;

/// Standard deviation of the noise of a picture, in grey levels of its green channel.
///
/// After Immerkær, "Fast Noise Variance Estimation" (1996): the difference of two Laplacians, to
/// which edges add next to nothing. Of its values the median is taken instead of the mean, so that
/// fine lines do not count as noise.
pub fn noise(picture: BgrImage) -> f32 {
    // The mask's weights come to 16 at most, times 255.
    let mut histogram = [0u32; 2048];
    for y in (1..picture.height().saturating_sub(1)).step_by(STEP) {
        let [above, here, below] = [y - 1, y, y + 1].map(|y| picture.row(y));
        for x in (1..picture.width().saturating_sub(1)).step_by(STEP) {
            let bend = |row: &[[u8; 3]]| {
                let [left, middle, right] = [x - 1, x, x + 1].map(|x| i32::from(row[x][1]));
                left - 2 * middle + right
            };
            let value = bend(above) - 2 * bend(here) + bend(below);
            histogram[(value.unsigned_abs() as usize).min(2047)] += 1;
        }
    }
    let half = histogram.iter().sum::<u32>() / 2;
    let mut below = 0;
    let median = histogram.iter().position(|count| {
        below += count;
        below > half
    });
    // The mask makes noise six times as strong, and the median of a normal distribution's absolute
    // values is two thirds of its standard deviation.
    median.unwrap_or(0) as f32 / (6.0 * 0.6745)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::BgrBuffer;

    #[test]
    fn a_smooth_picture_and_one_too_small_to_tell_have_no_noise() {
        let picture = BgrBuffer::filled(40, 30, [9, 99, 199]);
        assert_eq!(noise(picture.image()), 0.0);
        for (width, height) in [(0, 0), (1, 1), (2, 9), (9, 2)] {
            assert_eq!(noise(BgrBuffer::filled(width, height, [1, 2, 3]).image()), 0.0);
        }
    }
}
