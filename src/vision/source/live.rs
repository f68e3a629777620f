//! Live streams: a thread of its own reads as fast as the camera sends and keeps only the newest
//! frame. Reading in step with analysis would fall behind without bound.

use std::{
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use becamera_connector::{Closer, Relay};
use becamera_counting::{budget::FrameBudget, freeze::FreezeWatch};
use becamera_domain::{
    Budget, Failure, FailureCode, StreamInfo, StreamUrl, settings::StreamSettings,
};
use opencv::{core::Mat, prelude::*};

use super::frame_source::{FrameSource, Next, POLL, Reading};
use crate::vision::{
    capture::{Capture, Grab},
    probe::{self, Probed, StreamDescription},
};

/// How long a stopped grabber is awaited before its process has to end.
const STOP_WAIT: Duration = Duration::from_millis(700);

/// How much longer than its own timeouts native code may take before it counts as stuck.
const SLACK: Duration = Duration::from_secs(2);

/// A live stream and the thread that reads it.
pub struct LiveSource {
    shared: Arc<Shared>,
    /// Wakes the thread where it waits for the camera.
    closer: Option<Closer>,
    started: Instant,
    first_frame_timeout: Duration,
    read_timeout: Duration,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    /// When the newest frame was received, unless it was taken.
    newest: Option<Instant>,
    /// Its pixels; empty while the thread converts a frame. Buffers are swapped, never copied.
    frame: Mat,
    info: Option<StreamInfo>,
    opened: bool,
    grabbed: Option<Instant>,
    reading: Reading,
    budget: Option<Budget>,
    end: Option<Failure>,
    /// The thread is done and its native handles are released.
    finished: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is plain data, sound whatever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

impl LiveSource {
    /// Starts to open and read a stream. Fails only when no thread can be had.
    pub fn start(
        url: &StreamUrl,
        settings: &StreamSettings,
        probed: Probed,
        budget: FrameBudget,
    ) -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let closer = probed.relay.as_ref().map(Relay::closer);
        let own_shared = shared.clone();
        let described = probed.description.clone();
        let stream = LiveStream { url: url.clone(), settings: settings.clone(), described };
        thread::Builder::new()
            .name("grabber".into())
            .spawn(move || {
                // Declared first so that it drops last, when the capture is gone.
                let finish = Finish(&own_shared);
                let end = grab_all(&stream, probed, budget, &own_shared);
                finish.0.update(|state| state.end = end.err());
            })
            .map_err(|error| {
                Failure::new(FailureCode::NoFrames, format!("can't start a thread: {error}"))
            })?;
        Ok(Self {
            shared,
            closer,
            started: Instant::now(),
            first_frame_timeout: settings.first_frame_timeout,
            read_timeout: settings.read_timeout,
        })
    }

    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(closer) = &self.closer {
            closer.close();
        }
    }

    /// The failure of native code that exceeds its own timeouts.
    fn overdue(&self, state: &State) -> Option<Failure> {
        let since = |moment: Instant| moment.elapsed();
        match (state.info.is_some(), state.grabbed) {
            (true, Some(grabbed)) if since(grabbed) > self.read_timeout + SLACK => {
                Some(stalled(self.read_timeout))
            }
            (false, _) if since(self.started) > self.first_frame_timeout + SLACK => {
                Some(if state.opened {
                    Failure::new(FailureCode::NoFrames, "The stream opened but gave no picture")
                } else {
                    Failure::new(FailureCode::Timeout, "The stream did not start in time")
                })
            }
            _ => None,
        }
    }
}

