//! JPEG pictures found by their markers in whatever stands between them: with and without boundaries,
//! part headers and lengths.

use bytes::{Buf, Bytes, BytesMut};

/// Longest picture in bytes; what is longer is passed over.
const MAX_PICTURE: usize = 32 * 1024 * 1024;

const START: [u8; 3] = [0xff, 0xd8, 0xff];

/// Puts pictures together from pieces of a stream.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    buffer: BytesMut,
    /// How far the picture at the buffer's front was looked at; 0: its start is not found yet.
    at: usize,
    /// In the compressed data, where markers are escaped.
    in_scan: bool,
}

impl Pictures {
    /// Adds a piece of the stream.
    pub fn add(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole picture.
    pub fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.at == 0 && !self.find_start() {
                return None;
            }
            match self.step() {
                Step::Go => {}
                Step::More if self.buffer.len() > MAX_PICTURE => self.drop_start(),
                Step::More => return None,
                Step::Whole => {
                    let picture = self.buffer.split_to(self.at).freeze();
                    (self.at, self.in_scan) = (0, false);
                    return Some(picture);
                }
                // Cut off: what comes is another picture, or none.
                Step::Lost => self.drop_start(),
            }
        }
    }

    /// Drops what stands before the next start of a picture.
    fn find_start(&mut self) -> bool {
        let found = self.buffer.windows(START.len()).position(|window| window == START);
        // Its first bytes may be the last that came.
        let keep = self.buffer.len().saturating_sub(START.len() - 1);
        self.buffer.advance(found.unwrap_or(keep));
        if found.is_some() {
            (self.at, self.in_scan) = (2, false);
        }
        found.is_some()
    }

    /// Gives up the picture at the front; one may begin where it went wrong.
    fn drop_start(&mut self) {
        self.buffer.advance(self.at.max(2).min(self.buffer.len()));
        (self.at, self.in_scan) = (0, false);
    }

    /// Looks at one marker, or at data up to one.
    fn step(&mut self) -> Step {
        if self.in_scan {
            let Some(offset) = self.buffer[self.at..].iter().position(|byte| *byte == 0xff) else {
                self.at = self.buffer.len();
                return Step::More;
            };
            self.at += offset;
        }
        let rest = &self.buffer[self.at..];
        let (Some(&first), Some(&marker)) = (rest.first(), rest.get(1)) else { return Step::More };
        if first != 0xff {
            return Step::Lost;
        }
        match marker {
            // A fill byte.
            0xff => self.at += 1,
            // Escaped data, or a restart.
            0x00 if self.in_scan => self.at += 2,
            0x01 | 0xd0..=0xd7 => self.at += 2,
            0xd9 => {
                self.at += 2;
                return Step::Whole;
            }
            0x00 | 0xd8 => return Step::Lost,
            _ => {
                let Some(length) = rest.get(2..4) else { return Step::More };
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                if length < 2 {
                    return Step::Lost;
                }
                if rest.len() < 2 + length {
                    return Step::More;
                }
                self.at += 2 + length;
                self.in_scan = marker == 0xda;
            }
        }
        Step::Go
    }
}

enum Step {
    Go,
    /// The rest has not come yet.
    More,
    Whole,
    Lost,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A picture with a thumbnail in it, escapes and a restart.
    fn picture(data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1, 0, 8, 0xff, 0xd8, 0xff, 0xd9, 1, 2];
        bytes.extend([0xff, 0xff, 0xda, 0, 4, 9, 9]);
        for byte in data {
            bytes.push(*byte);
            if *byte == 0xff {
                bytes.push(0);
            }
        }
        bytes.extend([0xff, 0xd3, 7, 0xff, 0xd9]);
        bytes
    }

    fn all(pieces: &[&[u8]]) -> Vec<Bytes> {
        let mut pictures = Pictures::default();
        let mut found = Vec::new();
        for piece in pieces {
            pictures.add(piece);
            while let Some(picture) = pictures.next() {
                found.push(picture);
            }
        }
        found
    }

    #[test]
    fn a_picture_that_is_cut_off_costs_no_other() {
        let good = picture(b"abc");
        let cut = &good[..good.len() - 2];
        let found = all(&[cut, b"\r\n--x\r\n\r\n", &good, b"--x", &good]);
        assert_eq!(found, [good.clone(), good]);
    }

    proptest! {
        #[test]
        fn pictures_are_found_whatever_is_between_and_however_it_comes(
            data in proptest::collection::vec(any::<u8>(), 0..200),
            between in "[ -~\r\n]{0,60}", size in 1usize..50,
        ) {
            let picture = picture(&data);
            let mut stream = Vec::new();
            for _ in 0..3 {
                stream.extend(between.as_bytes());
                stream.extend(&picture);
            }
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            prop_assert_eq!(all(&pieces), vec![Bytes::from(picture); 3]);
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(0xff), Just(0xd8), Just(0xd9)], 0..2000)
        ) {
            let length: usize = all(&[&bytes]).iter().map(Bytes::len).sum();
            prop_assert!(length <= bytes.len());
        }
    }
}
