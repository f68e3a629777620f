//! What a worker's process uses, read from `/proc`.

use std::time::Instant;

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
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (ticks, pages) = parse_stat(&stat)?;
        let (tick, page) = (sysconf(libc::_SC_CLK_TCK)?, sysconf(libc::_SC_PAGESIZE)?);
        let cpu_seconds = ticks as f64 / tick as f64;
        let cpu_percent = before.filter(|before| before.pid == pid).and_then(|before| {
            let span = now.duration_since(before.at).as_secs_f64();
            (span > 0.2).then(|| ((cpu_seconds - before.cpu_seconds) / span * 100.0) as f32)
        });
        Some(Self { pid, cpu_seconds, cpu_percent, resident_bytes: pages * page, at: now })
    }
}

// The command's name is in parentheses and may hold spaces and parentheses itself.
// After it: state is field 3; utime, stime are 14 and 15; rss is 24 (proc(5)).
fn parse_stat(stat: &str) -> Option<(u64, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some((number(14)? + number(15)?, number(24)?))
}

fn sysconf(name: libc::c_int) -> Option<u64> {
    // SAFETY: sysconf takes any number and only reads.
    u64::try_from(unsafe { libc::sysconf(name) }).ok().filter(|value| *value > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_skipped() {
        let stat = "42 (a) b) R 1 42 42 0 -1 0 0 0 0 0 17 5 0 0 20 0 1 0 99 1000 77 0";
        assert_eq!(parse_stat(stat), Some((22, 77)));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn our_own_process_can_be_read() {
        let usage = ProcessUsage::read(std::process::id(), None, Instant::now()).unwrap();
        assert!(usage.resident_bytes > 1_000_000);
        assert!(ProcessUsage::read(u32::MAX, None, Instant::now()).is_none());
    }
}
