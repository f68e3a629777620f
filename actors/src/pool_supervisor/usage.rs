//! What a worker's process uses, read from `/proc`.

use std::time::Instant;

use procfs::{page_size, process::Process, ticks_per_second};

/// CPU and memory of a process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessUsage {
    /// The process.
    pub pid: u32,
    /// CPU seconds since it started.
    pub cpu_seconds: f64,
    /// Share of one core since the reading before; 100 is one whole core.
    pub cpu_percent: Option<f32>,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// When it was read.
    pub at: Instant,
}

impl ProcessUsage {
    /// Reads a process; `before` is the last reading of the slot. `None` when it is gone.
    pub fn read(pid: u32, before: Option<&Self>, now: Instant) -> Option<Self> {
        let stat = Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
        let cpu_seconds = (stat.utime + stat.stime) as f64 / ticks_per_second() as f64;
        let cpu_percent = before.filter(|before| before.pid == pid).and_then(|before| {
            let span = now.duration_since(before.at).as_secs_f64();
            (span > 0.2).then(|| ((cpu_seconds - before.cpu_seconds) / span * 100.0) as f32)
        });
        Some(Self {
            pid,
            cpu_seconds,
            cpu_percent,
            resident_bytes: stat.rss * page_size(),
            at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_can_be_read() {
        let usage = ProcessUsage::read(std::process::id(), None, Instant::now()).unwrap();
        assert!(usage.resident_bytes > 1_000_000);
        assert!(ProcessUsage::read(u32::MAX, None, Instant::now()).is_none());
    }
}
