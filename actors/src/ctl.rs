//! Control of a running job from another thread.

use std::{
    os::fd::{AsFd, BorrowedFd},
    sync::atomic::{AtomicU8, Ordering},
};

use nix::sys::eventfd::{EfdFlags, EventFd};

const RUN: u8 = 0;
const CANCEL: u8 = 1;
const KILL: u8 = 2;

/// Tells a running job to stop. A message to its actor would wait behind the job itself, so this
/// is shared memory, plus a descriptor that wakes a poll.
#[derive(Debug)]
pub struct Ctl {
    state: AtomicU8,
    wake: EventFd,
}

impl Ctl {
    /// A control that lets the job run. Fails when no descriptor is left.
    pub fn new() -> std::io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = EventFd::from_value_and_flags(0, flags)?;
        Ok(Self { state: AtomicU8::new(RUN), wake })
    }

    /// Asks the job to stop by itself.
    pub fn cancel(&self) {
        self.raise(CANCEL);
    }

    /// Asks that the job's process be killed at once.
    pub fn kill(&self) {
        self.raise(KILL);
    }

    /// Whether the job should stop.
    pub fn is_cancelled(&self) -> bool {
        self.state.load(Ordering::Acquire) >= CANCEL
    }

    /// Whether the job's process should be killed.
    pub fn is_killed(&self) -> bool {
        self.state.load(Ordering::Acquire) == KILL
    }

    /// Readable once the job should stop.
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Makes the waking descriptor unreadable until the next call to stop or kill.
    pub fn acknowledge(&self) {
        // It can only fail when there was nothing to read.
        let _ = self.wake.read();
    }

    fn raise(&self, to: u8) {
        self.state.fetch_max(to, Ordering::AcqRel);
        // It can only fail when its counter is full, and then it is readable already.
        let _ = self.wake.write(1);
    }
}
