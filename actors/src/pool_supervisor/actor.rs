//! The supervising actor: carries out the pool's effects on real workers and clocks.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use becamera_domain::{
    Camera, CameraId, CameraState, Crash, CrashKind, DetectSettings, Exit, LiveEvent, Now,
    SceneItemId, WorkerId, settings::WorkerSettings,
};
use futures_channel::oneshot;

use super::{
    pool::{Effect, Pool},
    reports::RunUpdate,
    slot::SlotState,
    state_diff::StateDiff,
    usage::ProcessUsage,
};
use crate::{
    events::Subscribers,
    job_control::JobControl,
    messages::PoolPhase,
    metrics::Metrics,
    pictures::PictureNews,
    storage::StoreWrite,
    worker::{
        CheckRunner, RunJob, RunnerFactory, StartRunner, WorkerActor, WorkerReport, WorkerRoutes,
    },
};

const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// What a supervisor is made of.
pub struct PoolSupervisorConfig {
    /// The pool and its restart policy.
    pub workers: WorkerSettings,
    /// Detection settings of cameras without their own.
    pub detect: DetectSettings,
    /// The registered cameras.
    pub cameras: Vec<Camera>,
    /// Makes each worker's runner, in the worker's own thread.
    pub runners: Arc<RunnerFactory>,
    /// Keeps registrations, counts and the audit trail.
    pub storage: Recipient<StoreWrite>,
    /// Hands pictures on.
    pub pictures: Recipient<PictureNews>,
    /// Told of every count and of every change of a camera's or worker's state.
    pub subscribers: Subscribers,
    /// The service's metrics.
    pub metrics: Metrics,
}

/// The supervisor of the worker pool.
pub struct PoolSupervisor {
    pub(super) pool: Pool,
    diff: StateDiff,
    config: PoolSupervisorConfig,
    workers: Vec<Addr<WorkerActor>>,
    controls: HashMap<WorkerId, Arc<JobControl>>,
    pub(super) waiting_for_release: HashMap<CameraId, Vec<oneshot::Sender<()>>>,
    pub(super) waiting_for_drain: Vec<oneshot::Sender<()>>,
    next_tick: Option<(Instant, SpawnHandle)>,
}

impl PoolSupervisor {
    /// A supervisor whose workers start when it does.
    pub fn new(mut config: PoolSupervisorConfig) -> Self {
        let cameras = std::mem::take(&mut config.cameras);
        let pool = Pool::new(config.workers.clone(), config.detect, cameras, Now::read());
        Self {
            pool,
            diff: StateDiff::default(),
            config,
            workers: Vec::new(),
            controls: HashMap::new(),
            waiting_for_release: HashMap::new(),
            waiting_for_drain: Vec::new(),
            next_tick: None,
        }
    }

    /// Carries out what the pool left to do, and looks when it is next due.
    pub(super) fn settle(&mut self, ctx: &mut Context<Self>) {
        let due = self.pool.tick(Now::read());
        // An effect may lead to further ones.
        loop {
            let effects = self.pool.take_effects();
            if effects.is_empty() {
                break;
            }
            effects.into_iter().for_each(|effect| self.carry_out(effect));
        }
        for event in self.diff.changes(&self.pool, Now::read()) {
            self.config.subscribers.publish(&event);
        }
        self.schedule(due, ctx);
        self.update_gauges();
        if self.pool.is_drained() {
            self.stop_workers(ctx);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::StartRunner { worker, generation, fresh } => {
                self.tell(worker, StartRunner { generation, fresh });
            }
            Effect::RunJob(job) => match JobControl::new() {
                Ok(control) => {
                    let (worker, control) = (job.worker, Arc::new(control));
                    self.controls.insert(worker, control.clone());
                    self.tell(worker, RunJob { job, control });
                }
                Err(error) => {
                    let crash = Crash::new(CrashKind::Start, format!("no control for it: {error}"));
                    let (exit, now) = (Exit::Crashed(crash), Now::read());
                    self.pool.run_finished(job.worker, job.run, exit, true, now);
                }
            },
            Effect::CancelRun(worker) => self.control(worker, JobControl::cancel),
            Effect::KillRun(worker) => self.control(worker, JobControl::kill),
            Effect::UpdateScene(worker, scene) => {
                self.control(worker, |control| control.update_scene(*scene))
            }
            Effect::Store(write) => self.config.storage.do_send(StoreWrite(write)),
            Effect::ForgetCamera(id) => self.config.metrics.forget_camera(id),
            Effect::ForgetSceneItem(id, SceneItemId::Line(line)) => {
                self.config.metrics.forget_line(id, &line);
            }
            Effect::ForgetSceneItem(id, SceneItemId::Zone(zone)) => {
                self.config.metrics.forget_zone(id, &zone);
            }
            Effect::Released(id) => {
                for waiter in self.waiting_for_release.remove(&id).unwrap_or_default() {
                    // A caller that no longer waits need not know.
                    let _ = waiter.send(());
                }
            }
            Effect::Reconnect(id, reason) => {
                let labels = [id.to_string(), reason.to_owned()];
                self.config.metrics.reconnects.with_label_values(&labels).inc();
            }
            Effect::WorkerFailed(worker, reason) => {
                self.controls.remove(&worker);
                let labels = [worker.to_string(), reason.to_owned()];
                self.config.metrics.worker_restarts.with_label_values(&labels).inc();
            }
        }
    }

