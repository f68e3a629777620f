//! Finds what subscribers have not been told yet, by comparing the pool with what it was.

use std::collections::BTreeMap;

use becamera_domain::{CameraId, CameraState, LiveEvent, LiveKey, Now, WorkerId, WorkerStatus};
use chrono::{DateTime, Utc};

use super::{
    camera_task::CameraTask,
    pool::Pool,
    slot::{Slot, SlotState},
};

/// What makes a camera's state worth publishing. Times that are computed anew with every look, such
/// as that of the next try, are not part of it: they only change together with the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct CameraMark {
    state: CameraState,
    since: DateTime<Utc>,
    worker: Option<WorkerId>,
    error_count: u64,
}

/// What makes a worker's state worth publishing.
#[derive(Debug, Clone, Copy, PartialEq)]
struct WorkerMark {
    status: WorkerStatus,
    camera: Option<CameraId>,
    generation: u64,
    error_count: u64,
}

/// What subscribers were told last.
#[derive(Debug, Default)]
pub struct StateDiff {
    cameras: BTreeMap<CameraId, CameraMark>,
    workers: BTreeMap<WorkerId, WorkerMark>,
}

impl StateDiff {
    /// What is different from the last call; everything, the first time.
    pub fn changes(&mut self, pool: &Pool, now: Now) -> Vec<LiveEvent> {
        let mut events = Vec::new();
        self.cameras.retain(|id, _| {
            let stays = pool.cameras.contains_key(id);
            if !stays {
                events.push(LiveEvent::Removed(LiveKey::Camera(*id)));
            }
            stays
        });
        for (id, task) in &pool.cameras {
            let mark = camera_mark(task);
            if self.cameras.insert(*id, mark) != Some(mark)
                && let Ok(view) = pool.camera(*id, now)
            {
                events.push(LiveEvent::changed(view.live()));
            }
        }
        for slot in &pool.slots {
            let mark = worker_mark(slot);
            if self.workers.insert(slot.worker, mark) != Some(mark)
                && let Ok(view) = pool.worker(slot.worker, now)
            {
                events.push(LiveEvent::changed(view.live()));
            }
        }
        events
    }
}

fn camera_mark(task: &CameraTask) -> CameraMark {
    CameraMark {
        state: task.public_state(),
        since: task.since,
        worker: task.active().map(|run| run.worker),
        error_count: task.error_count,
    }
}

fn worker_mark(slot: &Slot) -> WorkerMark {
    let camera = match slot.state {
        SlotState::Busy { camera, .. } => Some(camera),
        _ => None,
    };
    WorkerMark {
        status: slot.status(),
        camera,
        generation: slot.generation,
        error_count: slot.error_count,
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::{
        CameraPatch, DetectSettings, Exit, Failure, FailureCode, LiveRecord, Progress, Requester,
        RunnerInfo, StreamInfo, StreamUrl, settings::WorkerSettings,
    };

    use super::*;
    use crate::{
        pool_supervisor::{pool::Effect, reports::RunUpdate},
        worker::RunReport,
    };

    fn states(events: &[LiveEvent]) -> Vec<String> {
        let state = |event: &LiveEvent| match event {
            LiveEvent::Changed(LiveRecord::Camera(camera)) => {
                format!("camera {} {}", camera.camera_id, camera.state)
            }
            LiveEvent::Changed(LiveRecord::Worker(worker)) => {
                format!("{} {}", worker.worker_id, worker.status)
            }
            LiveEvent::Removed(LiveKey::Camera(id)) => format!("camera {id} deleted"),
            other => panic!("not the pool's state: {other:?}"),
        };
        events.iter().map(state).collect()
    }

    #[test]
    fn every_change_is_told_once_and_without_the_password() {
        let now = Now::read();
        let settings = WorkerSettings { count: 1, ..WorkerSettings::default() };
        let mut pool = Pool::new(settings, DetectSettings::default(), vec![], now);
        let mut diff = StateDiff::default();
        assert_eq!(states(&diff.changes(&pool, now)), ["worker_1 starting"]);
        assert_eq!(diff.changes(&pool, Now::read()), []);
        let worker = WorkerId::from_index(0);
        let info = RunnerInfo { pid: 7, backend: "test".into() };
        pool.runner_started(worker, 1, Ok(info), now);
        assert_eq!(states(&diff.changes(&pool, now)), ["worker_1 idle"]);

        let camera = CameraId::try_from(3).unwrap();
        let by = Requester::caller([192, 0, 2, 7].into(), None);
        let stream_url = StreamUrl::trusted("rtsp://admin:hunter2@cam/1").unwrap();
        let patch = CameraPatch { stream_url: Some(stream_url), ..CameraPatch::default() };
        pool.start_camera(camera, patch, &by, now).unwrap();
        let assigned = diff.changes(&pool, now);
        assert_eq!(states(&assigned), ["camera 3 opening", "worker_1 busy"]);
        let LiveEvent::Changed(LiveRecord::Worker(busy)) = &assigned[1] else {
            panic!("{assigned:?}")
        };
        assert_eq!(busy.current_task, Some(camera));

        let run = pool.take_effects().into_iter().find_map(|effect| match effect {
            Effect::RunJob(job) => Some(job.run),
            _ => None,
        });
        let info = RunReport::Opened(StreamInfo { width: 1, height: 1, fps: None });
        assert_eq!(pool.run_event(worker, run.unwrap(), info, now), RunUpdate::State);
        assert_eq!(states(&diff.changes(&pool, now)), ["camera 3 processing"]);
        let progress = Progress { frames: 1, people: Some(2), ..Progress::default() };
        let counted = pool.run_event(worker, run.unwrap(), RunReport::Progress(progress), now);
        assert!(matches!(counted, RunUpdate::Count(count) if count.people == 2));
        assert_eq!(diff.changes(&pool, now), [], "a count is no change of state");
        let sign_of_life = Progress { people: Some(2), ..Progress::default() };
        let told = pool.run_event(worker, run.unwrap(), RunReport::Progress(sign_of_life), now);
        assert_eq!(told, RunUpdate::None, "without a new frame there is no new count");

        let failure = Failure::new(FailureCode::Timeout, "no answer of admin:hunter2@cam");
        pool.run_finished(worker, run.unwrap(), Exit::Failed(failure), true, now);
        let failed = diff.changes(&pool, now);
        assert_eq!(states(&failed), ["camera 3 backoff", "worker_1 idle"]);
        let json = serde_json::to_string(&failed).unwrap();
        assert!(json.contains("timeout") && !json.contains("hunter2"), "{json}");
        assert_eq!(diff.changes(&pool, Now::read()), [], "the time of the next try is no change");

        pool.delete_camera(camera, &by, now).unwrap();
        assert_eq!(states(&diff.changes(&pool, now)), ["camera 3 deleted"]);
    }
}
