//! A connection and what was read from it but not used yet.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::head::Head;

/// Bytes that are asked for at once.
const CHUNK: usize = 64 * 1024;

/// What a connection must be.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection with its read-ahead.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    /// Read, but not used yet.
    pub buffer: BytesMut,
}

impl Wire {
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), buffer: BytesMut::new() }
    }

    /// Reads what has come; 0 at the end. May be cancelled without loss.
    pub async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(CHUNK);
        self.stream.read_buf(&mut self.buffer).await
    }

    /// Reads a head; `None` when the other side hangs up before its end.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            match Head::take(&mut self.buffer) {
                Ok(Some(head)) => return Ok(Some(head)),
                Ok(None) => {}
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads so many bytes.
    pub async fn body(&mut self, length: usize) -> io::Result<BytesMut> {
        while self.buffer.len() < length {
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.split_to(length))
    }

    /// Leaves out so many bytes.
    pub async fn skip(&mut self, mut length: usize) -> io::Result<()> {
        loop {
            let now = length.min(self.buffer.len());
            self.buffer.advance(now);
            length -= now;
            if length == 0 {
                return Ok(());
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Writes all of it.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Says that nothing more will be written.
    pub async fn finish(&mut self) {
        // The other side may be gone already.
        let _ = self.stream.shutdown().await;
    }
}