    fn tell<M>(&self, worker: WorkerId, message: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        WorkerActor: Handler<M>,
    {
        if let Some(addr) = self.workers.get(worker.index()) {
            addr.do_send(message);
        }
    }

    fn control(&self, worker: WorkerId, how: impl FnOnce(&JobControl)) {
        if let Some(control) = self.controls.get(&worker) {
            how(control);
        }
    }

    fn schedule(&mut self, due: Option<Instant>, ctx: &mut Context<Self>) {
        if due == self.next_tick.map(|(at, _)| at) {
            return;
        }
        if let Some((_, handle)) = self.next_tick.take() {
            ctx.cancel_future(handle);
        }
        self.next_tick = due.map(|at| {
            let wait = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            let handle = ctx.run_later(wait, |actor, ctx| {
                actor.next_tick = None;
                actor.settle(ctx);
            });
            (at, handle)
        });
    }

    /// Looks after idle workers, and reads what every worker's process uses.
    fn housekeeping(&mut self, ctx: &mut Context<Self>) {
        let now = Now::read();
        for (slot, addr) in self.pool.slots.iter_mut().zip(&self.workers) {
            if slot.state == SlotState::Idle {
                addr.do_send(CheckRunner);
            }
            let pid =
                slot.info.as_ref().map(|info| info.pid).filter(|pid| *pid != std::process::id());
            slot.usage = pid.and_then(|pid| ProcessUsage::read(pid, slot.usage.as_ref(), now.mono));
            if let Some(usage) = slot.usage {
                let (cpu, memory) = (usage.cpu_seconds, usage.resident_bytes);
                self.config.metrics.set_worker_usage(slot.worker, cpu, memory);
            }
        }
        self.settle(ctx);
    }

    fn update_gauges(&self) {
        let (metrics, now) = (&self.config.metrics, chrono::Utc::now());
        metrics.set_workers(self.pool.slots.iter().map(super::slot::Slot::status));
        metrics.set_cameras(self.pool.cameras.values().map(|task| task.public_state()));
        metrics.queue_depth.set(self.pool.queue.len() as i64);
        for (id, task) in &self.pool.cameras {
            let label = id.to_string();
            let up = task.public_state() == CameraState::Processing;
            metrics.camera_up.with_label_values(&[&label]).set(up.into());
            metrics.set_frame_rates(*id, task.rate.per_second(Instant::now()), task.budget);
            if let Some(count) = &task.count {
                let age = (now - count.at).as_seconds_f64().max(0.0);
                metrics.frame_age_seconds.with_label_values(&[&label]).set(age);
            }
        }
    }

    fn stop_workers(&mut self, ctx: &mut Context<Self>) {
        if self.workers.is_empty() {
            self.drained();
            return;
        }
        let stops: Vec<_> =
            self.workers.drain(..).map(|addr| addr.send(crate::worker::StopRunner)).collect();
        let all = async move {
            for stop in stops {
                // A worker whose mailbox is closed has stopped already.
                let _ = stop.await;
            }
        };
        ctx.spawn(all.into_actor(self).map(|(), actor, _| actor.drained()));
    }

    fn drained(&mut self) {
        if !self.waiting_for_drain.is_empty() {
            log::info!("Worker pool stopped");
        }
        for waiter in self.waiting_for_drain.drain(..) {
            // A caller that no longer waits need not know.
            let _ = waiter.send(());
        }
    }
}

impl Actor for PoolSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for index in 0..self.config.workers.count {
            let worker = WorkerId::from_index(index);
            let runners = self.config.runners.clone();
            let routes = WorkerRoutes {
                reports: ctx.address().recipient(),
                storage: self.config.storage.clone(),
                pictures: self.config.pictures.clone(),
                metrics: self.config.metrics.clone(),
            };
            let thread = move || std::thread::Builder::new().name(worker.to_string());
            let addr = SyncArbiter::start_with_thread_builder(1, thread, move || {
                WorkerActor::new(worker, runners(worker), routes.clone())
            });
            self.workers.push(addr);
        }
        ctx.run_interval(HOUSEKEEPING, Self::housekeeping);
        self.settle(ctx);
    }
}

impl Handler<WorkerReport> for PoolSupervisor {
    type Result = ();

    fn handle(&mut self, report: WorkerReport, ctx: &mut Self::Context) {
        let now = Now::read();
        match report {
            WorkerReport::Started { worker, generation, result } => {
                self.pool.runner_started(worker, generation, result, now);
            }
            WorkerReport::Died { worker, crash } => self.pool.runner_died(worker, &crash, now),
            WorkerReport::Run { worker, run, report } => {
                match self.pool.run_event(worker, run, report, now) {
                    RunUpdate::State => {}
                    // Frequent, and there is nothing to settle.
                    RunUpdate::None => return,
                    RunUpdate::Count(count) => {
                        self.config.metrics.set_zones(count.camera_id, &count.zones);
                        return self.config.subscribers.publish(&LiveEvent::changed(count));
                    }
                    RunUpdate::Crossing { crossing, drawn } => {
                        if drawn {
                            self.config.metrics.record_crossing(&crossing);
                        }
                        return self.config.subscribers.publish(&LiveEvent::Crossed(crossing));
                    }
                }
            }
            WorkerReport::Finished { worker, run, exit, ready } => {
                self.pool.run_finished(worker, run, exit, ready, now);
            }
        }
        self.settle(ctx);
    }
}

impl PoolSupervisor {
    pub(super) fn is_draining(&self) -> bool {
        self.pool.phase == PoolPhase::Draining
    }
}
