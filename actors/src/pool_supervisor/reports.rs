//! What workers report to the pool, and what the passing of time brings.

use std::time::Instant;

use becamera_domain::{
    Budget, CameraId, Crash, Crossing, Exit, Failure, FailureCode, LatestCount, Now, Progress,
    Requester, RunId, RunnerInfo, StreamInfo, WorkerId,
};

use super::{
    camera_task::{AfterCrash, CameraTask, Ending, TaskState},
    pool::{Effect, Pool},
    slot::{Slot, SlotEvent, SlotState},
};
use crate::{
    backoff::{Backoff, RestartDecision},
    messages::PoolPhase,
    worker::RunReport,
};

/// Frames of a camera from one log line of frame processing to the next.
const LOG_EVERY_FRAMES: u64 = 100;

/// What a report of a run changed.
#[derive(Debug, Clone, PartialEq)]
pub enum RunUpdate {
    /// Nothing that others need to know.
    None,
    /// The camera's state changed.
    State,
    /// The camera has a new count.
    Count(LatestCount),
    /// Somebody crossed one of the camera's lines.
    Crossing {
        /// The crossing.
        crossing: Crossing,
        /// Whether its line is still there.
        drawn: bool,
    },
}

impl Pool {
    /// A worker's runner is ready, or could not start.
    pub fn runner_started(
        &mut self,
        worker: WorkerId,
        generation: u64,
        result: Result<RunnerInfo, Crash>,
        now: Now,
    ) {
        let Some(slot) = self.slots.get_mut(worker.index()) else { return };
        if slot.state != (SlotState::Starting { generation }) {
            return;
        }
        match result {
            Ok(info) => {
                if slot.restarts > 0 {
                    log::info!("{worker}: recovered (process {}, {})", info.pid, info.backend);
                } else {
                    log::info!("{worker}: ready (process {}, {})", info.pid, info.backend);
                }
                slot.apply(SlotEvent::Ready);
                slot.info = Some(info);
                slot.ready_since = Some(now.wall);
            }
            Err(crash) => self.worker_failed(worker, &crash, None, now),
        }
        self.announce_start();
        self.dispatch(now);
    }

    /// An idle worker's process is gone.
    pub fn runner_died(&mut self, worker: WorkerId, crash: &Crash, now: Now) {
        let idle = self.slots.get(worker.index()).is_some_and(|s| s.state == SlotState::Idle);
        if idle {
            self.worker_failed(worker, crash, None, now);
        }
    }

    /// A run reports something.
    pub fn run_event(
        &mut self,
        worker: WorkerId,
        run: RunId,
        report: RunReport,
        now: Now,
    ) -> RunUpdate {
        let Some((slot, id, task)) = self.running(worker, run) else { return RunUpdate::None };
        match report {
            RunReport::Opened(info) => {
                opened(slot, id, task, info, now);
                RunUpdate::State
            }
            RunReport::Progress(progress) => {
                progressed(slot, id, task, &progress, now);
                let is_new = progress.new_count().is_some();
                let count = task.count.clone().filter(|_| is_new);
                count.map_or(RunUpdate::None, RunUpdate::Count)
            }
            RunReport::Crossing(crossing) => {
                let mut lines = task.camera.settings.scene.lines.iter();
                let drawn = lines.any(|line| line.id == crossing.line_id);
                RunUpdate::Crossing { crossing, drawn }
            }
        }
    }

    /// A run is over. `ready`: the worker can take the next one as it is.
    pub fn run_finished(
        &mut self,
        worker: WorkerId,
        run: RunId,
        exit: Exit,
        ready: bool,
        now: Now,
    ) {
        let Some((slot, id, task)) = self.running(worker, run) else { return };
        let ending = task.active().and_then(|run| run.ending);
        let restart = std::mem::take(&mut slot.restart_after_run);
        slot.assigned_at = None;
        slot.inference_ms = None;
        let failed = matches!(exit, Exit::Failed(_)) && ending.is_none();
        slot.error_count += u64::from(failed);
        if let (true, Exit::Failed(failure)) = (failed, &exit) {
            let message = task.camera.stream_url.redact_in(&failure.message);
            slot.last_error = Some((format!("camera {id}: {message}"), now.wall));
        }
        match &exit {
            _ if self.phase == PoolPhase::Draining => {
                self.slots[worker.index()].apply(SlotEvent::Stop);
            }
            Exit::Crashed(crash) if !restart => self.worker_failed(worker, crash, Some(id), now),
            _ if restart => self.start_runner(worker.index(), true),
            _ if ready => {
                self.slots[worker.index()].apply(SlotEvent::Release);
            }
            _ => self.start_runner(worker.index(), false),
        }
        self.camera_released(id, worker, ending, exit, now);
        self.dispatch(now);
    }

