//! The pool against a simulated world: injected time, workers that do as the test says.

use std::time::{Duration, Instant};

use becamera_domain::{
    AuditEntry, Camera, CameraId, CameraPatch, CameraSettings, CameraState, Crash, CrashKind,
    DesiredState, DetectSettings, Exit, Failure, FailureCode, Job, Now, Progress, Requester, RunId,
    RunnerInfo, SceneItemId, SourceSettings, StreamInfo, StreamUrl, WorkerId, WorkerStatus, Write,
    settings::WorkerSettings,
};
use proptest::prelude::*;

use super::{Completion, Effect, Pool};
use crate::{
    messages::{PoolError, PoolPhase},
    worker::RunReport,
};

mod audit;
mod resume;
mod scene;

struct World {
    pool: Pool,
    now: Now,
    /// The job each worker runs.
    jobs: Vec<Option<Job>>,
    /// Runs that were told to end.
    cancelled: Vec<WorkerId>,
    released: Vec<CameraId>,
    audit: Vec<AuditEntry>,
    /// Audit entries and registrations, in the order in which they are to be written.
    stored: Vec<&'static str>,
    /// Lines and zones whose series are dropped.
    forgotten: Vec<String>,
}

fn camera(id: i64) -> CameraId {
    CameraId::try_from(id).unwrap()
}

fn worker(number: usize) -> WorkerId {
    WorkerId::from_index(number - 1)
}

fn me() -> Requester {
    Requester::caller([192, 0, 2, 7].into(), Some("alice"))
}

fn live() -> CameraPatch {
    let stream_url = Some(StreamUrl::trusted("rtsp://cam/1").unwrap());
    CameraPatch { stream_url, ..CameraPatch::default() }
}

fn recording() -> CameraPatch {
    let stream_url = Some(StreamUrl::trusted("file:///clips/1.mp4").unwrap());
    CameraPatch { stream_url, source: Some(SourceSettings::default()), ..CameraPatch::default() }
}

fn crash() -> Exit {
    Exit::Crashed(Crash::new(CrashKind::Signal(9), ""))
}

fn failure() -> Exit {
    Exit::Failed(Failure::new(FailureCode::Refused, "nobody listens"))
}

impl World {
    fn new(workers: usize) -> Self {
        let mut world = Self::resuming(workers, Vec::new());
        world.settle();
        world
    }

    /// A service that starts with these cameras; its workers are not ready yet.
    fn resuming(workers: usize, cameras: Vec<Camera>) -> Self {
        let settings = WorkerSettings { count: workers, ..WorkerSettings::default() };
        let now = Now { mono: Instant::now(), wall: chrono::Utc::now() };
        Self {
            pool: Pool::new(settings, DetectSettings::default(), cameras, now),
            now,
            jobs: vec![None; workers],
            cancelled: Vec::new(),
            released: Vec::new(),
            audit: Vec::new(),
            stored: Vec::new(),
            forgotten: Vec::new(),
        }
    }

