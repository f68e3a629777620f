//! From a picture to the planes of numbers that a network takes.

use opencv::{
    boxed_ref::BoxedRef,
    core::{CV_8UC3, Mat, Rect, Size, Vec3b},
    imgproc::{INTER_LINEAR, resize},
    prelude::*,
};

use super::model::Preprocessing;
use crate::vision::regions::View;

/// Brings pictures to the network's size and writes them straight into its input. Keeps the memory
/// that it needs from one picture to the next.
pub struct Preprocessor {
    preprocessing: Preprocessing,
    resized: Mat,
}

impl Preprocessor {
    /// For a network that wants its pixels so.
    pub fn new(preprocessing: Preprocessing) -> Self {
        Self { preprocessing, resized: Mat::default() }
    }

    /// Writes what a view shows of an 8-bit BGR frame into `planes`: three planes of the view's
    /// input size.
    pub fn run(
        &mut self,
        frame: &Mat,
        view: &View,
        planes: &mut Vec<f32>,
    ) -> Result<(), opencv::Error> {
        let part = cut(frame, view)?;
        let (width, height) = (view.input_width, view.input_height);
        // The network's size is bounded: no side overflows.
        let size = Size::new(width as i32, height as i32);
        resize(&part, &mut self.resized, size, 0.0, 0.0, INTER_LINEAR)?;
        planes.resize(3 * width as usize * height as usize, 0.0);
        fill(self.resized.data_typed()?, self.preprocessing, planes);
        Ok(())
    }
}

/// The part of an 8-bit BGR frame that a view shows, without a copy.
pub fn cut<'a>(frame: &'a Mat, view: &View) -> Result<BoxedRef<'a, Mat>, opencv::Error> {
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

    /// Numbers that look random and are the same every time.
    fn picture(width: i32, height: i32) -> Mat {
        let mut picture =
            Mat::new_rows_cols_with_default(height, width, CV_8UC3, Scalar::default()).unwrap();
        let mut state = 12345u32;
        for byte in picture.data_bytes_mut().unwrap() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        picture
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