    /// Starts what is due and answers when to look again.
    pub fn tick(&mut self, now: Now) -> Option<Instant> {
        for index in 0..self.slots.len() {
            if self.slots[index].due().is_some_and(|due| due <= now.mono) {
                log::info!("{}: restarts", self.slots[index].worker);
                self.start_runner(index, true);
            }
        }
        let due = |task: &CameraTask| match task.state {
            TaskState::Backoff { until } => Some(until),
            _ => None,
        };
        let ready: Vec<CameraId> = self
            .cameras
            .iter()
            .filter(|(_, task)| due(task).is_some_and(|until| until <= now.mono))
            .map(|(id, _)| *id)
            .collect();
        for id in ready {
            self.enqueue(id, now);
        }
        self.dispatch(now);
        let slots = self.slots.iter().filter_map(Slot::due);
        let idle = self.slots.iter().any(|slot| slot.state == SlotState::Idle);
        let resume = self.resume.due().filter(|_| idle);
        slots.chain(self.cameras.values().filter_map(due)).chain(resume).min()
    }

    fn running(
        &mut self,
        worker: WorkerId,
        run: RunId,
    ) -> Option<(&mut Slot, CameraId, &mut CameraTask)> {
        let slot = self.slots.get_mut(worker.index())?;
        let SlotState::Busy { run: current, camera } = slot.state else { return None };
        let task = self.cameras.get_mut(&camera).filter(|_| current == run)?;
        Some((slot, camera, task))
    }

    fn worker_failed(
        &mut self,
        worker: WorkerId,
        crash: &Crash,
        camera: Option<CameraId>,
        now: Now,
    ) {
        let slot = &mut self.slots[worker.index()];
        let on = camera.map(|id| format!(" on camera {id}")).unwrap_or_default();
        slot.error_count += 1;
        slot.last_error = Some((format!("{crash}{on}"), now.wall));
        slot.info = None;
        slot.usage = None;
        match slot.crashes.record(now.mono, &self.settings, rand::random()) {
            RestartDecision::After(wait) => {
                log::error!("{worker}: crashed{on}: {crash}; restarts in {} ms", wait.as_millis());
                slot.apply(SlotEvent::BackOff { until: now.mono + wait });
            }
            RestartDecision::Quarantine(wait) => {
                log::error!(
                    "{worker}: crashed{on}: {crash}; quarantined for {} s after more than {} crashes in {} s",
                    wait.as_secs(),
                    self.settings.max_crashes,
                    self.settings.crash_window.as_secs()
                );
                slot.apply(SlotEvent::Quarantine { until: now.mono + wait });
            }
        }
        self.effects.push(Effect::WorkerFailed(worker, crash.kind.reason()));
    }

    fn camera_released(
        &mut self,
        id: CameraId,
        worker: WorkerId,
        ending: Option<Ending>,
        exit: Exit,
        now: Now,
    ) {
        let draining = self.phase == PoolPhase::Draining;
        let Some(task) = self.cameras.get_mut(&id) else { return };
        match (ending, exit) {
            (Some(Ending::Delete), _) => return self.forget(id),
            (Some(Ending::Stop), _) => {
                task.set(TaskState::Stopped, now);
                log::info!("camera {id}: stopped, released by {worker}");
            }
            (None | Some(Ending::Requeue), _) if draining => {
                task.set(TaskState::Idle, now);
                log::info!("camera {id}: released by {worker}, the service stops");
            }
            (Some(Ending::Requeue), _) | (None, Exit::Cancelled) => self.requeue_first(id, now),
            (None, Exit::Ended) => {
                task.set(TaskState::Idle, now);
                log::info!("camera {id}: read to its end by {worker}, {} frames", task.run_frames);
                self.no_longer_wanted(id, &Requester::system(), now);
            }
            (None, Exit::Failed(failure)) => self.camera_failed(id, worker, failure, now),
            (None, Exit::Crashed(crash)) => self.camera_crashed(id, &crash, now),
        }
        self.effects.push(Effect::Released(id));
    }

    fn camera_failed(&mut self, id: CameraId, worker: WorkerId, failure: Failure, now: Now) {
        let settings = &self.settings;
        let backoff = Backoff { first: settings.camera_backoff, max: settings.camera_backoff_max };
        let Some(task) = self.cameras.get_mut(&id) else { return };
        let code = failure.code;
        let what = if task.stream.is_some() { "stream lost" } else { "connection error" };
        let sentence = failure.message.clone();
        task.record_failure(failure, settings.healthy_after, now);
        let wait = backoff.delay(task.failures_in_a_row, rand::random());
        task.set(TaskState::Backoff { until: now.mono + wait }, now);
        log::warn!(
            "camera {id}: {what} on {worker}: {sentence} ({code}); tried again in {:.1} s",
            wait.as_secs_f32()
        );
        self.effects.push(Effect::Reconnect(id, code.as_str()));
    }

