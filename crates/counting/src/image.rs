//! A picture's pixels as this crate reads them, whatever library they come from.

use crate::geometry::BoundingBox;

/// Why bytes are no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// There are fewer bytes than the size needs.
    #[error("{bytes} bytes are too few for {height} rows of {stride} bytes")]
    TooShort {
        /// Bytes given.
        bytes: usize,
        /// Rows of the picture.
        height: usize,
        /// Bytes from the start of one row to the next.
        stride: usize,
    },
    /// The rows overlap.
    #[error("rows of {width} pixels do not fit into {stride} bytes")]
    RowsOverlap {
        /// Pixels of a row.
        width: usize,
        /// Bytes from the start of one row to the next.
        stride: usize,
    },
}

/// A borrowed picture: 8-bit blue, green and red, row by row.
///
/// ```
/// use becamera_counting::image::BgrImage;
///
/// let pixels = [0, 0, 255, 255, 0, 0]; // red, blue
/// let image = BgrImage::new(&pixels, 2, 1, 6)?;
/// assert_eq!(image.row(0)[0], [0, 0, 255]);
/// # Ok::<(), becamera_counting::image::ImageError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct BgrImage<'a> {
    bytes: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
}

impl<'a> BgrImage<'a> {
    /// A picture of `height` rows of `width` pixels; rows start `stride` bytes apart.
    ///
    /// # Errors
    /// When there are too few bytes or the rows overlap.
    pub fn new(
        bytes: &'a [u8],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, ImageError> {
        let row = width * 3;
        if row > stride {
            return Err(ImageError::RowsOverlap { width, stride });
        }
        let least = height.checked_sub(1).map_or(0, |last| last * stride + row);
        if bytes.len() < least {
            return Err(ImageError::TooShort { bytes: bytes.len(), height, stride });
        }
        Ok(Self { bytes, width, height, stride })
    }

    /// Pixels of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels of a row below [`height`](Self::height); panics beyond.
    pub fn row(&self, y: usize) -> &'a [[u8; 3]] {
        assert!(y < self.height, "row {y} of {}", self.height);
        let start = y * self.stride;
        self.bytes[start..start + self.width * 3].as_chunks().0
    }
}

/// An owned picture, for tests and examples.
#[derive(Debug, Clone)]
pub struct BgrBuffer {
    bytes: Vec<u8>,
    width: usize,
}

impl BgrBuffer {
    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self { bytes: colour.repeat(width * height), width }
    }

    /// Fills a rectangle, as far as it is inside the picture.
    pub fn fill(&mut self, bbox: &BoundingBox, colour: [u8; 3]) {
        let width = self.width;
        for (place, pixel) in self.bytes.as_chunks_mut().0.iter_mut().enumerate() {
            let (x, y) = ((place % width) as f32, (place / width) as f32);
            let inside =
                (bbox.left..bbox.right()).contains(&x) && (bbox.top..bbox.bottom()).contains(&y);
            if inside {
                *pixel = colour;
            }
        }
    }

    /// A view of the pixels.
    pub fn image(&self) -> BgrImage<'_> {
        let height = (self.bytes.len() / 3).checked_div(self.width).unwrap_or(0);
        BgrImage { bytes: &self.bytes, width: self.width, height, stride: self.width * 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_their_stride() {
        let bytes: Vec<u8> = (0..20).collect();
        let image = BgrImage::new(&bytes, 2, 2, 10).unwrap();
        assert_eq!(image.row(1), [[10, 11, 12], [13, 14, 15]]);
        assert_eq!(
            BgrImage::new(&bytes, 4, 1, 10).unwrap_err(),
            ImageError::RowsOverlap { width: 4, stride: 10 }
        );
        assert!(BgrImage::new(&bytes, 2, 3, 10).is_err());
        assert_eq!(BgrImage::new(&[], 0, 0, 0).unwrap().height(), 0);
    }
}