    /// Carries out effects; workers start at once.
    fn settle(&mut self) {
        loop {
            let effects = self.pool.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::StartRunner { worker, generation, .. } => {
                        let info = RunnerInfo { pid: 1, backend: "fake".into() };
                        self.pool.runner_started(worker, generation, Ok(info), self.now);
                    }
                    Effect::RunJob(job) => {
                        let index = job.worker.index();
                        assert!(self.jobs[index].is_none(), "{} is busy", job.worker);
                        self.jobs[index] = Some(*job);
                    }
                    Effect::CancelRun(worker) | Effect::KillRun(worker) => {
                        self.cancelled.push(worker);
                    }
                    Effect::Released(id) => self.released.push(id),
                    Effect::Store(Write::Audit(entry)) => {
                        self.stored.push(entry.action.as_str());
                        self.audit.push(*entry);
                    }
                    Effect::Store(Write::SaveCamera(_)) => self.stored.push("save"),
                    Effect::Store(Write::ForgetCamera(_)) => self.stored.push("forget"),
                    Effect::Store(other) => panic!("not the pool's: {other}"),
                    Effect::ForgetCamera(_) => {}
                    Effect::UpdateScene(worker, scene) => {
                        let job = self.jobs[worker.index()].as_mut();
                        job.expect("only a run is told").scene = *scene;
                    }
                    Effect::ForgetSceneItem(_, id) => self.forgotten.push(match id {
                        SceneItemId::Line(line) => line.to_string(),
                        SceneItemId::Zone(zone) => zone.to_string(),
                    }),
                    Effect::Reconnect(..) | Effect::WorkerFailed(..) => {}
                }
            }
        }
    }

    fn start(&mut self, id: i64, patch: CameraPatch) -> Result<WorkerId, PoolError> {
        let result = self.pool.start_camera(camera(id), patch, &me(), self.now);
        self.settle();
        result
    }

    fn finish(&mut self, worker: WorkerId, exit: Exit) {
        let Some(job) = self.jobs[worker.index()].take() else { return };
        let ready = !matches!(exit, Exit::Crashed(_));
        self.pool.run_finished(worker, job.run, exit, ready, self.now);
        self.settle();
    }

    fn finish_cancelled(&mut self) {
        for worker in std::mem::take(&mut self.cancelled) {
            self.finish(worker, Exit::Cancelled);
        }
    }

    fn progress(&mut self, worker: WorkerId, frames: u32) {
        let Some(run) = self.jobs[worker.index()].as_ref().map(|job| job.run) else { return };
        let info = StreamInfo { width: 1, height: 1, fps: None };
        let progress = Progress { frames, people: Some(2), ..Progress::default() };
        for report in [RunReport::Opened(info), RunReport::Progress(progress)] {
            self.pool.run_event(worker, run, report, self.now);
        }
    }

    fn pass(&mut self, seconds: f64) {
        let span = Duration::from_secs_f64(seconds);
        self.now = Now { mono: self.now.mono + span, wall: self.now.wall + span };
        self.pool.tick(self.now);
        self.settle();
    }

    fn state(&self, id: i64) -> CameraState {
        self.pool.camera(camera(id), self.now).unwrap().state
    }

    fn worker_of(&self, id: i64) -> Option<WorkerId> {
        self.pool.camera(camera(id), self.now).unwrap().worker_id
    }

    fn status(&self, number: usize) -> WorkerStatus {
        self.pool.worker(worker(number), self.now).unwrap().status
    }

    fn queued(&self) -> Vec<i32> {
        self.pool.queue().iter().map(|entry| entry.camera_id.get()).collect()
    }
}

#[test]
fn four_cameras_take_four_workers_and_the_fifth_waits() {
    let mut world = World::new(4);
    for id in 1..=4 {
        assert_eq!(world.start(id, live()), Ok(worker(id as usize)));
    }
    let waits = PoolError::NoAvailableWorkers { camera_id: camera(5), position: 1 };
    assert_eq!(world.start(5, live()), Err(waits));
    assert_eq!(world.start(5, live()), Err(PoolError::CameraHasTask(camera(5))));
    assert_eq!(world.state(5), CameraState::Pending);
    world.pool.stop_camera(camera(2), &me(), world.now).unwrap();
    world.settle();
    world.finish_cancelled();
    assert_eq!((world.state(2), world.worker_of(5)), (CameraState::Stopped, Some(worker(2))));
}

#[test]
fn the_worker_that_rested_longest_is_next() {
    let mut world = World::new(3);
    world.start(1, live()).unwrap();
    world.pass(1.0);
    world.finish(worker(1), failure());
    assert_eq!(world.start(2, live()), Ok(worker(2)));
    assert_eq!(world.start(3, live()), Ok(worker(3)));
    assert_eq!(world.start(4, live()), Ok(worker(1)));
}

#[test]
fn a_crashed_workers_camera_moves_at_once_and_the_worker_comes_back() {
    let mut world = World::new(2);
    world.start(1, live()).unwrap();
    world.finish(worker(1), crash());
    assert_eq!((world.worker_of(1), world.status(1)), (Some(worker(2)), WorkerStatus::Restarting));
    world.pass(0.3);
    assert_eq!(world.status(1), WorkerStatus::Idle);
    let view = world.pool.worker(worker(1), world.now).unwrap();
    assert_eq!((view.restarts, view.error_count), (1, 1));
}

#[test]
fn a_crashed_workers_camera_goes_before_those_that_wait() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    world.start(2, live()).unwrap_err();
    world.finish(worker(1), crash());
    assert_eq!(world.queued(), [1, 2]);
    world.pass(0.3);
    assert_eq!((world.worker_of(1), world.queued()), (Some(worker(1)), vec![2]));
}

#[test]
fn a_camera_that_fails_frees_its_worker_and_comes_back_later_each_time() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    let mut waits = Vec::new();
    for _ in 0..8 {
        world.finish(worker(1), failure());
        assert_eq!((world.state(1), world.status(1)), (CameraState::Backoff, WorkerStatus::Idle));
        let view = world.pool.camera(camera(1), world.now).unwrap();
        assert_eq!(view.last_error.unwrap().0.code, FailureCode::Refused);
        let wait = (view.retry_at.unwrap() - world.now.wall).as_seconds_f64();
        waits.push(wait);
        world.pass(wait + 0.01);
        assert_eq!(world.state(1), CameraState::Opening);
    }
    assert!(
        waits[0] <= 1.0 && waits[0] >= 0.75 && waits[7] <= 60.0 && waits[7] >= 45.0,
        "{waits:?}"
    );
    assert_eq!(world.pool.worker(worker(1), world.now).unwrap().error_count, 8);
}

