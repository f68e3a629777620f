//! A camera's task: its state machine and what is known of its stream.

use std::time::{Duration, Instant};

use becamera_domain::{
    Budget, Camera, CameraState, DesiredState, Failure, LatestCount, Now, RunId, StreamInfo,
    WorkerId,
};
use chrono::{DateTime, Utc};

use super::rate::RateMeter;

/// Crashes at the same place after which a recording is given up.
const POISON_CRASHES: u32 = 3;
/// How far apart two crashes may be seen and still be at the same frame: the worker reports its
/// progress in batches.
const SAME_FRAME_TOLERANCE: u64 = 25;

/// Where a camera's task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Never started, or read to its end.
    Idle,
    /// Waits for a worker.
    Pending,
    /// A worker has it.
    Active(ActiveRun),
    /// Waits before it queues again.
    Backoff {
        /// Until when.
        until: Instant,
    },
    /// Given up.
    Failed,
    /// Stopped by an operator.
    Stopped,
}

/// A camera's run on a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveRun {
    /// The run.
    pub run: RunId,
    /// The worker.
    pub worker: WorkerId,
    /// When its stream gave its first frame.
    pub opened: Option<Instant>,
    /// What follows when the run ends because it was told to.
    pub ending: Option<Ending>,
}

/// Why a run was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The camera goes on at another worker, or with other settings.
    Requeue,
    /// An operator stopped the camera.
    Stop,
    /// An operator deleted the camera.
    Delete,
}

/// A registered camera and its task.
#[derive(Debug)]
pub struct CameraTask {
    /// Its registration.
    pub camera: Camera,
    /// Where its task stands; changed by [`CameraTask::set`] alone.
    pub state: TaskState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Its last failure.
    pub last_error: Option<(Failure, DateTime<Utc>)>,
    /// Failures since an operator last started it.
    pub error_count: u64,
    /// Failures in a row, for the backoff.
    pub failures_in_a_row: u32,
    /// Times of the last worker crashes on it.
    crashes: Vec<Instant>,
    /// Frames reached by runs that crashed in a row at the same place, and how many did.
    crash_place: Option<(u64, u32)>,
    /// Its open stream.
    pub stream: Option<StreamInfo>,
    /// Frames a second.
    pub rate: RateMeter,
    /// Frames a second that its present run may analyse.
    pub budget: Option<Budget>,
    /// Frames analysed in the present run.
    pub run_frames: u64,
    /// Its newest count.
    pub count: Option<LatestCount>,
}

impl CameraTask {
    /// A task for a camera that was just registered or loaded.
    pub fn new(camera: Camera, now: Now) -> Self {
        let state = match camera.desired {
            DesiredState::Running => TaskState::Idle,
            DesiredState::Stopped => TaskState::Stopped,
        };
        Self {
            camera,
            state,
            since: now.wall,
            last_error: None,
            error_count: 0,
            failures_in_a_row: 0,
            crashes: Vec::new(),
            crash_place: None,
            stream: None,
            rate: RateMeter::default(),
            budget: None,
            run_frames: 0,
            count: None,
        }
    }

    /// Goes to another state.
    pub fn set(&mut self, state: TaskState, now: Now) {
        if !matches!(state, TaskState::Active(_)) {
            self.stream = None;
            self.rate = RateMeter::default();
            self.budget = None;
        }
        self.state = state;
        self.since = now.wall;
    }

    /// The state that operators see.
    pub fn public_state(&self) -> CameraState {
        match self.state {
            TaskState::Idle => CameraState::Idle,
            TaskState::Pending => CameraState::Pending,
            TaskState::Active(ActiveRun { opened: None, .. }) => CameraState::Opening,
            TaskState::Active(_) => CameraState::Processing,
            TaskState::Backoff { .. } => CameraState::Backoff,
            TaskState::Failed => CameraState::Failed,
            TaskState::Stopped => CameraState::Stopped,
        }
    }

    /// Its run, when a worker has it.
    pub fn active(&self) -> Option<&ActiveRun> {
        match &self.state {
            TaskState::Active(run) => Some(run),
            _ => None,
        }
    }

    /// Its run, to change it.
    pub fn active_mut(&mut self) -> Option<&mut ActiveRun> {
        match &mut self.state {
            TaskState::Active(run) => Some(run),
            _ => None,
        }
    }

    /// Whether it runs or will run without an operator doing anything.
    pub fn has_task(&self) -> bool {
        matches!(self.state, TaskState::Pending | TaskState::Active(_) | TaskState::Backoff { .. })
    }

    /// Forgets past failures: an operator started it.
    pub fn start_afresh(&mut self) {
        self.error_count = 0;
        self.failures_in_a_row = 0;
        self.crashes.clear();
        self.crash_place = None;
    }

    /// Notes a failure that the camera is to blame for; a long healthy run wipes those before.
    pub fn record_failure(&mut self, failure: Failure, healthy_after: Duration, now: Now) {
        let healthy = |opened: Instant| now.mono.duration_since(opened) >= healthy_after;
        if self.active().and_then(|run| run.opened).is_some_and(healthy) {
            self.failures_in_a_row = 0;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.error_count += 1;
        self.last_error = Some((failure, now.wall));
    }

    /// Notes that a worker crashed on it and says what follows.
    pub fn record_crash(&mut self, max_crashes: usize, window: Duration, now: Now) -> AfterCrash {
        self.error_count += 1;
        if self.camera.stream_url.is_file() && !self.camera.settings.source.loop_file {
            let place = self.run_frames;
            let again = match self.crash_place {
                Some((before, times)) if before.abs_diff(place) <= SAME_FRAME_TOLERANCE => {
                    times + 1
                }
                _ => 1,
            };
            self.crash_place = Some((place, again));
            if again >= POISON_CRASHES {
                return AfterCrash::GiveUp { frame: place };
            }
        }
        self.crashes.retain(|at| now.mono.duration_since(*at) <= window);
        self.crashes.push(now.mono);
        if self.crashes.len() > max_crashes {
            self.crashes.clear();
            return AfterCrash::BackOff;
        }
        AfterCrash::TryAtOnce
    }
}

/// What becomes of a camera whose worker crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCrash {
    /// The camera goes to the head of the queue.
    TryAtOnce,
    /// The camera crashes worker after worker and has to wait.
    BackOff,
    /// The camera is a recording that crashes at the same frame every time.
    GiveUp {
        /// About which frame.
        frame: u64,
    },
}
