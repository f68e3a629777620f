//! Servers that are no cameras, or bad ones.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A server that treats every connection in the same bad way.
pub struct FakeCamera {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl FakeCamera {
    /// Takes connections and requests and never says a word.
    pub fn silent() -> Self {
        Self::serving(|mut stream| {
            let mut sink = [0; 4096];
            while stream.read(&mut sink).is_ok_and(|n| n > 0) {}
        })
    }

    /// Answers every RTSP request with this status line and these header lines.
    pub fn answering(status: &str, headers: &str) -> Self {
        let (status, headers) = (status.to_owned(), headers.to_owned());
        Self::serving(move |stream| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut stream = stream;
            while let Some(sequence) = read_request(&mut reader) {
                let headers: String = headers.lines().map(|line| format!("{line}\r\n")).collect();
                let answer = format!("RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n{headers}\r\n");
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        })
    }

    /// Says these bytes to everyone, whatever they ask, and hangs up.
    pub fn saying(bytes: &[u8]) -> Self {
        let bytes = bytes.to_vec();
        Self::serving(move |mut stream| {
            let mut sink = [0; 4096];
            // The other side may be gone already.
            let _ = stream.read(&mut sink);
            let _ = stream.write_all(&bytes);
        })
    }

    pub fn url(&self) -> String {
        format!("rtsp://{}/stream", self.address)
    }

    pub fn url_with(&self, user_info: &str) -> String {
        format!("rtsp://{user_info}@{}/stream", self.address)
    }

    /// How many connections it took so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    // Its threads end with the test's process, or when their connection does.
    fn serving(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, serve) = (connections.clone(), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        Self { address, connections }
    }
}

// Gives the request's CSeq.
fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut sequence = String::from("0");
    let mut lines = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() && lines > 0 {
            return Some(sequence);
        }
        if let Some(number) = line.to_ascii_lowercase().strip_prefix("cseq:") {
            sequence = number.trim().to_owned();
        }
        lines += 1;
    }
}

/// A port on which nobody listens. It is the near end of a connection, so that nobody else can
/// take it meanwhile.
pub struct RefusingPort {
    connection: TcpStream,
    _listener: TcpListener,
}

impl RefusingPort {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Self { connection, _listener: listener }
    }

    pub fn url(&self) -> String {
        format!("rtsp://{}/stream", self.connection.local_addr().unwrap())
    }
}
