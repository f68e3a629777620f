//! The pool's state and what operators do to it. No actor, no clock, no I/O: every method takes
//! the time and leaves [`Effect`]s for the actor to carry out.

use std::collections::BTreeMap;

use becamera_domain::{
    Camera, CameraId, CameraPatch, CameraSettings, DesiredState, DetectSettings, InvalidField, Job,
    Now, Requester, RunId, Scene, SceneItemId, WorkerId, Write, settings::WorkerSettings,
};

use super::{
    camera_task::{ActiveRun, CameraTask, Ending, TaskState},
    queue::TaskQueue,
    resume::Resume,
    slot::{Slot, SlotEvent, SlotState},
};
use crate::messages::{PoolError, PoolPhase};

/// What the actor must do on the pool's behalf, in order.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Start a worker's runner; `fresh` ends the one it has first.
    StartRunner {
        /// The worker.
        worker: WorkerId,
        /// The number of this start.
        generation: u64,
        /// End what runs there first.
        fresh: bool,
    },
    /// Give a worker a job.
    RunJob(Box<Job>),
    /// Ask a worker's run to end.
    CancelRun(WorkerId),
    /// Kill a worker's process.
    KillRun(WorkerId),
    /// Give a worker's run other lines and zones.
    UpdateScene(WorkerId, Box<Scene>),
    /// Write to the store; an audit entry comes before the change that it is about.
    Store(Write),
    /// A camera is gone.
    ForgetCamera(CameraId),
    /// Forget the metrics of a line or zone.
    ForgetSceneItem(CameraId, SceneItemId),
    /// A camera's worker has released it: tell the callers that wait for that.
    Released(CameraId),
    /// A stream has to be opened again, for this reason.
    Reconnect(CameraId, &'static str),
    /// A worker failed, for this reason.
    WorkerFailed(WorkerId, &'static str),
}

/// How a command that may have to wait for a worker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// The command is done.
    Done,
    /// The command is done when `Effect::Released` names the camera.
    WhenReleased,
}

/// The pool.
#[derive(Debug)]
pub struct Pool {
    pub(super) settings: WorkerSettings,
    pub(super) detect: DetectSettings,
    pub(super) slots: Vec<Slot>,
    pub(super) cameras: BTreeMap<CameraId, CameraTask>,
    pub(super) queue: TaskQueue,
    pub(super) resume: Resume,
    pub(super) phase: PoolPhase,
    pub(super) effects: Vec<Effect>,
    next_run: RunId,
}

impl Pool {
    /// A pool with these cameras; those that should run are queued and go one after another. Its
    /// workers must be started.
    pub fn new(
        settings: WorkerSettings,
        detect: DetectSettings,
        cameras: Vec<Camera>,
        now: Now,
    ) -> Self {
        let slots = (0..settings.count).map(|i| Slot::new(WorkerId::from_index(i))).collect();
        let running = cameras.iter().filter(|camera| camera.desired == DesiredState::Running);
        let resume = Resume::new(running.map(|camera| camera.id), settings.resume_interval);
        let mut pool = Self {
            settings,
            detect,
            slots,
            cameras: BTreeMap::new(),
            queue: TaskQueue::default(),
            resume,
            phase: PoolPhase::Starting,
            effects: Vec::new(),
            next_run: RunId::first(now.wall),
        };
        for camera in cameras {
            let (id, desired) = (camera.id, camera.desired);
            pool.cameras.insert(id, CameraTask::new(camera, now));
            if desired == DesiredState::Running {
                log::info!("camera {id}: resumes, it was running when the service stopped");
                pool.enqueue(id, now);
            }
        }
        for index in 0..pool.slots.len() {
            pool.start_runner(index, false);
        }
        pool
    }

    /// What is to be done since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Starts a camera. See [`crate::messages::StartCamera`].
    pub fn start_camera(
        &mut self,
        id: CameraId,
        patch: CameraPatch,
        by: &Requester,
        now: Now,
    ) -> Result<WorkerId, PoolError> {
        self.refuse_when_draining()?;
        patch.validate()?;
        let before = self.cameras.get(&id).map(|task| task.camera.clone());
        match self.cameras.get_mut(&id) {
            Some(task) if task.has_task() => return Err(PoolError::CameraHasTask(id)),
            Some(task) => {
                apply_patch(&mut task.camera, patch);
                task.camera.desired = DesiredState::Running;
                task.camera.updated_at = now.wall;
                task.start_afresh();
            }
            None if patch.stream_url.is_none() => return Err(PoolError::CameraNotFound(id)),
            None => self.register(id, patch, DesiredState::Running, now)?,
        }
        self.audit_change(id, before.as_ref(), by, now);
        self.save(id);
        self.enqueue(id, now);
        self.dispatch(now);
        match (self.cameras.get(&id).and_then(CameraTask::active), self.queue.position(id)) {
            (Some(run), _) => Ok(run.worker),
            (None, position) => {
                log::warn!(
                    "no available workers: camera {id} waits, {} in the queue, {} of {} workers busy",
                    self.queue.len(),
                    self.slots.iter().filter(|s| matches!(s.state, SlotState::Busy { .. })).count(),
                    self.slots.len()
                );
                Err(PoolError::NoAvailableWorkers {
                    camera_id: id,
                    position: position.unwrap_or_default(),
                })
            }
        }
    }

