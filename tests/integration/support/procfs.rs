//! What the kernel says about processes.

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// One process: a number that is used again by another process is not taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    start_time: u64,
}

impl Process {
    /// The process that has this number now.
    pub fn of(pid: u32) -> Option<Self> {
        let start_time = stat_field(pid, 22)?.parse().ok()?;
        Some(Self { pid, start_time })
    }

    /// Whether it still runs; a zombie does not.
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid) == Some(*self) && !matches!(self.state(), Some('Z' | 'X') | None)
    }

    /// Its state: R, S, D, T (stopped), Z.
    pub fn state(&self) -> Option<char> {
        stat_field(self.pid, 3)?.chars().next()
    }

    /// Its living children.
    pub fn children(&self) -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let of_this = |pid: &u32| stat_field(*pid, 4).is_some_and(|p| p == self.pid.to_string());
        pids.filter(of_this).filter_map(Self::of).filter(Self::is_alive).collect()
    }

    /// Its children and theirs.
    pub fn descendants(&self) -> Vec<Self> {
        let children = self.children();
        let below: Vec<Self> = children.iter().flat_map(Self::descendants).collect();
        children.into_iter().chain(below).collect()
    }

    /// Its zombies: children that ended but were not waited for.
    pub fn zombies(&self) -> usize {
        let Ok(entries) = fs::read_dir("/proc") else { return 0 };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &u32| {
            stat_field(*pid, 4).is_some_and(|parent| parent == self.pid.to_string())
                && stat_field(*pid, 3).is_some_and(|state| state == "Z")
        })
        .count()
    }

    /// Sends it a signal, if it is still there.
    pub fn signal(&self, signal: Signal) {
        if Self::of(self.pid) == Some(*self) {
            // It may have ended in between, which is as good.
            let _ = kill(Pid::from_raw(self.pid as i32), signal);
        }
    }

    /// Resident bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status_field("VmRSS:").unwrap_or(0) * 1024
    }

    /// Threads.
    pub fn threads(&self) -> u64 {
        self.status_field("Threads:").unwrap_or(0)
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }

    /// CPU time used so far, in user and kernel mode.
    pub fn cpu_time(&self) -> Duration {
        let ticks = |field| stat_field(self.pid, field).and_then(|t| t.parse::<u64>().ok());
        // Linux reports in hundredths of a second on every architecture in use.
        Duration::from_millis((ticks(14).unwrap_or(0) + ticks(15).unwrap_or(0)) * 10)
    }

    /// CPU time over wall time since `since`; 1.0 is one whole core.
    pub fn cpu_share(&self, since: (Instant, Duration)) -> f64 {
        (self.cpu_time() - since.1).as_secs_f64() / since.0.elapsed().as_secs_f64()
    }

    /// Everything it was started with: where secrets must not be.
    pub fn command_line(&self) -> String {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    }

    fn status_field(&self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

// Fields are numbered as in proc(5). The name (field 2) may hold spaces and brackets itself.
fn stat_field(pid: u32, field: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = &stat[stat.rfind(')')? + 2..];
    after_name.split_whitespace().nth(field - 3).map(str::to_owned)
}
