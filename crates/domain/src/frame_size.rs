//! The size of a picture.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The size of a picture or of a network's input, in pixels.
///
/// ```
/// let size = becamera_domain::FrameSize::new(1920, 1080);
/// assert_eq!((size.to_string().as_str(), size.pixels()), ("1920x1080", 2_073_600));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FrameSize {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl FrameSize {
    /// The size of a picture with this number of columns and rows.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// The number of pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl fmt::Display for FrameSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}
