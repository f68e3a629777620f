//! Heads of RTSP and HTTP messages, as cameras write them: with bare line feeds, lines without a
//! colon, blanks before it, and text in any encoding.

use bytes::{Buf, BytesMut};

/// Longest head that is read, in bytes.
pub(crate) const MAX_HEAD: usize = 16 * 1024;

/// Most headers that are kept.
const MAX_HEADERS: usize = 128;

/// A first line and headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The request or status line.
    pub first: String,
    headers: Vec<(String, Vec<u8>)>,
}

/// A head that is longer than [`MAX_HEAD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Head {
    /// Takes a head off a buffer's front, once all of it is there.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Self>, TooLong> {
        // Empty lines before a message mean nothing.
        let blank = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        buffer.advance(blank);
        let Some(length) = end_of_head(&buffer[..buffer.len().min(MAX_HEAD)]) else {
            return if buffer.len() >= MAX_HEAD { Err(TooLong) } else { Ok(None) };
        };
        let bytes = buffer.split_to(length);
        Ok(Some(Self::parse(&bytes)))
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let first = text_of(lines.next().unwrap_or_default());
        let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                // A long header goes on in the next line.
                if let Some((_, value)) = headers.last_mut() {
                    value.push(b' ');
                    value.extend(line.trim_ascii());
                }
            } else if let Some(colon) = line.iter().position(|byte| *byte == b':')
                && headers.len() < MAX_HEADERS
            {
                let name = text_of(line[..colon].trim_ascii()).to_ascii_lowercase();
                headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
            }
        }
        Self { first, headers }
    }

    /// The first header of this name (in lower case), unless it is empty.
    pub fn get(&self, name: &str) -> Option<String> {
        self.raw(name).next().map(text_of).filter(|text| !text.is_empty())
    }

    /// All headers of this name, as they came.
    pub fn raw(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().filter(move |(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// The protocol that a status line names, such as `RTSP`.
    pub fn protocol(&self) -> &str {
        self.first.split(['/', ' ']).next().unwrap_or_default()
    }

    /// The status code of a status line.
    pub fn status(&self) -> Option<u16> {
        self.first.split_ascii_whitespace().nth(1)?.parse().ok()
    }

    /// Method and target of a request line.
    pub fn request(&self) -> Option<(&str, &str)> {
        let mut words = self.first.split_ascii_whitespace();
        words.next().zip(words.next())
    }

    /// Bytes of the body that follows, as far as the head says.
    pub fn content_length(&self) -> Option<usize> {
        self.raw("content-length").find_map(|value| text_of(value).parse().ok())
    }
}

/// Where the head ends: behind its empty line.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut begin = 0;
    while let Some(length) = bytes[begin..].iter().position(|byte| *byte == b'\n') {
        if bytes[begin..begin + length].trim_ascii().is_empty() {
            return Some(begin + length + 1);
        }
        begin += length + 1;
    }
    None
}

/// A text in UTF-8, or else in Latin-1.
fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(text: &str) -> Head {
        let mut buffer = BytesMut::from(text);
        let head = Head::take(&mut buffer).unwrap().unwrap();
        assert_eq!(&buffer[..], b"rest");
        head
    }

    #[test]
    fn heads_are_read_as_cameras_write_them() {
        for end in ["\r\n", "\n"] {
            let lines = [
                "RTSP/1.0 200 OK",
                "CSeq:  1",
                "no colon here",
                "Content-Type : application/sdp",
                "Tue, 12 Jun 2012 01:56:34 GMT",
                "X-Long: one",
                "  two",
                "CONTENT-LENGTH:12",
                "",
                "",
            ];
            let head = head(&(lines.join(end) + "rest"));
            assert_eq!((head.protocol(), head.status()), ("RTSP", Some(200)));
            assert_eq!(head.get("content-type").as_deref(), Some("application/sdp"));
            assert_eq!(head.get("x-long").as_deref(), Some("one two"));
            assert_eq!(head.content_length(), Some(12));
            assert_eq!(head.get("no"), None);
        }
        assert_eq!(head("\r\n\r\nHTTP/1.0 200\n\nrest").status(), Some(200));
        assert_eq!(
            head("PLAY rtsp://x RTSP/1.0\r\n\r\nrest").request(),
            Some(("PLAY", "rtsp://x"))
        );
    }

    #[test]
    fn an_endless_head_is_refused() {
        let mut buffer = BytesMut::from("X: y\r\n".repeat(10).as_str());
        assert_eq!(Head::take(&mut buffer), Ok(None));
        let mut buffer = BytesMut::from("X: y\r\n".repeat(MAX_HEAD).as_str());
        assert_eq!(Head::take(&mut buffer), Err(TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_in_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(head)) = Head::take(&mut buffer) {
                prop_assert!(head.headers.len() <= MAX_HEADERS);
                let _ = (head.status(), head.request(), head.content_length(), head.protocol().len());
            }
        }
    }
}
