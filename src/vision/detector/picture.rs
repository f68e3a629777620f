//! What a view shows of a frame, as the network is to see it: at the view's input size, and smoothed
//! where it is noisy.

use becamera_counting::{detection::noise, regions::View};
use opencv::{
    boxed_ref::BoxedRef,
    core::{CV_8UC3, Mat, Rect, Size},
    imgproc::{INTER_LINEAR, gaussian_blur_def, resize},
    prelude::*,
};

use crate::vision::frame::bgr_image;

/// From this much noise on, in grey levels, a picture is smoothed: networks are trained on clear
/// ones, and take noise for texture.
const NOISY: f32 = 3.0;
/// Standard deviation of the smoothing, in pixels, and the size of its window.
const SMOOTHING: f64 = 1.0;
const SMOOTHING_SIZE: i32 = 5;

/// Cuts views out of frames. Keeps the memory that it needs from one picture to the next.
#[derive(Default)]
pub struct ViewCutter {
    resized: Mat,
    smoothed: Mat,
}

impl ViewCutter {
    /// What a view shows of an 8-bit BGR frame, at the view's input size and without much noise.
    ///
    /// # Errors
    /// When the frame is empty or not 8-bit BGR, or the view is not inside of it.
    pub fn cut(&mut self, frame: &Mat, view: &View) -> opencv::Result<&Mat> {
        let part = part(frame, view)?;
        // The network's size is bounded: no side overflows.
        let size = Size::new(view.input.width as i32, view.input.height as i32);
        resize(&part, &mut self.resized, size, 0.0, 0.0, INTER_LINEAR)?;
        if noise(bgr_image(&self.resized)?) < NOISY {
            return Ok(&self.resized);
        }
        let size = Size::new(SMOOTHING_SIZE, SMOOTHING_SIZE);
        gaussian_blur_def(&self.resized, &mut self.smoothed, size, SMOOTHING)?;
        Ok(&self.smoothed)
    }
}

/// The part of an 8-bit BGR frame that a view shows, without a copy.
fn part<'a>(frame: &'a Mat, view: &View) -> opencv::Result<BoxedRef<'a, Mat>> {
    if frame.typ() != CV_8UC3 || frame.empty() {
        let reason = "the picture is empty or not 8-bit BGR";
        return Err(opencv::Error::new(opencv::core::StsBadArg, reason));
    }
    let [left, top, width, height] = [view.left, view.top, view.width, view.height]
        .map(|n| i32::try_from(n).unwrap_or(i32::MAX));
    Mat::roi(frame, Rect::new(left, top, width, height))
}

#[cfg(test)]
pub(super) mod tests {
    use becamera_domain::FrameSize;
    use opencv::core::Scalar;

    use super::*;

    /// A slope in each channel, with pseudo-random numbers up to `most` added, the same every time.
    pub fn noisy(width: i32, height: i32, most: u32) -> Mat {
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

    pub fn picture(width: i32, height: i32) -> Mat {
        noisy(width, height, 5)
    }

    fn measured(picture: &Mat) -> f32 {
        noise(bgr_image(picture).unwrap())
    }

    #[test]
    fn noise_is_measured_and_smoothed() {
        for (most, deviation) in [(5, 1.5), (40, 11.5)] {
            // Of numbers evenly spread over a span, a span's share of sqrt(1/12).
            let measured = measured(&noisy(320, 256, most));
            assert!((measured - deviation).abs() < 0.15 * deviation, "{most}: {measured}");
        }
        let size = FrameSize::new(320, 256);
        let view = View::whole(size, size);
        let mut cutter = ViewCutter::default();
        let mut left = |most| {
            let noisy = noisy(320, 256, most);
            let smoothed = cutter.cut(&noisy, &view).unwrap();
            measured(smoothed) / measured(&noisy)
        };
        assert_eq!(left(5), 1.0, "a clear picture stays as it is");
        assert!(left(40) < 0.2, "{}", left(40));
    }

    #[test]
    fn fine_lines_are_no_noise() {
        let mut picture = picture(320, 256);
        for x in (0..320).step_by(16) {
            let line = Rect::new(x, 0, 1, 256);
            let white = Scalar::all(255.0);
            opencv::imgproc::rectangle_def(&mut picture, line, white).unwrap();
        }
        assert!(measured(&picture) < NOISY);
        for (width, height) in [(1, 1), (2, 9), (3, 3)] {
            assert!(measured(&noisy(width, height, 5)).is_finite());
        }
    }

    #[test]
    fn a_part_is_what_was_cut_out() {
        let picture = picture(100, 80);
        let size = FrameSize::new(50, 40);
        let view = View { left: 10, top: 20, width: 50, height: 40, input: size };
        let bytes = |picture: &Mat| picture.data_bytes().unwrap().to_vec();
        let mut cutter = ViewCutter::default();
        let found = bytes(cutter.cut(&picture, &view).unwrap());
        let part = part(&picture, &view).unwrap().try_clone().unwrap();
        let expected = bytes(cutter.cut(&part, &View::whole(size, size)).unwrap());
        assert_eq!(found, expected);
    }

    #[test]
    fn no_picture_or_a_view_outside_of_it_is_an_error() {
        let mut cutter = ViewCutter::default();
        let view = View::whole(FrameSize::new(9, 9), FrameSize::new(32, 32));
        let mut run = |picture: &Mat| cutter.cut(picture, &view).map(|_| ());
        assert!(run(&Mat::default()).is_err());
        let grey = Mat::new_rows_cols_with_default(9, 9, opencv::core::CV_8UC1, Scalar::all(1.0));
        assert!(run(&grey.unwrap()).is_err());
        assert!(run(&picture(8, 9)).is_err());
    }
}
