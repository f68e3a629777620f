//! From pixels to the planes of numbers that the network takes.

use opencv::core::Vec3b;

use crate::vision::detector::runtime::ModelFormat;

/// How pixels become the network's input: `(pixel - mean) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Subtracted from each channel.
    pub mean: f32,
    /// Multiplied afterwards.
    pub scale: f32,
    /// Red first; otherwise blue first.
    pub rgb: bool,
}

/// Pixels from -1 to 1.
const CENTRED: Normalisation = Normalisation { mean: 127.5, scale: 1.0 / 127.5, rgb: true };

impl Normalisation {
    /// What networks in files of this format expect as published: Caffe's MobileNet-SSD blue first
    /// and centred, TensorFlow's frozen detection graphs plain RGB, ONNX as the embedded one.
    pub fn of(format: ModelFormat) -> Self {
        match format {
            ModelFormat::Onnx => CENTRED,
            ModelFormat::Caffe => Self { rgb: false, ..CENTRED },
            ModelFormat::TensorFlow => Self { mean: 0.0, scale: 1.0, rgb: true },
        }
    }

    /// Writes the pixels of a BGR picture into three planes, one after the other.
    pub fn write(self, pixels: &[Vec3b], planes: &mut Vec<f32>) {
        planes.resize(3 * pixels.len(), 0.0);
        let Self { mean, scale, rgb } = self;
        let (first, rest) = planes.split_at_mut(pixels.len());
        let (second, third) = rest.split_at_mut(pixels.len());
        let [blue, green, red] = if rgb { [third, second, first] } else { [first, second, third] };
        for (((pixel, blue), green), red) in pixels.iter().zip(blue).zip(green).zip(red) {
            *blue = (f32::from(pixel[0]) - mean) * scale;
            *green = (f32::from(pixel[1]) - mean) * scale;
            *red = (f32::from(pixel[2]) - mean) * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use becamera_counting::regions::View;
    use becamera_domain::FrameSize;
    use opencv::{
        core::{CV_32F, Scalar, Size},
        dnn,
        prelude::*,
    };

    use super::*;
    use crate::vision::detector::picture::{ViewCutter, tests::picture};

    #[test]
    fn it_is_what_opencv_makes_of_a_picture() {
        for format in [ModelFormat::Onnx, ModelFormat::Caffe, ModelFormat::TensorFlow] {
            let normalisation = Normalisation::of(format);
            let mut cutter = ViewCutter::default();
            let mut planes = vec![9.0; 5];
            // The same one again and again, whatever its size was before.
            for ((width, height), input) in
                [((768, 576), (300, 300)), ((300, 300), (320, 192)), ((64, 48), (64, 48))]
            {
                let picture = picture(width, height);
                let input_size = FrameSize::new(input.0, input.1);
                let view = View::whole(FrameSize::new(width as u32, height as u32), input_size);
                let pixels = cutter.cut(&picture, &view).unwrap().data_typed().unwrap();
                normalisation.write(pixels, &mut planes);
                let Normalisation { mean, scale, rgb } = normalisation;
                let size = Size::new(input.0 as i32, input.1 as i32);
                let (mean, scale) = (Scalar::all(mean.into()), scale.into());
                let blob = dnn::blob_from_image(&picture, scale, size, mean, rgb, false, CV_32F);
                let blob = blob.unwrap();
                let expected: &[f32] = blob.data_typed().unwrap();
                let difference = planes.iter().zip(expected).map(|(a, b)| (a - b).abs());
                assert_eq!(planes.len(), expected.len());
                assert!(difference.fold(0.0, f32::max) < 1e-4, "{format:?} {width}x{height}");
            }
        }
    }
}