#[test]
fn too_many_crashes_quarantine_a_worker_until_an_operator_restarts_it() {
    let mut world = World::new(1);
    for id in 1..=6 {
        let _ = world.start(id, live());
        world.pass(4.0);
        world.finish(worker(1), crash());
    }
    assert_eq!(world.status(1), WorkerStatus::Quarantined);
    world.pass(60.0);
    assert_eq!(world.status(1), WorkerStatus::Quarantined);
    world.pool.restart_worker(worker(1), false, &me(), world.now).unwrap();
    world.settle();
    assert_eq!(world.status(1), WorkerStatus::Busy);
}

#[test]
fn a_camera_that_kills_worker_after_worker_has_to_wait() {
    let mut world = World::new(4);
    world.start(1, live()).unwrap();
    for _ in 0..6 {
        world.pass(0.5);
        let on = world.worker_of(1).unwrap();
        world.finish(on, crash());
    }
    let view = world.pool.camera(camera(1), world.now).unwrap();
    assert_eq!(view.state, CameraState::Backoff);
    assert_eq!(view.last_error.unwrap().0.code, FailureCode::CrashLoop);
}

#[test]
fn a_recording_that_crashes_thrice_at_one_frame_is_given_up() {
    let mut world = World::new(4);
    world.start(1, recording()).unwrap();
    for frames in [300, 301, 299] {
        let on = world.worker_of(1).unwrap();
        world.progress(on, frames);
        world.finish(on, crash());
    }
    assert_eq!(world.state(1), CameraState::Failed);
    let error = world.pool.camera(camera(1), world.now).unwrap().last_error.unwrap();
    assert_eq!(error.0.code, FailureCode::PoisonedInput);
    assert!(world.start(1, CameraPatch::default()).is_ok(), "an operator may insist");
}

#[test]
fn a_stop_works_in_every_state() {
    let mut world = World::new(1);
    assert_eq!(
        world.pool.stop_camera(camera(1), &me(), world.now),
        Err(PoolError::CameraNotFound(camera(1)))
    );
    world.start(1, live()).unwrap();
    world.start(2, live()).unwrap_err();
    assert_eq!(world.pool.stop_camera(camera(2), &me(), world.now), Ok(Completion::Done));
    assert_eq!(world.pool.stop_camera(camera(1), &me(), world.now), Ok(Completion::WhenReleased));
    world.settle();
    // It crashes instead of ending as it was told: stopped all the same.
    world.finish(worker(1), crash());
    assert_eq!((world.state(1), world.state(2)), (CameraState::Stopped, CameraState::Stopped));
    assert_eq!(world.released, [camera(1)]);
    let again = world.pool.stop_camera(camera(1), &me(), world.now);
    assert_eq!(again, Err(PoolError::CameraAlreadyStopped(camera(1))));
    world.pass(1.0);
    world.start(1, CameraPatch::default()).unwrap();
    world.finish(worker(1), failure());
    assert_eq!(world.pool.stop_camera(camera(1), &me(), world.now), Ok(Completion::Done));
    world.pass(100.0);
    assert_eq!(world.state(1), CameraState::Stopped);
}

#[test]
fn a_restarted_worker_gives_its_camera_to_another() {
    let mut world = World::new(2);
    world.start(1, live()).unwrap();
    world.pool.restart_worker(worker(1), false, &me(), world.now).unwrap();
    world.settle();
    assert_eq!(world.status(1), WorkerStatus::Busy, "until its run has ended");
    world.finish_cancelled();
    assert_eq!((world.worker_of(1), world.status(1)), (Some(worker(2)), WorkerStatus::Idle));
    assert_eq!(world.pool.worker(worker(1), world.now).unwrap().restarts, 1);
    assert!(world.pool.restart_worker(worker(3), false, &me(), world.now).is_err());
}

#[test]
fn a_changed_camera_runs_on_with_its_new_settings() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    assert_eq!(world.pool.put_camera(camera(1), live(), &me(), world.now), Ok(false));
    world.settle();
    assert!(world.cancelled.is_empty(), "nothing has changed");
    assert_eq!(world.pool.put_camera(camera(1), recording(), &me(), world.now), Ok(false));
    world.settle();
    world.finish_cancelled();
    assert!(world.jobs[0].as_ref().unwrap().url.is_file());
    let error =
        world.pool.put_camera(camera(1), CameraPatch::default(), &me(), world.now).unwrap_err();
    assert!(error.to_string().contains("stream_url"), "{error}");
}

