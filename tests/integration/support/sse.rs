//! A client of server-sent events that hides nothing: ids, heartbeats, and how the stream ends.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::{SOON, millis};

/// An event as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Event {
    /// The part of its id that counts.
    pub fn number(&self) -> u64 {
        self.id.rsplit('-').next().unwrap().parse().unwrap()
    }

    pub fn is(&self, name: &str, camera: u32) -> bool {
        self.name == name && self.data["camera_id"] == camera
    }
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// In order, as HTTP says.
    Complete,
    /// The connection broke off.
    Broken,
}

/// An open stream.
pub struct Events {
    reader: BufReader<TcpStream>,
    // Of the chunks so far what is no whole frame yet.
    text: String,
    ready: VecDeque<Event>,
    /// The newest id that came, with an event or without.
    pub last_id: String,
    pub heartbeats: usize,
    pub retry: Option<u32>,
    pub headers: String,
}

impl Events {
    /// Opens `/api/v1/events{query}`; anything but 200 is a failure.
    #[track_caller]
    pub fn open(address: SocketAddr, query: &str) -> Self {
        Self::open_after(address, query, "")
    }

    /// Opens it with this `Last-Event-ID`.
    #[track_caller]
    pub fn open_after(address: SocketAddr, query: &str, last_event_id: &str) -> Self {
        Self::begin(TcpStream::connect(address).unwrap(), query, last_event_id)
    }

    /// Opens it on a connection that takes next to nothing that is not read.
    #[track_caller]
    pub fn open_narrow(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::begin(socket.into(), "", "")
    }

    #[track_caller]
    fn begin(mut stream: TcpStream, query: &str, last_event_id: &str) -> Self {
        let last = if last_event_id.is_empty() {
            String::new()
        } else {
            format!("Last-Event-ID: {last_event_id}\r\n")
        };
        let head = format!("GET /api/v1/events{query} HTTP/1.1\r\nHost: becamera\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut reader = BufReader::new(stream);
        let mut headers = String::new();
        while !headers.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut headers).unwrap() > 0, "no whole answer: {headers}");
        }
        assert!(headers.starts_with("HTTP/1.1 200 "), "{headers}");
        Self {
            reader,
            text: String::new(),
            ready: VecDeque::new(),
            last_id: String::new(),
            heartbeats: 0,
            retry: None,
            headers: headers.to_lowercase(),
        }
    }

    /// The next event.
    #[track_caller]
    pub fn next(&mut self) -> Event {
        let begin = Instant::now();
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            assert!(begin.elapsed() < SOON, "no event within {SOON:?}");
            if let Some(end) = self.read() {
                panic!("the stream ended: {end:?}");
            }
        }
    }

    /// The next event for which this holds; those before it are left out.
    #[track_caller]
    pub fn find(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> bool) -> Event {
        let begin = Instant::now();
        let mut seen = Vec::new();
        while begin.elapsed() < SOON {
            let event = self.next();
            if wanted(&event) {
                return event;
            }
            seen.push(format!("{} {}", event.name, event.data));
        }
        panic!("not within {SOON:?}: {what}; but {seen:#?}");
    }

    /// Reads on until heartbeats came that were not there before.
    #[track_caller]
    pub fn wait_heartbeat(&mut self) {
        let (before, begin) = (self.heartbeats, Instant::now());
        while self.heartbeats == before {
            assert!(begin.elapsed() < SOON, "no heartbeat within {SOON:?}");
            assert_eq!(self.read(), None, "the stream ended");
        }
    }

    /// Reads to the end.
    #[track_caller]
    pub fn wait_end(&mut self) -> End {
        let begin = Instant::now();
        loop {
            if let Some(end) = self.read() {
                return end;
            }
            assert!(begin.elapsed() < SOON, "no end within {SOON:?}");
        }
    }

    /// Whether nothing comes for so long, heartbeats aside.
    pub fn is_quiet(&mut self, span: Duration) -> bool {
        let begin = Instant::now();
        self.reader.get_ref().set_read_timeout(Some(millis(20))).unwrap();
        while self.ready.is_empty() && begin.elapsed() < span {
            // A chunk comes as a whole or not at all within this time.
            if self.reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
                self.reader.get_ref().set_read_timeout(Some(SOON)).unwrap();
                assert_eq!(self.read(), None, "the stream ended");
                self.reader.get_ref().set_read_timeout(Some(millis(20))).unwrap();
            }
        }
        self.reader.get_ref().set_read_timeout(Some(SOON)).unwrap();
        self.ready.is_empty()
    }

    /// Reads a chunk; answers the end when it is one.
    fn read(&mut self) -> Option<End> {
        let mut length = String::new();
        match self.reader.read_line(&mut length) {
            Ok(0) | Err(_) => return Some(End::Broken),
            Ok(_) => {}
        }
        let Ok(length) = usize::from_str_radix(length.trim(), 16) else {
            panic!("no chunk: {length:?}");
        };
        let mut chunk = vec![0; length + 2];
        if self.reader.read_exact(&mut chunk).is_err() {
            return Some(End::Broken);
        }
        if length == 0 {
            return Some(End::Complete);
        }
        self.text.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
        while let Some((frame, rest)) = self.text.split_once("\n\n") {
            let (frame, rest) = (frame.to_owned(), rest.to_owned());
            self.take(&frame);
            self.text = rest;
        }
        None
    }

    fn take(&mut self, frame: &str) {
        let (mut name, mut data) = (String::new(), String::new());
        for line in frame.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => self.last_id = id.into(),
                Some(("event", event)) => name = event.into(),
                Some(("data", json)) => data = json.into(),
                Some(("retry", ms)) => self.retry = Some(ms.parse().unwrap()),
                Some(("", "heartbeat")) => self.heartbeats += 1,
                _ => panic!("no line of an event: {line:?}"),
            }
        }
        if !data.is_empty() {
            let data = serde_json::from_str(&data).unwrap();
            self.ready.push_back(Event { id: self.last_id.clone(), name, data });
        }
    }
}