impl FrameSource for LiveSource {
    fn next_frame(&mut self, frame: &mut Mat) -> Result<Next, Failure> {
        let mut state = self.shared.lock();
        if state.newest.is_none() && !state.finished {
            let waited = self
                .shared
                .changed
                .wait_timeout_while(state, POLL, |state| state.newest.is_none() && !state.finished);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(received) = state.newest.take() {
            mem::swap(frame, &mut state.frame);
            let position = received.saturating_duration_since(self.started);
            return Ok(Next::Frame { received, position });
        }
        if state.finished {
            return Err(state.end.take().unwrap_or_else(|| {
                Failure::new(FailureCode::StreamLost, "The camera ended the stream")
            }));
        }
        self.overdue(&state).map_or(Ok(Next::Idle), Err)
    }

    fn info(&self) -> Option<StreamInfo> {
        self.shared.lock().info.clone()
    }

    fn budget(&self) -> Option<Budget> {
        self.shared.lock().budget
    }

    fn take_reading(&mut self) -> Reading {
        mem::take(&mut self.shared.lock().reading)
    }

    fn close(self: Box<Self>) -> bool {
        self.stop();
        let state = self.shared.lock();
        let waited =
            self.shared.changed.wait_timeout_while(state, STOP_WAIT, |state| !state.finished);
        waited.unwrap_or_else(PoisonError::into_inner).0.finished
    }
}

impl Drop for LiveSource {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The stream that the grabber reads.
struct LiveStream {
    url: StreamUrl,
    settings: StreamSettings,
    /// The probe's description, from before it was opened.
    described: StreamDescription,
}

impl LiveStream {
    /// Probes the camera again, and fails if its picture has another size than before. Where the
    /// probe fails the size counts as unchanged: a camera may accept no second connection.
    fn check_format(&self, shared: &Shared) -> Result<(), Failure> {
        // Frames wait meanwhile: the probe must end before they count as missing.
        let probe_timeout = self.settings.probe_timeout.min(self.settings.read_timeout);
        let settings = StreamSettings { probe_timeout, ..self.settings.clone() };
        let probed = probe::probe_while(&self.url, &settings, &mut || !shared.stopped());
        let now = probed.ok().flatten().and_then(|probed| probed.description.size);
        match (self.described.size, now) {
            (Some(before), Some(now)) if before != now => Err(Failure::new(
                FailureCode::FormatChanged,
                format!("The picture's size changed from {before} to {now} in mid-stream"),
            )),
            _ => Ok(()),
        }
    }
}

/// Says that the thread is done, even when it panicked.
struct Finish<'a>(&'a Shared);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.update(|state| state.finished = true);
    }
}

/// Reads until it is told to stop (`Ok`) or the stream ends.
fn grab_all(
    stream: &LiveStream,
    probed: Probed,
    mut budget: FrameBudget,
    shared: &Shared,
) -> Result<(), Failure> {
    let started = Instant::now();
    let mut capture = Capture::open(&stream.url, &stream.settings, probed)?;
    let mut watch = FreezeWatch::default();
    shared.update(|state| state.opened = true);
    // Empty except while a frame is converted. With the frame loop's there are two pictures in all.
    let mut hand = Mat::default();
    let mut first = true;
    while !shared.stopped() {
        let Grab::Frame(at) = capture.grab()? else {
            return Err(if first {
                Failure::new(FailureCode::NoFrames, "The stream opened but gave no picture")
            } else {
                Failure::new(FailureCode::StreamLost, "The camera ended the stream")
            });
        };
        let wanted = budget.takes(at.duration_since(started));
        let mut replaced = false;
        let mut good = false;
        if wanted {
            let mut state = shared.lock();
            // A frame that was not taken by now makes room for the newer one.
            replaced = state.newest.take().is_some();
            mem::swap(&mut state.frame, &mut hand);
            drop(state);
            good = capture.retrieve(&mut hand)?;
            if good && watch.is_suspect(hand.data_bytes().unwrap_or_default(), at) {
                stream.check_format(shared)?;
            }
        }
        if replaced {
            budget.missed();
        }
        let damaged = mem::take(&mut capture.damaged);
        let info = (first && good).then(|| capture.info());
        first &= !good;
        shared.update(|state| {
            state.grabbed = Some(at);
            state.reading.read += 1;
            state.reading.damaged += damaged;
            state.reading.dropped += u32::from(replaced || !wanted);
            state.budget = Some(budget.budget());
            if wanted {
                mem::swap(&mut state.frame, &mut hand);
            }
            if good {
                state.newest = Some(at);
                state.info = info.or(state.info.take());
            }
        });
    }
    Ok(())
}

fn stalled(timeout: Duration) -> Failure {
    Failure::new(
        FailureCode::Stalled,
        format!("The camera sent no frame for {timeout:?} (stream.read_timeout)"),
    )
}
