//! From a picture to the planes of numbers that a network takes.

use opencv::{
    core::{CV_8UC3, Mat, Size, Vec3b},
    imgproc::{INTER_LINEAR, resize},
    prelude::*,
};

use super::model::Preprocessing;

/// Squeezes pictures into a square and writes it straight into the network's input. Keeps the
/// memory that it needs from one picture to the next.
pub struct Preprocessor {
    side: usize,
    preprocessing: Preprocessing,
    resized: Mat,
}

impl Preprocessor {
    /// For a network whose input is a square of `side` pixels.
    pub fn new(side: u32, preprocessing: Preprocessing) -> Self {
        Self { side: side as usize, preprocessing, resized: Mat::default() }
    }

    /// How many numbers the network's input has: three planes of `side` × `side`.
    pub fn numbers(&self) -> usize {
        3 * self.side * self.side
    }

    /// Writes an 8-bit BGR picture of any size into `planes`, which has [`Self::numbers`] numbers.
    pub fn run(&mut self, picture: &Mat, planes: &mut [f32]) -> Result<(), opencv::Error> {
        if picture.typ() != CV_8UC3 || picture.empty() {
            let reason = "the picture is empty or not 8-bit BGR";
            return Err(opencv::Error::new(opencv::core::StsBadArg, reason));
        }
        // At most 2048 pixels (see `TRAINED_SIZE`): no side overflows.
        let side = self.side as i32;
        let pixels: &[Vec3b] = if picture.cols() == side && picture.rows() == side {
            picture.data_typed()?
        } else {
            let size = Size::new(side, side);
            resize(picture, &mut self.resized, size, 0.0, 0.0, INTER_LINEAR)?;
            self.resized.data_typed()?
        };
        fill(pixels, self.preprocessing, planes);
        Ok(())
    }
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
            let mut preprocessor = Preprocessor::new(300, preprocessing);
            let mut planes = vec![9.0; preprocessor.numbers()];
            // The same one again and again, whatever its size was before.
            for (width, height) in [(768, 576), (300, 300), (64, 48)] {
                let picture = picture(width, height);
                preprocessor.run(&picture, &mut planes).unwrap();
                let Preprocessing { mean, scale, rgb } = preprocessing;
                let (size, mean) = (Size::new(300, 300), Scalar::all(mean));
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
    fn what_is_no_picture_is_an_error() {
        let mut preprocessor = Preprocessor::new(300, Format::Onnx.preprocessing());
        let mut planes = vec![0.0; preprocessor.numbers()];
        assert!(preprocessor.run(&Mat::default(), &mut planes).is_err());
        let grey = Mat::new_rows_cols_with_default(9, 9, opencv::core::CV_8UC1, Scalar::all(1.0));
        assert!(preprocessor.run(&grey.unwrap(), &mut planes).is_err());
    }
}
