//! What stands on an RTSP connection: messages, and packets of media between them.

use std::io;

use bytes::{Buf, Bytes, BytesMut};

use crate::{head::Head, wire::Wire};

/// Begins a packet between messages; then come a channel and a length.
pub(super) const MEDIA: u8 = b'$';
pub(super) const MEDIA_HEAD: usize = 4;

/// Bytes that are passed over in search of the next message before it counts as lost.
pub(super) const MAX_GARBAGE: usize = 256 * 1024;

/// What stands on a connection.
pub(super) enum Message {
    /// A packet, with its head.
    Media(Bytes),
    Head(Head),
}

/// Takes the next message off a buffer, once all of it is there. Between messages cameras may send
/// stray bytes.
pub(super) fn take_message(buffer: &mut BytesMut) -> io::Result<Option<Message>> {
    let mut passed = 0;
    loop {
        match buffer.first() {
            None => return Ok(None),
            Some(&MEDIA) => {
                let Some(head) = buffer.first_chunk::<MEDIA_HEAD>() else { return Ok(None) };
                let length = MEDIA_HEAD + usize::from(u16::from_be_bytes([head[2], head[3]]));
                if buffer.len() < length {
                    return Ok(None);
                }
                return Ok(Some(Message::Media(buffer.split_to(length).freeze())));
            }
            Some(byte) if byte.is_ascii_uppercase() || matches!(byte, b'\r' | b'\n') => {
                let head = Head::take(buffer).map_err(|_| io::ErrorKind::InvalidData)?;
                return Ok(head.map(Message::Head));
            }
            Some(_) => {
                passed += 1;
                if passed > MAX_GARBAGE {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                buffer.advance(1);
            }
        }
    }
}

/// Reads the next message; `None` at the end.
pub(super) async fn next_message(wire: &mut Wire) -> io::Result<Option<Message>> {
    loop {
        if let Some(message) = take_message(&mut wire.buffer)? {
            return Ok(Some(message));
        }
        if wire.fill().await? == 0 {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn media_and_messages_are_told_apart_between_stray_bytes() {
        let mut buffer = BytesMut::from(
            &b"\0\0$\0\0\x03abc$\x01\0\x01dRTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n$\0\0\x09short"[..],
        );
        let mut next = || take_message(&mut buffer).unwrap();
        assert!(matches!(next(), Some(Message::Media(packet)) if &packet[..] == b"$\0\0\x03abc"));
        assert!(matches!(next(), Some(Message::Media(packet)) if packet[1] == 1));
        assert!(matches!(next(), Some(Message::Head(head)) if head.status() == Some(200)));
        assert!(next().is_none());
        assert!(next().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            let mut messages = 0;
            while let Ok(Some(_)) = take_message(&mut buffer) {
                messages += 1;
            }
            prop_assert!(messages <= bytes.len());
        }
    }
}
