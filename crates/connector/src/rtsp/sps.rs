//! Sequence parameter sets: what a picture's size and rate are before there is one.

use h264_reader::{
    nal::sps::SeqParameterSet,
    rbsp::{BitRead, BitReader, decode_nal},
};

/// What is read of a parameter set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second, where it says so.
    pub fps: Option<f32>,
}

/// Of an H.264 parameter set.
pub(super) fn h264(nal: &[u8]) -> Option<Shape> {
    if nal.first()? & 31 != 7 {
        return None;
    }
    let bytes = decode_nal(nal).ok()?;
    let sps = SeqParameterSet::from_bits(BitReader::new(&*bytes)).ok()?;
    let (width, height) = sps.pixel_dimensions().ok()?;
    Some(Shape { width, height, fps: sps.fps().map(|fps| fps as f32) })
}

/// Of an H.265 parameter set.
pub(super) fn h265(nal: &[u8]) -> Option<Shape> {
    if nal.first()? >> 1 & 63 != 33 {
        return None;
    }
    let bytes = without_emulation(nal.get(2..)?);
    let mut bits = BitReader::new(&*bytes);
    let mut skip = |count| bits.skip(count, "").ok();
    skip(4)?;
    let layers: u32 = bits.read(3, "").ok()?;
    // Nesting, then the general profile and level.
    bits.skip(1 + 88, "").ok()?;
    bits.skip(8, "").ok()?;
    let mut present = Vec::new();
    for _ in 0..layers {
        present.push((bits.read_bool("").ok()?, bits.read_bool("").ok()?));
    }
    if layers > 0 {
        bits.skip(2 * (8 - layers), "").ok()?;
    }
    for (profile, level) in present {
        if profile {
            bits.skip(88, "").ok()?;
        }
        if level {
            bits.skip(8, "").ok()?;
        }
    }
    let mut number = || bits.read_ue("").ok();
    number()?;
    let chroma = number()?;
    if chroma == 3 {
        bits.read_bool("").ok()?;
    }
    let mut number = || bits.read_ue("").ok();
    let (mut width, mut height) = (number()?, number()?);
    if bits.read_bool("").ok()? {
        let (x, y) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let mut number = || bits.read_ue("").ok();
        let (left, right, top, bottom) = (number()?, number()?, number()?, number()?);
        width = width.checked_sub(left.checked_add(right)?.checked_mul(x)?)?;
        height = height.checked_sub(top.checked_add(bottom)?.checked_mul(y)?)?;
    }
    Some(Shape { width, height, fps: None })
}

/// Removes the bytes that keep start codes from appearing in the payload.
fn without_emulation(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read() {
        // Made by x264 and x265 for these tests.
        let set = STANDARD.decode("Z0LAH9oDAEmhAAADAAEAAAMAFA8YMqA=").unwrap();
        let shape = h264(&set).unwrap();
        assert_eq!((shape.width, shape.height, shape.fps), (768, 576, Some(10.0)));
        let text = "QgEBAWAAAAMAkAAAAwAAAwBdoAfiAJByxGWVlSkwuaAgAAADACAAAAMBQQ==";
        let shape = h265(&STANDARD.decode(text).unwrap()).unwrap();
        assert_eq!((shape.width, shape.height), (1000, 562));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let of = |first: u8| [&[first, 1][..], &bytes].concat();
            h264(&of(0x67));
            h265(&of(0x42));
        }
    }
}
