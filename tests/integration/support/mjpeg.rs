//! A client of live pictures that hides nothing: every part as it came, and how the stream ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use socket2::{Domain, Socket, Type};

use super::SOON;

/// A picture as it came.
pub struct Part {
    pub captured_at: String,
    pub jpeg: Vec<u8>,
}

/// Open live pictures.
pub struct Live {
    reader: BufReader<Chunks>,
    /// In lower case.
    pub headers: String,
}

impl Live {
    /// Opens a camera's live pictures; anything but 200 is a failure.
    #[track_caller]
    pub fn open(address: SocketAddr, camera: u32, query: &str) -> Self {
        Self::begin(TcpStream::connect(address).unwrap(), camera, query)
    }

    /// Opens them on a connection that takes next to nothing that is not read.
    #[track_caller]
    pub fn open_narrow(address: SocketAddr, camera: u32, query: &str) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::begin(socket.into(), camera, query)
    }

    #[track_caller]
    fn begin(mut stream: TcpStream, camera: u32, query: &str) -> Self {
        let path = format!("/api/v1/cameras/{camera}/live.mjpeg{query}");
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: becamera\r\n\r\n").as_bytes())
            .unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut reader = BufReader::new(stream);
        let mut headers = String::new();
        while !headers.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut headers).unwrap() > 0, "no whole answer: {headers}");
        }
        assert!(headers.starts_with("HTTP/1.1 200 "), "{headers}");
        let headers = headers.to_lowercase();
        let mut live = Self { reader: BufReader::new(Chunks { reader, left: 0 }), headers };
        assert_eq!(live.line(), Some("--becamera-picture".into()));
        live
    }

    /// The next picture; none at the stream's end in order.
    #[track_caller]
    pub fn next(&mut self) -> Option<Part> {
        let (mut captured_at, mut length) = (String::new(), 0);
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("Content-Type", kind)) => assert_eq!(kind, "image/jpeg"),
                Some(("Content-Length", text)) => length = text.parse().unwrap(),
                Some(("X-Captured-At", text)) => captured_at = text.into(),
                _ if line.is_empty() => break,
                _ => panic!("no header of a part: {line:?}"),
            }
        }
        let mut jpeg = vec![0; length];
        self.reader.read_exact(&mut jpeg).unwrap();
        assert_eq!(self.line(), Some(String::new()));
        assert_eq!(self.line(), Some("--becamera-picture".into()), "it comes with the picture");
        Some(Part { captured_at, jpeg })
    }

    /// Reads to the end, which must be in order.
    #[track_caller]
    pub fn wait_end(&mut self) {
        while self.next().is_some() {}
    }

    /// Reads on until the connection breaks off.
    #[track_caller]
    pub fn wait_broken(mut self) {
        let mut bytes = [0; 4096];
        let end = loop {
            match self.reader.get_mut().reader.read(&mut bytes) {
                Ok(0) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error.kind()),
            }
        };
        let timed_out = [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut];
        assert!(end.is_ok() || !timed_out.contains(&end.unwrap_err()), "{end:?}");
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches("\r\n").to_owned()),
            Err(error) => panic!("the pictures broke off: {error}"),
        }
    }
}

/// HTTP's chunks, put together.
struct Chunks {
    reader: BufReader<TcpStream>,
    left: usize,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut length = String::new();
            if self.reader.read_line(&mut length)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.left = usize::from_str_radix(length.trim(), 16).map_err(std::io::Error::other)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let most = self.left.min(into.len());
        let got = self.reader.read(&mut into[..most])?;
        self.left -= got;
        if self.left == 0 {
            self.reader.read_exact(&mut [0; 2])?;
        }
        Ok(got)
    }
}
