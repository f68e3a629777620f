//! Where something moves in a stream's frames, which are compared as small grey pictures.

use becamera_counting::motion::{Background, HEIGHT, Motion, WIDTH};
use opencv::{
    core::{Mat, Size},
    imgproc,
    prelude::*,
};

/// Compares each frame with the scene's background.
#[derive(Default)]
pub struct MotionDetector {
    small: Mat,
    grey: Mat,
    halved: Mat,
    background: Background,
}

impl MotionDetector {
    /// Takes the next 8-bit BGR frame of a scene; all must have the same proportions. The first
    /// becomes the background: nothing moves in it.
    ///
    /// # Errors
    /// When OpenCV can't resize the frame.
    pub fn next(&mut self, frame: &Mat) -> opencv::Result<Motion> {
        let doubled = Size::new(2 * WIDTH as i32, 2 * HEIGHT as i32);
        // Nearest first: averaging a whole 1080p frame would cost more than all the rest.
        imgproc::resize(frame, &mut self.small, doubled, 0.0, 0.0, imgproc::INTER_NEAREST)?;
        imgproc::cvt_color_def(&self.small, &mut self.grey, imgproc::COLOR_BGR2GRAY)?;
        let single = Size::new(WIDTH as i32, HEIGHT as i32);
        imgproc::resize(&self.grey, &mut self.halved, single, 0.0, 0.0, imgproc::INTER_AREA)?;
        Ok(self.background.next(self.halved.data_bytes()?))
    }
}

#[cfg(test)]
mod tests {
    use becamera_counting::geometry::BoundingBox;
    use becamera_domain::FrameSize;
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
        for (y, row) in motion.blocks().iter().enumerate() {
            for (x, moves) in row.iter().enumerate() {
                let beside = !(12..=13).contains(&x) || !(6..=8).contains(&y);
                assert!(!(*moves && beside), "block {x}, {y}");
            }
        }
        let boxes = motion.boxes(FrameSize::new(768, 576));
        assert_eq!(boxes, [BoundingBox { left: 384.0, top: 192.0, width: 64.0, height: 96.0 }]);
        assert!(!detector.next(&scene(120.0)).unwrap().any(), "gone again");
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
    fn a_person_who_stands_still_becomes_background_in_the_end() {
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
