//! What the kernel says about processes.

use std::time::{Duration, Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use procfs::process::{self, Stat};

/// One process: a number that is used again by another process is not taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    start_time: u64,
}

impl Process {
    /// The process that has this number now.
    pub fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, start_time: stat(pid)?.starttime })
    }

    /// Whether it still runs; a zombie does not.
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid) == Some(*self) && !matches!(self.state(), Some('Z' | 'X') | None)
    }

    /// Its state: R, S, D, T (stopped), Z.
    pub fn state(&self) -> Option<char> {
        stat(self.pid).map(|stat| stat.state)
    }

    /// Its living children.
    pub fn children(&self) -> Vec<Self> {
        let pids = self.all_children().map(|stat| stat.pid.cast_unsigned());
        pids.filter_map(Self::of).filter(Self::is_alive).collect()
    }

    /// Its children and theirs.
    pub fn descendants(&self) -> Vec<Self> {
        let children = self.children();
        let below: Vec<Self> = children.iter().flat_map(Self::descendants).collect();
        children.into_iter().chain(below).collect()
    }

    /// Its zombies: children that ended but were not waited for.
    pub fn zombies(&self) -> usize {
        self.all_children().filter(|stat| stat.state == 'Z').count()
    }

    fn all_children(&self) -> impl Iterator<Item = Stat> {
        let parent = self.pid.cast_signed();
        let all = process::all_processes().into_iter().flatten();
        all.filter_map(|other| other.ok()?.stat().ok()).filter(move |stat| stat.ppid == parent)
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
        stat(self.pid).map_or(0, |stat| stat.rss * procfs::page_size())
    }

    /// Threads.
    pub fn threads(&self) -> u64 {
        stat(self.pid).map_or(0, |stat| stat.num_threads.cast_unsigned())
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        open(self.pid).and_then(|process| process.fd_count().ok()).unwrap_or(0)
    }

    /// CPU time used so far, in user and kernel mode.
    pub fn cpu_time(&self) -> Duration {
        let ticks = stat(self.pid).map_or(0, |stat| stat.utime + stat.stime);
        Duration::from_secs_f64(ticks as f64 / procfs::ticks_per_second() as f64)
    }

    /// CPU time over wall time since `since`; 1.0 is one whole core.
    pub fn cpu_share(&self, since: (Instant, Duration)) -> f64 {
        (self.cpu_time() - since.1).as_secs_f64() / since.0.elapsed().as_secs_f64()
    }

    /// Everything it was started with: where secrets must not be.
    pub fn command_line(&self) -> String {
        open(self.pid).and_then(|process| process.cmdline().ok()).unwrap_or_default().join(" ")
    }
}

fn open(pid: u32) -> Option<process::Process> {
    process::Process::new(pid.cast_signed()).ok()
}

fn stat(pid: u32) -> Option<Stat> {
    open(pid)?.stat().ok()
}
