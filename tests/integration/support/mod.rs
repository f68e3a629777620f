//! What the tests stand on: the real binary, a test camera, clips, fake servers and patience.

pub mod clips;
pub mod fake_camera;
pub mod fixtures;
pub mod http;
pub mod mjpeg;
pub mod postgres;
pub mod procfs;
pub mod recorded;
pub mod redis;
pub mod rtsp;
pub mod scripted_camera;
pub mod service;
pub mod snapshots;
pub mod sse;

use std::{
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread,
    time::{Duration, Instant},
};

/// Seconds, for short.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Milliseconds, for short.
pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// For what should happen at once: long, since the machine may be busy with other tests. What
/// must be quick is asserted with a time of its own.
pub const SOON: Duration = secs(20);

/// Waits until `probe` gives something and returns it with the time that took.
#[track_caller]
pub fn wait_for<T>(
    what: &str,
    deadline: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> (T, Duration) {
    let begin = Instant::now();
    loop {
        if let Some(found) = probe() {
            return (found, begin.elapsed());
        }
        assert!(begin.elapsed() < deadline, "not within {deadline:?}: {what}");
        thread::sleep(millis(10));
    }
}

/// Waits until `condition` holds and returns the time that took.
#[track_caller]
pub fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    wait_for(what, deadline, || condition().then_some(())).1
}

/// Fails as soon as `condition` does not hold, for as long as `span`.
#[track_caller]
pub fn holds_for(what: &str, span: Duration, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while begin.elapsed() < span {
        assert!(condition(), "held for only {:?}: {what}", begin.elapsed());
        thread::sleep(millis(20));
    }
}

// Tests run side by side, but what measures time has the machine to itself.
static MACHINE: RwLock<()> = RwLock::new(());

/// A share of the machine, or all of it.
#[expect(dead_code, reason = "held for its drop alone")]
pub enum Machine {
    Shared(RwLockReadGuard<'static, ()>),
    Whole(RwLockWriteGuard<'static, ()>),
    None,
}

impl Machine {
    pub fn shared() -> Self {
        Self::Shared(MACHINE.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn whole() -> Self {
        Self::Whole(MACHINE.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether ONNX Runtime is not tested, which it always is unless `deploy/test.sh` could not get it and
/// said so.
pub fn onnxruntime_is_not_tested() -> bool {
    let without = std::env::var_os("BECAMERA_TEST_WITHOUT_ONNXRUNTIME").is_some();
    if without {
        eprintln!("not tested: BECAMERA_TEST_WITHOUT_ONNXRUNTIME is set");
    }
    without
}
