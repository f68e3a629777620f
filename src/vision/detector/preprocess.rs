//! From a picture to the planes of numbers that a network takes.

use opencv::{
    boxed_ref::BoxedRef,
    core::{CV_8UC3, Mat, Rect, Size, Vec3b},
    imgproc::{INTER_LINEAR, gaussian_blur_def, resize},
    prelude::*,
};

use super::model::Preprocessing;
use becamera_counting::regions::View;

/// From this much noise on, in grey levels, a picture is smoothed: the network was trained on clear
/// ones, and takes noise for texture.
const NOISY: f32 = 3.0;
/// Standard deviation, in pixels, and size of what it is smoothed with.
const SMOOTHING: f64 = 1.0;
const SMOOTHING_SIZE: i32 = 5;
/// Noise is measured at one of so many pixels of a row, and in one of so many rows.
const NOISE_STEP: usize = 5;

/// Brings pictures to the network's size and writes them straight into its input. Keeps the memory
/// that it needs from one picture to the next.
pub struct Preprocessor {
    /// How the network wants its pixels.
    pub preprocessing: Preprocessing,
    resized: Mat,
    smoothed: Mat,
}

impl Preprocessor {
    /// For a network that wants its pixels so.
    pub fn new(preprocessing: Preprocessing) -> Self {
        Self { preprocessing, resized: Mat::default(), smoothed: Mat::default() }
    }

    /// Writes what a view shows of an 8-bit BGR frame into `planes`: three planes of the view's
    /// input size.
    pub fn run(
        &mut self,
        frame: &Mat,
        view: &View,
        planes: &mut Vec<f32>,
    ) -> Result<(), opencv::Error> {
        let preprocessing = self.preprocessing;
        planes.resize(3 * view.pixels() as usize, 0.0);
        fill(self.picture(frame, view)?.data_typed()?, preprocessing, planes);
        Ok(())
    }

    /// What a view shows of an 8-bit BGR frame, at the view's input size and without much noise.
    pub fn picture(&mut self, frame: &Mat, view: &View) -> Result<&Mat, opencv::Error> {
        let part = cut(frame, view)?;
        // The network's size is bounded: no side overflows.
        let size = Size::new(view.input_width as i32, view.input_height as i32);
        resize(&part, &mut self.resized, size, 0.0, 0.0, INTER_LINEAR)?;
        if noise(&self.resized)? < NOISY {
            return Ok(&self.resized);
        }
        let size = Size::new(SMOOTHING_SIZE, SMOOTHING_SIZE);
        gaussian_blur_def(&self.resized, &mut self.smoothed, size, SMOOTHING)?;
        Ok(&self.smoothed)
    }
}

