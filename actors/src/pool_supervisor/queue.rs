//! Cameras that wait for a worker: first come, first served, but for those that lost theirs.

use std::collections::VecDeque;

use becamera_domain::CameraId;
use chrono::{DateTime, Utc};

/// The queue. Bounded by the number of registered cameras, since each stands in it once.
#[derive(Debug, Default)]
pub struct TaskQueue {
    entries: VecDeque<(CameraId, DateTime<Utc>)>,
}

impl TaskQueue {
    /// Puts a camera at the tail.
    pub fn push(&mut self, camera: CameraId, now: DateTime<Utc>) {
        self.remove(camera);
        self.entries.push_back((camera, now));
    }

    /// Puts a camera at the head: it was running and lost its worker.
    pub fn push_front(&mut self, camera: CameraId, now: DateTime<Utc>) {
        self.remove(camera);
        self.entries.push_front((camera, now));
    }

    /// Takes the next camera that may go.
    pub fn pop(&mut self, may_go: impl Fn(CameraId) -> bool) -> Option<CameraId> {
        let place = self.entries.iter().position(|(camera, _)| may_go(*camera))?;
        self.entries.remove(place).map(|(camera, _)| camera)
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Takes a camera out.
    pub fn remove(&mut self, camera: CameraId) {
        self.entries.retain(|(other, _)| *other != camera);
    }

    /// A camera's place, counted from 1.
    pub fn position(&self, camera: CameraId) -> Option<usize> {
        self.entries.iter().position(|(other, _)| *other == camera).map(|index| index + 1)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Cameras and since when they wait, next first.
    pub fn iter(&self) -> impl Iterator<Item = (CameraId, DateTime<Utc>)> {
        self.entries.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_stands_in_it_once() {
        let camera = |id| CameraId::try_from(id).unwrap();
        let mut queue = TaskQueue::default();
        for id in [1, 2, 3, 2] {
            queue.push(camera(id), Utc::now());
        }
        queue.push_front(camera(3), Utc::now());
        let order: Vec<_> = queue.iter().map(|(camera, _)| camera.get()).collect();
        assert_eq!(order, [3, 1, 2]);
        assert_eq!(queue.position(camera(2)), Some(3));
        queue.remove(camera(1));
        assert_eq!((queue.pop(|id| id != camera(3)), queue.len()), (Some(camera(2)), 1));
        assert_eq!((queue.pop(|_| false), queue.pop(|_| true)), (None, Some(camera(3))));
    }
}
