//! How a stream's pictures are to be shown: turned as its display matrix says, with square pixels.
//!
//! OpenCV 4.6.0 turns the wrong way by itself (opencv#22088), and no version looks at the sample aspect
//! ratio. People who lie on their side, or who are half as wide as they are, are not found.

use opencv::{
    core::{
        Mat, ROTATE_90_CLOCKWISE, ROTATE_90_COUNTERCLOCKWISE, ROTATE_180, Size, get_version_major,
        get_version_minor, get_version_revision, rotate,
    },
    imgproc::{INTER_LINEAR, resize},
    prelude::*,
    videoio::{
        CAP_PROP_ORIENTATION_AUTO, CAP_PROP_ORIENTATION_META, CAP_PROP_SAR_DEN, CAP_PROP_SAR_NUM,
        VideoCapture,
    },
};

/// Sample aspect ratios beyond this, either way, are taken for mistakes.
const MOST_STRETCH: f64 = 4.0;

/// What has to be done to a decoded picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Display {
    turn: Turn,
    /// Width of a pixel over its height.
    pixel_aspect: f64,
}

/// A turn by quarters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    None,
    CounterClockwise,
    Half,
    Clockwise,
}

impl Turn {
    /// From counterclockwise degrees; what is no quarter is no turn.
    fn of(degrees: f64) -> Self {
        match (degrees / 90.0).round().rem_euclid(4.0) as u8 {
            1 => Self::CounterClockwise,
            2 => Self::Half,
            3 => Self::Clockwise,
            _ => Self::None,
        }
    }
}

impl Display {
    /// What an opened video says of itself. Where OpenCV turns the wrong way it is kept from turning.
    pub fn of(video: &mut VideoCapture) -> opencv::Result<Self> {
        let version = (get_version_major(), get_version_minor(), get_version_revision());
        let turn = if version == (4, 6, 0) {
            video.set(CAP_PROP_ORIENTATION_AUTO, 0.0)?;
            Turn::of(video.get(CAP_PROP_ORIENTATION_META)?)
        } else {
            Turn::None
        };
        let (width, height) = (video.get(CAP_PROP_SAR_NUM)?, video.get(CAP_PROP_SAR_DEN)?);
        Ok(Self { turn, pixel_aspect: pixel_aspect(width, height) })
    }

    /// Whether pictures can stay as they are.
    pub fn is_plain(&self) -> bool {
        self.turn == Turn::None && self.pixel_aspect == 1.0
    }

    /// Turns and stretches a picture. Nothing is made smaller, so that no detail is lost.
    pub fn apply(&self, decoded: &Mat, shown: &mut Mat) -> opencv::Result<()> {
        let (width, height) = stretched(decoded.cols(), decoded.rows(), self.pixel_aspect);
        let stretch =
            |to: &mut Mat| resize(decoded, to, Size::new(width, height), 0.0, 0.0, INTER_LINEAR);
        let turn = match self.turn {
            Turn::None => return stretch(shown),
            Turn::CounterClockwise => ROTATE_90_COUNTERCLOCKWISE,
            Turn::Half => ROTATE_180,
            Turn::Clockwise => ROTATE_90_CLOCKWISE,
        };
        if self.pixel_aspect == 1.0 {
            return rotate(decoded, shown, turn);
        }
        let mut square = Mat::default();
        stretch(&mut square)?;
        rotate(&square, shown, turn)
    }
}

/// The aspect of a pixel; 1 where it is unknown or can't be believed.
fn pixel_aspect(width: f64, height: f64) -> f64 {
    let aspect = width / height;
    if (1.0 / MOST_STRETCH..=MOST_STRETCH).contains(&aspect) { aspect } else { 1.0 }
}

/// The size with square pixels: wider, or else higher.
fn stretched(width: i32, height: i32, pixel_aspect: f64) -> (i32, i32) {
    let grown = |length: i32, by: f64| (f64::from(length) * by).round() as i32;
    if pixel_aspect >= 1.0 {
        (grown(width, pixel_aspect), height)
    } else {
        (width, grown(height, 1.0 / pixel_aspect))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_square_without_losing_any() {
        assert_eq!(stretched(384, 576, pixel_aspect(2.0, 1.0)), (768, 576));
        assert_eq!(stretched(720, 576, pixel_aspect(16.0, 15.0)), (768, 576));
        assert_eq!(stretched(768, 288, pixel_aspect(1.0, 2.0)), (768, 576));
        for (width, height) in [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1000.0, 1.0), (-2.0, 1.0)] {
            assert_eq!(pixel_aspect(width, height), 1.0, "{width}:{height}");
        }
    }

    #[test]
    fn turns_are_quarters() {
        let turns = [0.0, 90.0, 180.0, 270.0, -90.0, 360.0, 12.0].map(Turn::of);
        let (ccw, cw) = (Turn::CounterClockwise, Turn::Clockwise);
        assert_eq!(turns, [Turn::None, ccw, Turn::Half, cw, cw, Turn::None, Turn::None]);
    }

    #[test]
    fn a_picture_is_turned_after_it_was_stretched() {
        let mut decoded =
            Mat::new_rows_cols_with_default(2, 3, opencv::core::CV_8UC1, 0.0.into()).unwrap();
        *decoded.at_2d_mut::<u8>(0, 0).unwrap() = 9;
        let mut shown = Mat::default();
        let turned = Display { turn: Turn::CounterClockwise, pixel_aspect: 1.0 };
        turned.apply(&decoded, &mut shown).unwrap();
        assert_eq!((shown.cols(), shown.rows()), (2, 3));
        assert_eq!(*shown.at_2d::<u8>(2, 0).unwrap(), 9, "the top left is at the bottom left");
        let wide = Display { pixel_aspect: 2.0, ..turned };
        wide.apply(&decoded, &mut shown).unwrap();
        assert_eq!((shown.cols(), shown.rows()), (2, 6));
        assert!(!wide.is_plain() && !turned.is_plain());
    }
}
