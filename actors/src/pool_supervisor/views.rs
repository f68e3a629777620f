//! The pool as callers see it.

use std::time::Instant;

use becamera_domain::{CameraId, Now, WorkerId, WorkerStatus};

use super::{
    camera_task::{CameraTask, TaskState},
    pool::Pool,
    slot::{Slot, SlotState},
};
use crate::messages::{CameraView, PoolError, PoolHealth, QueueEntryView, WorkerView};

impl Pool {
    /// Every camera, by id.
    pub fn cameras(&self, now: Now) -> Vec<CameraView> {
        self.cameras.values().map(|task| self.camera_view(task, now)).collect()
    }

    /// One camera.
    pub fn camera(&self, id: CameraId, now: Now) -> Result<CameraView, PoolError> {
        let task = self.cameras.get(&id).ok_or(PoolError::CameraNotFound(id))?;
        Ok(self.camera_view(task, now))
    }

    /// Every worker, in order.
    pub fn workers(&self, now: Now) -> Vec<WorkerView> {
        self.slots.iter().map(|slot| worker_view(slot, now)).collect()
    }

    /// One worker.
    pub fn worker(&self, worker: WorkerId, now: Now) -> Result<WorkerView, PoolError> {
        let slot = self.slots.get(worker.index()).ok_or(PoolError::WorkerNotFound(worker))?;
        Ok(worker_view(slot, now))
    }

    /// Cameras that wait, next first.
    pub fn queue(&self) -> Vec<QueueEntryView> {
        let entries = self.queue.iter().enumerate();
        entries
            .map(|(i, (camera_id, since))| QueueEntryView { position: i + 1, camera_id, since })
            .collect()
    }

    /// The pool as readiness sees it.
    pub fn health(&self) -> PoolHealth {
        let up = |s: &&Slot| matches!(s.status(), WorkerStatus::Idle | WorkerStatus::Busy);
        PoolHealth {
            phase: self.phase,
            workers_up: self.slots.iter().filter(up).count(),
            workers_total: self.slots.len(),
            queue_depth: self.queue.len(),
        }
    }

    fn camera_view(&self, task: &CameraTask, now: Now) -> CameraView {
        let retry_at = match task.state {
            TaskState::Backoff { until } => Some(until),
            _ => None,
        };
        CameraView {
            camera: task.camera.clone(),
            state: task.public_state(),
            since: task.since,
            worker_id: task.active().map(|run| run.worker),
            queue_position: self.queue.position(task.camera.id),
            retry_at: retry_at.map(|until| wall_time(until, now)),
            last_error: task.last_error.clone(),
            error_count: task.error_count,
            stream: task.stream.clone(),
            fps: task.rate.per_second(now.mono),
            budget: task.budget,
            processed_frames: task.run_frames,
            count: task.count.clone(),
        }
    }
}

fn worker_view(slot: &Slot, now: Now) -> WorkerView {
    let current_task = match slot.state {
        SlotState::Busy { camera, .. } => Some(camera),
        _ => None,
    };
    WorkerView {
        worker_id: slot.worker,
        status: slot.status(),
        current_task,
        start_time: slot.assigned_at.filter(|_| current_task.is_some()),
        processed_frames: slot.processed_frames,
        error_count: slot.error_count,
        pid: slot.info.as_ref().map(|info| info.pid),
        restarts: slot.restarts,
        restart_at: slot.due().map(|until| wall_time(until, now)),
        last_error: slot.last_error.clone(),
        backend: slot.info.as_ref().map(|info| info.backend.clone()),
        fps: if current_task.is_some() { slot.rate.per_second(now.mono) } else { 0.0 },
        cpu_percent: slot.usage.and_then(|usage| usage.cpu_percent),
        memory_bytes: slot.usage.map(|usage| usage.resident_bytes),
        inference_ms: slot.inference_ms,
        started_at: slot.ready_since,
    }
}

fn wall_time(instant: Instant, now: Now) -> chrono::DateTime<chrono::Utc> {
    now.wall + instant.saturating_duration_since(now.mono)
}
