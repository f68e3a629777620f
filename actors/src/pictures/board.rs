//! The viewers of each camera and the pictures they wait for: plain state and time.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use becamera_domain::{CameraId, Picture, PictureOptions, RunId, SnapshotRequest};
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use super::TOO_SLOW;
use crate::{events::Disconnect, job_control::JobControl};

/// Viewers that are gone are noticed within this time.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// How many pictures a viewer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// One.
    Once,
    /// At most one in this period, until the viewer leaves or the camera's run ends.
    Every(Duration),
}

/// Why nobody gets pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// Pictures are switched off.
    #[error("Pictures are switched off (pictures.enabled)")]
    Disabled,
    /// The camera's frames are not analysed now.
    #[error("Camera {0} gives no frames now")]
    NotProcessing(CameraId),
    /// As many look as may.
    #[error("No more than {0} clients can look at cameras at once")]
    TooManyViewers(usize),
    /// The service stops.
    #[error("The service is shutting down")]
    Draining,
}

/// The viewers of all cameras.
#[derive(Debug)]
pub(super) struct Board {
    max_viewers: usize,
    cameras: BTreeMap<CameraId, Live>,
    /// Viewers dropped because they did not keep up, since the last [`Board::take_dropped`].
    dropped: u64,
}

/// A camera that gives frames.
#[derive(Debug)]
struct Live {
    run: RunId,
    control: Arc<JobControl>,
    shows: Vec<Show>,
}

/// The viewers that want the same pictures of a camera.
#[derive(Debug)]
struct Show {
    options: PictureOptions,
    /// The frame after which a picture was requested, and has not come yet.
    requested: Option<u64>,
    viewers: Vec<Viewer>,
}

#[derive(Debug)]
struct Viewer {
    pace: Pace,
    /// One picture may wait in it.
    pictures: Sender<Picture>,
    /// When the next one may go out.
    due: Instant,
    /// The frame of the last one.
    last: u64,
    /// When it took a picture last, or came.
    active: Instant,
    disconnect: Option<Disconnect>,
}

impl Board {
    pub(super) fn new(max_viewers: usize) -> Self {
        Self { max_viewers, cameras: BTreeMap::new(), dropped: 0 }
    }

    /// A camera gives frames. Viewers of its earlier run are disconnected.
    pub(super) fn opened(&mut self, camera: CameraId, run: RunId, control: Arc<JobControl>) {
        self.cameras.insert(camera, Live { run, control, shows: Vec::new() });
    }

    /// A run is over: its viewers' pictures end.
    pub(super) fn ended(&mut self, camera: CameraId, run: RunId) {
        if self.cameras.get(&camera).is_some_and(|live| live.run == run) {
            self.cameras.remove(&camera);
        }
    }

    /// Ends everybody's pictures.
    pub(super) fn clear(&mut self) {
        self.cameras.clear();
    }

    /// Shows a camera to one more.
    pub(super) fn watch(
        &mut self,
        camera: CameraId,
        options: PictureOptions,
        pace: Pace,
        disconnect: Option<Disconnect>,
        now: Instant,
    ) -> Result<Receiver<Picture>, WatchError> {
        self.let_go();
        let viewers = self.viewers();
        let live = self.cameras.get_mut(&camera).ok_or(WatchError::NotProcessing(camera))?;
        if viewers >= self.max_viewers {
            return Err(WatchError::TooManyViewers(self.max_viewers));
        }
        let (pictures, receiver) = mpsc::channel(1);
        let viewer = Viewer { pace, pictures, due: now, last: 0, active: now, disconnect };
        match live.shows.iter_mut().find(|show| show.options == options) {
            Some(show) => show.viewers.push(viewer),
            None => live.shows.push(Show { options, requested: None, viewers: vec![viewer] }),
        }
        Ok(receiver)
    }