    /// Stops a camera. See [`crate::messages::StopCamera`].
    pub fn stop_camera(
        &mut self,
        id: CameraId,
        by: &Requester,
        now: Now,
    ) -> Result<Completion, PoolError> {
        let task = self.cameras.get_mut(&id).ok_or(PoolError::CameraNotFound(id))?;
        if matches!(task.state, TaskState::Stopped | TaskState::Idle) {
            return Err(PoolError::CameraAlreadyStopped(id));
        }
        if task.camera.desired != DesiredState::Stopped {
            self.no_longer_wanted(id, by, now);
        }
        Ok(self.end_task(id, Ending::Stop, now))
    }

    /// Registers or replaces a camera. See [`crate::messages::PutCamera`]. Answers whether it is
    /// new.
    pub fn put_camera(
        &mut self,
        id: CameraId,
        definition: CameraPatch,
        by: &Requester,
        now: Now,
    ) -> Result<bool, PoolError> {
        self.refuse_when_draining()?;
        definition.validate()?;
        if definition.stream_url.is_none() {
            return Err(InvalidField::new("stream_url", "is required").into());
        }
        let Some(task) = self.cameras.get_mut(&id) else {
            self.register(id, definition, DesiredState::Stopped, now)?;
            if let Some(task) = self.cameras.get_mut(&id) {
                task.set(TaskState::Idle, now);
            }
            self.audit_change(id, None, by, now);
            self.save(id);
            return Ok(true);
        };
        let before = task.camera.clone();
        task.camera.name = None;
        // Lines and zones have addresses of their own.
        let scene = std::mem::take(&mut task.camera.settings.scene);
        task.camera.settings = CameraSettings { scene, ..CameraSettings::default() };
        task.camera.updated_at = now.wall;
        apply_patch(&mut task.camera, definition);
        let changed =
            before.stream_url != task.camera.stream_url || before.settings != task.camera.settings;
        let state = task.state;
        self.audit_change(id, Some(&before), by, now);
        self.save(id);
        match state {
            TaskState::Active(_) if changed => {
                log::info!("camera {id}: changed, its stream is opened anew");
                self.end_task(id, Ending::Requeue, now);
            }
            TaskState::Backoff { .. } if changed => {
                self.enqueue(id, now);
                self.dispatch(now);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Deletes a camera. See [`crate::messages::DeleteCamera`].
    pub fn delete_camera(
        &mut self,
        id: CameraId,
        by: &Requester,
        now: Now,
    ) -> Result<Completion, PoolError> {
        let task = self.cameras.get(&id).ok_or(PoolError::CameraNotFound(id))?;
        if task.active().is_none_or(|run| run.ending != Some(Ending::Delete)) {
            self.audit_deletion(id, by, now);
        }
        Ok(self.end_task(id, Ending::Delete, now))
    }

    /// Ends everything: runs are cancelled, nothing new begins.
    pub fn drain(&mut self, now: Now) {
        self.phase = PoolPhase::Draining;
        self.queue.clear();
        for slot in &mut self.slots {
            if matches!(slot.state, SlotState::Busy { .. }) {
                self.effects.push(Effect::CancelRun(slot.worker));
            } else {
                slot.apply(SlotEvent::Stop);
            }
        }
        for task in self.cameras.values_mut().filter(|task| task.active().is_none()) {
            if task.has_task() {
                task.set(TaskState::Idle, now);
            }
        }
    }

    /// Whether every worker has let go after [`Pool::drain`].
    pub fn is_drained(&self) -> bool {
        self.phase == PoolPhase::Draining
            && self.slots.iter().all(|s| s.state == SlotState::Stopped)
    }

    /// Gives queued cameras to idle workers, each to the one that has rested longest.
    pub(super) fn dispatch(&mut self, now: Now) {
        if self.phase == PoolPhase::Draining {
            return;
        }
        loop {
            let idle = self.slots.iter().enumerate().filter(|(_, s)| s.state == SlotState::Idle);
            let Some((index, _)) = idle.min_by_key(|(_, slot)| slot.last_used) else { return };
            let may_go = |id| self.resume.lets(id, now.mono);
            let Some(id) = self.queue.pop(may_go) else { return };
            let Some(task) = self.cameras.get_mut(&id) else { continue };
            let (slot, run) = (&mut self.slots[index], self.next_run);
            if !slot.apply(SlotEvent::Assign { run, camera: id }) {
                return;
            }
            self.next_run = run.next();
            self.resume.taken(id, now.mono);
            slot.last_used = Some(now.mono);
            slot.assigned_at = Some(now.wall);
            slot.rate.reset(now.mono);
            let active = ActiveRun { run, worker: slot.worker, opened: None, ending: None };
            task.set(TaskState::Active(active), now);
            task.run_frames = 0;
            log::info!(
                "camera {id}: assigned to {}, opening {}",
                slot.worker,
                task.camera.stream_url
            );
            self.effects.push(Effect::RunJob(Box::new(Job {
                run,
                camera: id,
                worker: slot.worker,
                url: task.camera.stream_url.clone(),
                detect: task.camera.settings.detect.apply(&self.detect),
                source: task.camera.settings.source,
                scene: task.camera.settings.scene.clone(),
            })));
        }
    }

    pub(super) fn enqueue(&mut self, id: CameraId, now: Now) {
        if let Some(task) = self.cameras.get_mut(&id) {
            task.set(TaskState::Pending, now);
            self.queue.push(id, now.wall);
        }
    }

    pub(super) fn start_runner(&mut self, index: usize, fresh: bool) {
        let slot = &mut self.slots[index];
        if !slot.apply(SlotEvent::Start) {
            return;
        }
        if slot.generation > 1 {
            slot.restarts += 1;
        }
        slot.info = None;
        slot.usage = None;
        slot.ready_since = None;
        let (worker, generation) = (slot.worker, slot.generation);
        self.effects.push(Effect::StartRunner { worker, generation, fresh });
    }

    pub(super) fn save(&mut self, id: CameraId) {
        if let Some(task) = self.cameras.get(&id) {
            let write = Write::SaveCamera(Box::new(task.camera.clone()));
            self.effects.push(Effect::Store(write));
        }
    }

    /// Notes that a camera is not to run, neither now nor after a restart of the service.
    pub(super) fn no_longer_wanted(&mut self, id: CameraId, by: &Requester, now: Now) {
        let Some(task) = self.cameras.get_mut(&id) else { return };
        let before = task.camera.clone();
        task.camera.desired = DesiredState::Stopped;
        task.camera.updated_at = now.wall;
        self.audit_change(id, Some(&before), by, now);
        self.save(id);
    }

    pub(super) fn forget(&mut self, id: CameraId) {
        self.queue.remove(id);
        let scene =
            self.cameras.remove(&id).map(|task| task.camera.settings.scene).unwrap_or_default();
        self.effects.extend(scene.ids().map(|item| Effect::ForgetSceneItem(id, item)));
        self.effects.push(Effect::Store(Write::ForgetCamera(id)));
        self.effects.push(Effect::ForgetCamera(id));
        self.effects.push(Effect::Released(id));
        log::info!("camera {id}: deleted");
    }

    /// Ends a camera's task, at once where no worker has it.
    fn end_task(&mut self, id: CameraId, ending: Ending, now: Now) -> Completion {
        let Some(task) = self.cameras.get_mut(&id) else { return Completion::Done };
        if let Some(run) = task.active_mut() {
            run.ending = run.ending.max(Some(ending));
            let worker = run.worker;
            self.effects.push(Effect::CancelRun(worker));
            return Completion::WhenReleased;
        }
        self.queue.remove(id);
        self.resume.remove(id);
        match ending {
            Ending::Requeue => {}
            Ending::Stop => {
                task.set(TaskState::Stopped, now);
                log::info!("camera {id}: stopped");
            }
            Ending::Delete => self.forget(id),
        }
        Completion::Done
    }

    fn register(
        &mut self,
        id: CameraId,
        patch: CameraPatch,
        desired: DesiredState,
        now: Now,
    ) -> Result<(), PoolError> {
        if self.cameras.len() >= self.settings.max_cameras {
            return Err(PoolError::TooManyCameras(self.settings.max_cameras));
        }
        let Some(stream_url) = patch.stream_url.clone() else {
            return Err(InvalidField::new("stream_url", "is required").into());
        };
        let mut camera = Camera {
            id,
            name: None,
            stream_url,
            settings: CameraSettings::default(),
            desired,
            created_at: now.wall,
            updated_at: now.wall,
        };
        apply_patch(&mut camera, patch);
        log::info!("camera {id}: registered with {}", camera.stream_url);
        self.cameras.insert(id, CameraTask::new(camera, now));
        Ok(())
    }

    pub(super) fn refuse_when_draining(&self) -> Result<(), PoolError> {
        if self.phase == PoolPhase::Draining { Err(PoolError::Draining) } else { Ok(()) }
    }
}

fn apply_patch(camera: &mut Camera, patch: CameraPatch) {
    let CameraPatch { name, stream_url, detect, source } = patch;
    camera.name = name.or(camera.name.take());
    if let Some(url) = stream_url {
        camera.stream_url = url;
    }
    camera.settings.detect = detect.unwrap_or(camera.settings.detect);
    camera.settings.source = source.unwrap_or(camera.settings.source);
}

#[cfg(test)]
mod tests;
