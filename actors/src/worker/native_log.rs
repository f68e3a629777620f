//! What native libraries print in a worker's process: cut, cleaned of credentials, rate-limited.

use std::time::{Duration, Instant};

use becamera_domain::{StreamUrl, WorkerId, stream_url::redact_urls};
use prometheus::IntCounter;

const LINES_PER_WINDOW: u32 = 5;
const WINDOW: Duration = Duration::from_secs(10);
const MAX_LINE: usize = 400;

/// Turns a worker's standard error into log lines.
#[derive(Debug)]
pub struct NativeLog {
    worker: WorkerId,
    lines_seen: IntCounter,
    partial: Vec<u8>,
    window_start: Option<Instant>,
    shown: u32,
    suppressed: u64,
    last_line: Option<String>,
}

impl NativeLog {
    /// A log of this worker; every line is counted, shown or not.
    pub fn new(worker: WorkerId, lines_seen: IntCounter) -> Self {
        Self {
            worker,
            lines_seen,
            partial: Vec::new(),
            window_start: None,
            shown: 0,
            suppressed: 0,
            last_line: None,
        }
    }

    /// Takes bytes as they came; `url` is that of the running job, whose secrets are removed.
    pub fn take(&mut self, bytes: &[u8], url: Option<&StreamUrl>, now: Instant) {
        for &byte in bytes {
            match byte {
                b'\n' | b'\r' => self.end_line(url, now),
                _ if self.partial.len() < MAX_LINE => self.partial.push(byte),
                _ => {}
            }
        }
    }

    /// The last line before the process ended: the best hint at why it crashed.
    pub fn last_words(&mut self, url: Option<&StreamUrl>, now: Instant) -> Option<String> {
        self.end_line(url, now);
        self.last_line.take()
    }

    fn end_line(&mut self, url: Option<&StreamUrl>, now: Instant) {
        let bytes = std::mem::take(&mut self.partial);
        let text = String::from_utf8_lossy(&bytes);
        let text: String =
            text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if text.is_empty() {
            return;
        }
        self.lines_seen.inc();
        let clean = url.map_or_else(|| redact_urls(&text), |url| url.redact_in(&text));
        if self.window_start.is_none_or(|start| now.duration_since(start) >= WINDOW) {
            if self.suppressed > 0 {
                log::warn!("{}: {} more native lines were not shown", self.worker, self.suppressed);
            }
            (self.window_start, self.shown, self.suppressed) = (Some(now), 0, 0);
        }
        if self.shown < LINES_PER_WINDOW {
            self.shown += 1;
            log::warn!("{}: native: {clean}", self.worker);
        } else {
            self.suppressed += 1;
        }
        self.last_line = Some(clean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_cleaned_and_limited() {
        let url = StreamUrl::trusted("rtsp://u:hunter22@cam/x").unwrap();
        let counter = IntCounter::new("lines", "lines").unwrap();
        let mut log = NativeLog::new(WorkerId::from_index(0), counter.clone());
        let now = Instant::now();
        (0..100).for_each(|n| log.take(format!("noise {n}\n").as_bytes(), Some(&url), now));
        assert_eq!((counter.get(), log.shown, log.suppressed), (100, 5, 95));
        log.take(b"terminate called, password hunter22", Some(&url), now);
        let words = log.last_words(Some(&url), now).unwrap();
        assert_eq!(words, "terminate called, password ***");
        log.take(&[b'x'; 100_000], None, now);
        assert_eq!(log.partial.len(), MAX_LINE);
    }
}
