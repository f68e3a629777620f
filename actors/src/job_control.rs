//! Control of a running job from another thread.

use std::{
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use becamera_domain::{Scene, SnapshotRequest};
use nix::sys::eventfd::{EfdFlags, EventFd};

const RUN: u8 = 0;
const CANCEL: u8 = 1;
const KILL: u8 = 2;

/// Tells a running job to stop, that other lines and zones are drawn, or that somebody wants a picture.
/// A message to its actor would wait behind the job itself, so this is shared memory, plus a descriptor
/// that wakes a poll.
#[derive(Debug)]
pub struct JobControl {
    state: AtomicU8,
    scene: Mutex<Option<Scene>>,
    requests: Mutex<Vec<SnapshotRequest>>,
    wake: EventFd,
}

impl JobControl {
    /// A control that lets the job run. Fails when no descriptor is left.
    pub fn new() -> std::io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = EventFd::from_value_and_flags(0, flags)?;
        let (scene, requests) = (Mutex::default(), Mutex::default());
        Ok(Self { state: AtomicU8::new(RUN), scene, requests, wake })
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

    /// Gives the job other lines and zones; what was given before and not taken is replaced.
    pub fn update_scene(&self, scene: Scene) {
        *self.scene() = Some(scene);
        self.wake();
    }

    /// The lines and zones that were given since the last call, if any: for the frame loop, before
    /// each frame.
    pub fn take_scene_update(&self) -> Option<Scene> {
        self.scene().take()
    }

    /// Asks the job for a picture.
    pub fn request_snapshot(&self, request: SnapshotRequest) {
        request.add_to(&mut self.requests());
        self.wake();
    }

    /// The pictures that were asked for since the last call: for the frame loop, before each frame.
    pub fn take_snapshot_requests(&self) -> Vec<SnapshotRequest> {
        std::mem::take(&mut *self.requests())
    }

    /// Readable once the job should stop, was given other lines and zones, or was asked for a picture.
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Makes the waking descriptor unreadable until the job is told something again.
    pub fn acknowledge(&self) {
        // It can only fail when there was nothing to read.
        let _ = self.wake.read();
    }

    fn raise(&self, to: u8) {
        self.state.fetch_max(to, Ordering::AcqRel);
        self.wake();
    }

    // A scene is replaced as a whole: one that a panic left behind is whole.
    fn scene(&self) -> MutexGuard<'_, Option<Scene>> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // A request is written as a whole, too.
    fn requests(&self) -> MutexGuard<'_, Vec<SnapshotRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // It can only fail when its counter is full, and then it is readable already.
        let _ = self.wake.write(1);
    }
}