/// Standard deviation of the noise of an 8-bit BGR picture, in grey levels of its green channel.
///
/// After Immerkær, "Fast Noise Variance Estimation" (1996): the difference of two Laplacians, which
/// edges hardly reach. Of its values the median is taken instead of the mean, so that what is
/// drawn in fine lines is no noise.
fn noise(picture: &Mat) -> Result<f32, opencv::Error> {
    let (rows, columns) = (picture.rows(), picture.cols().max(0) as usize);
    // The mask's weights come to 16 at most, times 255.
    let mut histogram = [0u32; 2048];
    for y in (1..rows - 1).step_by(NOISE_STEP) {
        let [above, here, below]: [&[Vec3b]; 3] =
            [picture.at_row(y - 1)?, picture.at_row(y)?, picture.at_row(y + 1)?];
        for x in (1..columns.saturating_sub(1)).step_by(NOISE_STEP) {
            let bend = |row: &[Vec3b]| {
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
    // The mask makes noise six times as strong, and two thirds of a normal distribution's standard
    // deviation are the median of its absolute values.
    Ok(median.unwrap_or(0) as f32 / (6.0 * 0.6745))
}

/// The part of an 8-bit BGR frame that a view shows, without a copy.
fn cut<'a>(frame: &'a Mat, view: &View) -> Result<BoxedRef<'a, Mat>, opencv::Error> {
    if frame.typ() != CV_8UC3 || frame.empty() {
        let reason = "the picture is empty or not 8-bit BGR";
        return Err(opencv::Error::new(opencv::core::StsBadArg, reason));
    }
    let [left, top, width, height] = [view.left, view.top, view.width, view.height]
        .map(|n| i32::try_from(n).unwrap_or(i32::MAX));
    Mat::roi(frame, Rect::new(left, top, width, height))
}

/// Splits pixels into planes, in the order that the network wants.
fn fill(pixels: &[Vec3b], preprocessing: Preprocessing, planes: &mut [f32]) {
    let Preprocessing { mean, scale, rgb } = preprocessing;
    let (mean, scale) = (mean as f32, scale as f32);
    let (first, rest) = planes.split_at_mut(pixels.len().min(planes.len()));
    let (second, third) = rest.split_at_mut(pixels.len().min(rest.len()));
    let [blue, green, red] = if rgb { [third, second, first] } else { [first, second, third] };
    for (((pixel, blue), green), red) in pixels.iter().zip(blue).zip(green).zip(red) {
        *blue = (f32::from(pixel[0]) - mean) * scale;
        *green = (f32::from(pixel[1]) - mean) * scale;
        *red = (f32::from(pixel[2]) - mean) * scale;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use opencv::{
        core::{CV_32F, Scalar},
        dnn,
    };

    use super::*;
    use crate::vision::detector::model::Format;

    /// A slope in each channel, with numbers added that look random, up to `most`, and are the
    /// same every time.
    fn noisy(width: i32, height: i32, most: u32) -> Mat {
        let mut picture =
            Mat::new_rows_cols_with_default(height, width, CV_8UC3, Scalar::default()).unwrap();
        let mut state = 12345u32;
        for (n, byte) in picture.data_bytes_mut().unwrap().iter_mut().enumerate() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (x, y) = (n as i32 / 3 % width, n as i32 / 3 / width);
            let slope = 150 * x / width * (n as i32 % 3) / 2 + 50 * y / height;
            *byte = (slope as u32 + (state >> 24) * most / 256) as u8;
        }
        picture
    }

    fn picture(width: i32, height: i32) -> Mat {
        noisy(width, height, 5)
    }

    #[test]
    fn noise_is_measured_and_smoothed() {
        for (most, deviation) in [(5, 1.5), (40, 11.5)] {
            // Of numbers evenly spread over a span, a span's share of sqrt(1/12).
            let measured = noise(&noisy(320, 256, most)).unwrap();
            assert!((measured - deviation).abs() < 0.15 * deviation, "{most}: {measured}");
        }
        let view = View::whole((320, 256), (320, 256));
        let mut preprocessor = Preprocessor::new(Format::Onnx.preprocessing());
        let mut left = |most| {
            let noisy = noisy(320, 256, most);
            let smoothed = preprocessor.picture(&noisy, &view).unwrap();
            noise(smoothed).unwrap() / noise(&noisy).unwrap()
        };
        assert_eq!(left(5), 1.0, "a clear picture stays as it is");
        assert!(left(40) < 0.2, "{}", left(40));
    }

    #[test]
    fn what_is_drawn_in_fine_lines_is_no_noise() {
        let mut picture = picture(320, 256);
        for x in (0..320).step_by(16) {
            let line = Rect::new(x, 0, 1, 256);
            let white = Scalar::all(255.0);
            opencv::imgproc::rectangle_def(&mut picture, line, white).unwrap();
        }
        assert!(noise(&picture).unwrap() < NOISY);
        for (width, height) in [(1, 1), (2, 9), (3, 3)] {
            assert!(noise(&noisy(width, height, 5)).unwrap().is_finite());
        }
    }

    #[test]
    fn it_is_what_opencv_makes_of_a_picture() {
        for format in [Format::Onnx, Format::Caffe, Format::TensorFlow] {
            let preprocessing = format.preprocessing();
            let mut preprocessor = Preprocessor::new(preprocessing);
            let mut planes = vec![9.0; 5];
            // The same one again and again, whatever its size was before.
            for ((width, height), input) in
                [((768, 576), (300, 300)), ((300, 300), (320, 192)), ((64, 48), (64, 48))]
            {
                let picture = picture(width, height);
                let view = View::whole((width as u32, height as u32), input);
                preprocessor.run(&picture, &view, &mut planes).unwrap();
                let Preprocessing { mean, scale, rgb } = preprocessing;
                let size = Size::new(input.0 as i32, input.1 as i32);
                let mean = Scalar::all(mean);
                let blob = dnn::blob_from_image(&picture, scale, size, mean, rgb, false, CV_32F);
                let blob = blob.unwrap();
                let expected: &[f32] = blob.data_typed().unwrap();
                let difference = planes.iter().zip(expected).map(|(a, b)| (a - b).abs());
                assert_eq!(planes.len(), expected.len());
                assert!(difference.fold(0.0, f32::max) < 1e-4, "{format:?} {width}x{height}");
            }
        }
    }

    #[test]
    fn a_part_is_what_was_cut_out() {
        let picture = picture(100, 80);
        let view =
            View { left: 10, top: 20, width: 50, height: 40, input_width: 50, input_height: 40 };
        let (mut planes, mut expected) = (Vec::new(), Vec::new());
        let mut preprocessor = Preprocessor::new(Format::Onnx.preprocessing());
        preprocessor.run(&picture, &view, &mut planes).unwrap();
        let part = cut(&picture, &view).unwrap().try_clone().unwrap();
        preprocessor.run(&part, &View::whole((50, 40), (50, 40)), &mut expected).unwrap();
        assert_eq!(planes, expected);
    }

    #[test]
    fn what_is_no_picture_or_not_in_it_is_an_error() {
        let mut preprocessor = Preprocessor::new(Format::Onnx.preprocessing());
        let mut run = |picture: &Mat| {
            preprocessor.run(picture, &View::whole((9, 9), (32, 32)), &mut Vec::new())
        };
        assert!(run(&Mat::default()).is_err());
        let grey = Mat::new_rows_cols_with_default(9, 9, opencv::core::CV_8UC1, Scalar::all(1.0));
        assert!(run(&grey.unwrap()).is_err());
        assert!(run(&picture(8, 9)).is_err());
    }
}
