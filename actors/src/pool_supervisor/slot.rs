//! A worker's slot: its state machine and what is known of the worker in it.

use std::time::Instant;

use becamera_domain::{CameraId, RunId, RunnerInfo, WorkerId, WorkerStatus};
use chrono::{DateTime, Utc};

use super::{rate::RateMeter, usage::ProcessUsage};
use crate::backoff::CrashHistory;

/// Where a slot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// Its runner starts; only the answer to this start counts.
    Starting {
        /// Counts the starts of this slot.
        generation: u64,
    },
    /// Ready for a camera.
    Idle,
    /// Runs a camera.
    Busy {
        /// The run.
        run: RunId,
        /// Its camera.
        camera: CameraId,
    },
    /// Failed; starts again when due.
    Backoff {
        /// When.
        until: Instant,
    },
    /// Failed too often; starts again when due or when an operator says so.
    Quarantined {
        /// When.
        until: Instant,
    },
    /// The service stops.
    Stopped,
}

/// What happens to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotEvent {
    /// The runner is told to start.
    Start,
    /// The runner is ready.
    Ready,
    /// A camera is assigned.
    Assign {
        /// The run.
        run: RunId,
        /// Its camera.
        camera: CameraId,
    },
    /// The run ended and the runner is ready for the next.
    Release,
    /// The worker failed and waits.
    BackOff {
        /// Until when.
        until: Instant,
    },
    /// The worker failed too often.
    Quarantine {
        /// Until when.
        until: Instant,
    },
    /// The service stops.
    Stop,
}

/// An event that can't happen in this state: a bug, reported and survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a slot can't go from {from:?} by {event:?}")]
pub struct IllegalTransition {
    /// The state.
    pub from: SlotState,
    /// The event.
    pub event: SlotEvent,
}

impl SlotState {
    /// The state after `event`. `generation` numbers the start that `Start` makes.
    pub fn next(self, event: SlotEvent, generation: u64) -> Result<Self, IllegalTransition> {
        use SlotEvent as E;
        use SlotState as S;
        match (self, event) {
            (S::Stopped, _) => Err(IllegalTransition { from: self, event }),
            (_, E::Stop) => Ok(S::Stopped),
            (_, E::Start) => Ok(S::Starting { generation }),
            (S::Starting { .. }, E::Ready) => Ok(S::Idle),
            (S::Idle, E::Assign { run, camera }) => Ok(S::Busy { run, camera }),
            (S::Busy { .. }, E::Release) => Ok(S::Idle),
            (S::Starting { .. } | S::Idle | S::Busy { .. }, E::BackOff { until }) => {
                Ok(S::Backoff { until })
            }
            (S::Starting { .. } | S::Idle | S::Busy { .. }, E::Quarantine { until }) => {
                Ok(S::Quarantined { until })
            }
            _ => Err(IllegalTransition { from: self, event }),
        }
    }

    /// The status that operators see.
    pub fn status(self) -> WorkerStatus {
        match self {
            // Until it has run once it starts; later it restarts. See `Slot::status`.
            Self::Starting { .. } => WorkerStatus::Starting,
            Self::Idle => WorkerStatus::Idle,
            Self::Busy { .. } => WorkerStatus::Busy,
            Self::Backoff { .. } => WorkerStatus::Restarting,
            Self::Quarantined { .. } => WorkerStatus::Quarantined,
            Self::Stopped => WorkerStatus::Stopped,
        }
    }
}

/// A slot of the pool.
#[derive(Debug)]
pub struct Slot {
    /// Its worker.
    pub worker: WorkerId,
    /// Where it stands; changed by [`Slot::apply`] alone.
    pub state: SlotState,
    /// Starts so far.
    pub generation: u64,
    /// When it last had a camera.
    pub last_used: Option<Instant>,
    /// When it got its present camera.
    pub assigned_at: Option<DateTime<Utc>>,
    /// Restart its runner when its run has ended.
    pub restart_after_run: bool,
    /// Failures, for the restart policy.
    pub crashes: CrashHistory,
    /// What its runner said of itself.
    pub info: Option<RunnerInfo>,
    /// Since when its runner is ready.
    pub ready_since: Option<DateTime<Utc>>,
    /// Frames since the service started.
    pub processed_frames: u64,
    /// Failures since the service started.
    pub error_count: u64,
    /// Starts after the first one.
    pub restarts: u64,
    /// Its last failure.
    pub last_error: Option<(String, DateTime<Utc>)>,
    /// Mean milliseconds of an inference in its last report.
    pub inference_ms: Option<f32>,
    /// Frames a second.
    pub rate: RateMeter,
    /// What its process uses.
    pub usage: Option<ProcessUsage>,
}

impl Slot {
    /// A slot whose worker has not started yet.
    pub fn new(worker: WorkerId) -> Self {
        Self {
            worker,
            state: SlotState::Starting { generation: 0 },
            generation: 0,
            last_used: None,
            assigned_at: None,
            restart_after_run: false,
            crashes: CrashHistory::default(),
            info: None,
            ready_since: None,
            processed_frames: 0,
            error_count: 0,
            restarts: 0,
            last_error: None,
            inference_ms: None,
            rate: RateMeter::default(),
            usage: None,
        }
    }

    /// Goes to the next state. An illegal transition is logged and changes nothing.
    pub fn apply(&mut self, event: SlotEvent) -> bool {
        if event == SlotEvent::Start {
            self.generation += 1;
        }
        match self.state.next(event, self.generation) {
            Ok(next) => {
                self.state = next;
                true
            }
            Err(error) => {
                log::error!("{}: {error}", self.worker);
                false
            }
        }
    }

    /// The status that operators see.
    pub fn status(&self) -> WorkerStatus {
        match self.state.status() {
            WorkerStatus::Starting if self.restarts > 0 => WorkerStatus::Restarting,
            status => status,
        }
    }

    /// When a waiting slot is due.
    pub fn due(&self) -> Option<Instant> {
        match self.state {
            SlotState::Backoff { until } | SlotState::Quarantined { until } => Some(until),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> SlotState {
        SlotState::Busy { run: RunId(1), camera: CameraId::try_from(1).unwrap() }
    }

    #[test]
    fn only_an_idle_slot_takes_a_camera() {
        let assign = SlotEvent::Assign { run: RunId(2), camera: CameraId::try_from(2).unwrap() };
        assert!(SlotState::Idle.next(assign, 1).is_ok());
        for state in [
            SlotState::Starting { generation: 1 },
            busy(),
            SlotState::Backoff { until: Instant::now() },
            SlotState::Quarantined { until: Instant::now() },
            SlotState::Stopped,
        ] {
            assert!(state.next(assign, 1).is_err(), "{state:?}");
        }
    }

    #[test]
    fn a_stopped_slot_stays_stopped() {
        for event in [SlotEvent::Start, SlotEvent::Ready, SlotEvent::Release, SlotEvent::Stop] {
            assert!(SlotState::Stopped.next(event, 1).is_err());
        }
    }
}