    fn camera_crashed(&mut self, id: CameraId, crash: &Crash, now: Now) {
        let (max, window) = (self.settings.max_crashes, self.settings.crash_window);
        let Some(task) = self.cameras.get_mut(&id) else { return };
        match task.record_crash(max, window, now) {
            AfterCrash::TryAtOnce => {
                self.effects.push(Effect::Reconnect(id, "worker_crash"));
                self.requeue_first(id, now);
            }
            AfterCrash::BackOff => {
                let message = format!("workers crash on it again and again, last: {crash}");
                let failure = Failure::new(FailureCode::CrashLoop, message);
                let worker = task.active().map_or(WorkerId::from_index(0), |run| run.worker);
                self.camera_failed(id, worker, failure, now);
            }
            AfterCrash::GiveUp { frame } => {
                let message =
                    format!("crashes its worker at about frame {frame} every time: {crash}");
                log::error!("camera {id}: given up: {message}");
                task.last_error =
                    Some((Failure::new(FailureCode::PoisonedInput, message), now.wall));
                task.set(TaskState::Failed, now);
                self.no_longer_wanted(id, &Requester::system(), now);
            }
        }
    }

    fn requeue_first(&mut self, id: CameraId, now: Now) {
        if let Some(task) = self.cameras.get_mut(&id) {
            task.set(TaskState::Pending, now);
            self.queue.push_front(id, now.wall);
            log::info!("camera {id}: back to the head of the queue");
        }
    }

    fn announce_start(&mut self) {
        let starting = |s: &Slot| matches!(s.state, SlotState::Starting { generation: 1 });
        if self.phase == PoolPhase::Starting && !self.slots.iter().any(starting) {
            self.phase = PoolPhase::Ready;
            let ready = self.slots.iter().filter(|s| s.info.is_some()).count();
            if ready == self.slots.len() {
                log::info!("Worker pool started with {ready} workers");
            } else {
                log::error!("Worker pool started with {ready} of {} workers", self.slots.len());
            }
        }
    }
}

fn opened(slot: &mut Slot, id: CameraId, task: &mut CameraTask, info: StreamInfo, now: Now) {
    let Some(run) = task.active_mut().filter(|run| run.opened.is_none()) else { return };
    run.opened = Some(now.mono);
    task.since = now.wall;
    task.rate.reset(now.mono);
    task.budget = None;
    slot.rate.reset(now.mono);
    let fps = info.fps.map(|fps| format!(" at {fps:.1} fps")).unwrap_or_default();
    log::info!("camera {id}: opened by {}, {}x{}{fps}", slot.worker, info.width, info.height);
    task.stream = Some(info);
}

fn granted(id: CameraId, task: &mut CameraTask, budget: Budget) {
    let was_short = task.budget.replace(budget).is_some_and(|before| before.is_short());
    let Budget { asked, granted } = budget;
    if budget.is_short() && !was_short {
        log::warn!(
            "camera {id}: the machine is overloaded: {granted:.1} of the {asked:.1} frames a \
             second are analysed that detect.fps asks for"
        );
    } else if was_short && !budget.is_short() {
        log::info!("camera {id}: all {asked:.1} frames a second are analysed again");
    }
}

fn progressed(slot: &mut Slot, id: CameraId, task: &mut CameraTask, progress: &Progress, now: Now) {
    let frames = u64::from(progress.frames);
    let before = task.run_frames;
    task.run_frames += frames;
    task.rate.add(now.mono, progress.frames);
    slot.processed_frames += frames;
    slot.rate.add(now.mono, progress.frames);
    if !progress.inference_ms.is_empty() {
        let sum: f32 = progress.inference_ms.iter().sum();
        slot.inference_ms = Some(sum / progress.inference_ms.len() as f32);
    }
    if let Some(people) = progress.new_count() {
        // One that was just deleted may still be among them.
        let drawn = &task.camera.settings.scene.zones;
        let zones = progress.zones.iter();
        let zones = zones.filter(|(id, _)| drawn.iter().any(|zone| zone.id == *id));
        task.count = Some(LatestCount {
            camera_id: id,
            people,
            at: now.wall,
            worker_id: slot.worker,
            zones: zones.cloned().collect(),
        });
    }
    if let Some(budget) = progress.budget {
        granted(id, task, budget);
    }
    if before / LOG_EVERY_FRAMES != task.run_frames / LOG_EVERY_FRAMES {
        log::info!(
            "camera {id}: {} frames processed by {} ({:.1} fps, inference {:.1} ms, {} people)",
            task.run_frames / LOG_EVERY_FRAMES * LOG_EVERY_FRAMES,
            slot.worker,
            task.rate.per_second(now.mono),
            slot.inference_ms.unwrap_or_default(),
            task.count.as_ref().map_or(0, |count| count.people)
        );
    }
}