    /// A picture came: it goes to every viewer that is due.
    pub(super) fn made(&mut self, camera: CameraId, run: RunId, picture: &Picture, now: Instant) {
        let Some(live) = self.cameras.get_mut(&camera).filter(|live| live.run == run) else {
            return;
        };
        let mut shows = live.shows.iter_mut();
        if let Some(show) = shows.find(|show| show.options == picture.options) {
            show.requested = None;
            show.viewers.retain_mut(|viewer| viewer.take(picture, now));
        }
    }

    /// Drops viewers that are gone or too slow, and requests pictures for those that are due.
    /// Answers when to come again.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Instant> {
        self.let_go();
        let mut next: Option<Instant> = None;
        for live in self.cameras.values_mut() {
            for show in &mut live.shows {
                let dropped = &mut self.dropped;
                show.viewers.retain_mut(|viewer| {
                    let slow = viewer.is_too_slow(now);
                    *dropped += u64::from(slow);
                    !slow
                });
                if let Some(after) = show.request(now) {
                    live.control.request_snapshot(SnapshotRequest { options: show.options, after });
                }
                let waits = show.viewers.iter().map(|viewer| viewer.due).filter(|due| *due > now);
                next = next.into_iter().chain(waits).min();
            }
        }
        let look_around = (self.viewers() > 0).then(|| now + LOOK_AROUND);
        next.into_iter().chain(look_around).min()
    }

    /// How many look.
    pub(super) fn viewers(&self) -> usize {
        let shows = self.cameras.values().flat_map(|live| &live.shows);
        shows.map(|show| show.viewers.len()).sum()
    }

    /// How many were dropped since the last call because they did not keep up.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn let_go(&mut self) {
        for live in self.cameras.values_mut() {
            for show in &mut live.shows {
                show.viewers.retain(|viewer| !viewer.pictures.is_closed());
            }
            live.shows.retain(|show| !show.viewers.is_empty());
        }
    }
}

impl Show {
    /// The frame after which a picture must be asked for now. Viewers that are due but have not
    /// taken their last picture miss a turn.
    fn request(&mut self, now: Instant) -> Option<u64> {
        let mut after: Option<u64> = None;
        for viewer in self.viewers.iter_mut().filter(|viewer| viewer.due <= now) {
            if viewer.pictures.capacity() == 0 {
                viewer.next_turn(now);
            } else {
                viewer.active = now;
                after = Some(after.map_or(viewer.last, |other| other.min(viewer.last)));
            }
        }
        let after =
            after.filter(|after| self.requested.is_none_or(|requested| *after < requested))?;
        self.requested = Some(after);
        Some(after)
    }
}

impl Viewer {
    /// Takes a picture if it is due. Answers whether it wants more.
    fn take(&mut self, picture: &Picture, now: Instant) -> bool {
        let Pace::Every(period) = self.pace else {
            // It can only fail when the viewer no longer waits.
            let _ = self.pictures.try_send(picture.clone());
            return false;
        };
        // A little early is better than a turn late, where another viewer's turn brought it.
        if picture.frame <= self.last || self.due > now + period / 8 {
            return true;
        }
        if picture.jpeg.is_ok() {
            match self.pictures.try_send(picture.clone()) {
                Ok(()) => (self.last, self.active) = (picture.frame, now),
                Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Closed(_)) => return false,
            }
        }
        self.next_turn(now);
        true
    }

    fn next_turn(&mut self, now: Instant) {
        if let Pace::Every(period) = self.pace {
            // What was missed is not made up for.
            self.due = (self.due + period).max(now + period / 2);
        }
    }

    /// Whether it has left its last picture alone for too long; ends its connection then.
    fn is_too_slow(&self, now: Instant) -> bool {
        let slow = self.pictures.capacity() == 0
            && self.pace != Pace::Once
            && now.duration_since(self.active) >= TOO_SLOW;
        if slow && let Some(disconnect) = &self.disconnect {
            (disconnect.0)();
        }
        slow
    }
}

#[cfg(test)]
mod tests;