#[test]
fn a_deleted_camera_is_gone_once_its_worker_lets_go() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    world.pool.stop_camera(camera(1), &me(), world.now).unwrap();
    assert_eq!(world.pool.delete_camera(camera(1), &me(), world.now), Ok(Completion::WhenReleased));
    world.settle();
    world.finish_cancelled();
    assert!(world.pool.camera(camera(1), world.now).is_err());
    assert_eq!(world.status(1), WorkerStatus::Idle);
}

#[test]
fn a_drained_pool_starts_nothing() {
    let mut world = World::new(2);
    world.start(1, live()).unwrap();
    world.pool.drain(world.now);
    world.settle();
    assert!(!world.pool.is_drained());
    world.finish_cancelled();
    assert!(world.pool.is_drained());
    assert_eq!(world.start(2, live()), Err(PoolError::Draining));
    let camera = &world.pool.camera(camera(1), world.now).unwrap().camera;
    assert_eq!(camera.desired.as_str(), "running", "it resumes when the service is back");
}

#[derive(Debug, Clone)]
enum Step {
    Start(i64),
    Stop(i64),
    Delete(i64),
    Finish(usize, u8),
    Progress(usize),
    Restart(usize, bool),
    LetGo,
    Pass(f64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (id, slot) = (1..7_i64, 1..4_usize);
    prop::collection::vec(
        prop_oneof![
            4 => id.clone().prop_map(Step::Start),
            2 => id.clone().prop_map(Step::Stop),
            1 => id.prop_map(Step::Delete),
            4 => (slot.clone(), 0..3_u8).prop_map(|(slot, how)| Step::Finish(slot, how)),
            2 => slot.clone().prop_map(Step::Progress),
            1 => (slot, any::<bool>()).prop_map(|(slot, force)| Step::Restart(slot, force)),
            3 => Just(Step::LetGo),
            3 => (0.0..40.0).prop_map(Step::Pass),
        ],
        0..120,
    )
}

proptest! {
    /// Whatever happens in whatever order: a camera is in one place, a worker has one camera,
    /// and no camera waits while a worker is idle.
    #[test]
    fn no_camera_is_lost_or_doubled(steps in steps()) {
        let mut world = World::new(3);
        for step in steps {
            match step {
                Step::Start(id) => drop(world.start(id, live())),
                Step::Stop(id) => drop(world.pool.stop_camera(camera(id), &me(), world.now)),
                Step::Delete(id) => drop(world.pool.delete_camera(camera(id), &me(), world.now)),
                Step::Finish(slot, 0) => world.finish(worker(slot), crash()),
                Step::Finish(slot, 1) => world.finish(worker(slot), Exit::Ended),
                Step::Finish(slot, _) => world.finish(worker(slot), failure()),
                Step::Progress(slot) => world.progress(worker(slot), 30),
                Step::Restart(slot, force) => {
                    drop(world.pool.restart_worker(worker(slot), force, &me(), world.now));
                }
                Step::LetGo => world.finish_cancelled(),
                Step::Pass(seconds) => world.pass(seconds),
            }
            world.settle();
            check(&world)?;
        }
    }
}

fn check(world: &World) -> Result<(), TestCaseError> {
    let now = world.now;
    let workers = world.pool.workers(now);
    for view in world.pool.cameras(now) {
        let id = view.camera.id;
        let on: Vec<_> = workers.iter().filter(|w| w.current_task == Some(id)).collect();
        let queued = world.pool.queue().iter().filter(|entry| entry.camera_id == id).count();
        let active = matches!(view.state, CameraState::Opening | CameraState::Processing);
        prop_assert_eq!(on.len(), usize::from(active), "{:?}", view);
        prop_assert_eq!(queued, usize::from(view.state == CameraState::Pending), "{:?}", view);
        prop_assert_eq!(view.retry_at.is_some(), view.state == CameraState::Backoff);
    }
    for (index, worker) in workers.iter().enumerate() {
        let job = world.jobs[index].as_ref().map(|job| job.camera);
        prop_assert_eq!(worker.current_task, job);
    }
    let idle = workers.iter().any(|w| w.status == WorkerStatus::Idle);
    prop_assert!(!idle || world.pool.queue().is_empty(), "a camera waits though a worker is idle");
    prop_assert_eq!(world.pool.health().phase, PoolPhase::Ready);
    Ok(())
}

#[test]
fn answers_of_an_older_run_or_start_change_nothing() {
    let mut world = World::new(1);
    world.start(1, live()).unwrap();
    world.pool.run_finished(worker(1), RunId(0), crash(), false, world.now);
    let late = Err(Crash::new(CrashKind::Start, ""));
    world.pool.runner_started(worker(1), 99, late, world.now);
    assert_eq!(world.status(1), WorkerStatus::Busy);
}
