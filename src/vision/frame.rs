//! Frames as OpenCV holds them.

use becamera_counting::image::BgrImage;
use becamera_domain::FrameSize;
use opencv::{
    core::{CV_8UC3, Mat, StsBadArg},
    prelude::*,
};

/// The size of a frame; without pixels it is 0 x 0.
pub fn frame_size(frame: &Mat) -> FrameSize {
    FrameSize::new(frame.cols().max(0).unsigned_abs(), frame.rows().max(0).unsigned_abs())
}

/// The pixels of a frame.
///
/// # Errors
/// When the frame is empty or not 8-bit BGR.
pub fn bgr_image(frame: &Mat) -> opencv::Result<BgrImage<'_>> {
    let refuse = |reason: &str| opencv::Error::new(StsBadArg, reason);
    let FrameSize { width, height } = frame_size(frame);
    if width == 0 || height == 0 {
        return Err(refuse("the picture is empty"));
    }
    if frame.typ() != CV_8UC3 {
        return Err(refuse("the picture is not 8-bit BGR"));
    }
    let (width, height) = (width as usize, height as usize);
    BgrImage::new(frame.data_bytes()?, width, height, width * 3)
        .map_err(|error| refuse(&error.to_string()))
}
