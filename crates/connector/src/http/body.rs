//! Where an answer's body ends.

use std::io;

use bytes::{Bytes, BytesMut};

use crate::wire::Wire;

/// Longest line before a chunk.
const MAX_LINE: usize = 1024;

/// A body, of which some is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// To the connection's end.
    Open,
    /// So many bytes.
    Sized(u64),
    /// Chunks, with so many bytes left of this one.
    Chunked(u64),
    Over,
}

impl Body {
    /// What has come of it; `None` at its end. May be cancelled without loss.
    pub async fn next(&mut self, wire: &mut Wire) -> io::Result<Option<Bytes>> {
        loop {
            if let Self::Chunked(0) = self {
                match take_chunk_head(&mut wire.buffer)? {
                    Some(0) => *self = Self::Over,
                    Some(length) => *self = Self::Chunked(length),
                    None if wire.fill().await? == 0 => return Ok(None),
                    None => {}
                }
                continue;
            }
            if matches!(self, Self::Over | Self::Sized(0)) {
                return Ok(None);
            }
            if wire.buffer.is_empty() {
                if wire.fill().await? == 0 {
                    return Ok(None);
                }
                continue;
            }
            let have = wire.buffer.len();
            let (Self::Sized(left) | Self::Chunked(left)) = self else {
                return Ok(Some(wire.buffer.split().freeze()));
            };
            let now = usize::try_from(*left).unwrap_or(usize::MAX).min(have);
            *left -= now as u64;
            return Ok(Some(wire.buffer.split_to(now).freeze()));
        }
    }
}

/// The length of the next chunk, once its line is there.
fn take_chunk_head(buffer: &mut BytesMut) -> io::Result<Option<u64>> {
    loop {
        let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
            return if buffer.len() > MAX_LINE {
                Err(io::ErrorKind::InvalidData.into())
            } else {
                Ok(None)
            };
        };
        let line = buffer.split_to(end + 1);
        let line = line.trim_ascii();
        // The line end of the chunk before.
        if line.is_empty() {
            continue;
        }
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let digits = std::str::from_utf8(digits).map_err(io::Error::other)?;
        return u64::from_str_radix(digits, 16).map(Some).map_err(io::Error::other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut body: Body, text: &'static str) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut there, here) = tokio::io::duplex(7);
            tokio::spawn(async move {
                tokio::io::AsyncWriteExt::write_all(&mut there, text.as_bytes()).await
            });
            let mut wire = Wire::new(here);
            let mut all = String::new();
            loop {
                match body.next(&mut wire).await {
                    Ok(Some(piece)) => all += std::str::from_utf8(&piece).unwrap(),
                    Ok(None) => return Some(all),
                    Err(_) => return None,
                }
            }
        })
    }

    #[test]
    fn bodies_end_where_they_say() {
        assert_eq!(read(Body::Sized(3), "abcdef").as_deref(), Some("abc"));
        assert_eq!(read(Body::Open, "abcdef").as_deref(), Some("abcdef"));
        let chunks = "3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\nmore";
        assert_eq!(read(Body::Chunked(0), chunks).as_deref(), Some("abc0123456789"));
        assert_eq!(read(Body::Chunked(0), "xyz\r\nabc"), None);
        assert_eq!(read(Body::Chunked(0), "3\r\nab").as_deref(), Some("ab"));
    }
}
