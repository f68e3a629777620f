//! Where each write goes, and when: straight to the store, or to the spool first. Plain state and
//! time; the actor carries the steps out.
//!
//! Writes go straight to the store, one batch at a time, while that works. As soon as it does not
//! (an error, or a write that takes too long) they take a detour: into the spool, from which they
//! are replayed in their order. The detour ends once the spool is empty. A batch can be written
//! twice on the way, which changes nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use becamera_domain::Write;

use super::{
    apply::{Applied, Replayed},
    buffer::{Batch, WriteBuffer},
};
use crate::{backoff::Backoff, ports::SpoolState};

/// Writes in one batch: large enough to be fast, small enough to be quick.
pub const BATCH: usize = 2_000;
/// Writes spooled at once.
const APPEND: usize = 20_000;
/// When a store that can't be reached is tried again.
const RETRY: Backoff = Backoff { first: Duration::from_millis(250), max: Duration::from_secs(5) };

/// What the actor must do, on a thread that may wait; each kind at most once at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum StorageStep {
    /// Write to the store; answered by [`WritePlan::written`].
    Write(Arc<Batch>),
    /// Add to the spool; answered by [`WritePlan::appended`].
    Append(Arc<Batch>),
    /// Replay the spool's oldest writes; answered by [`WritePlan::replayed`].
    Replay,
}

/// A change that operators should be told of.
#[derive(Debug, Clone, PartialEq)]
pub enum StorageNotice {
    /// The store can't be reached, for this reason.
    WentAway(String),
    /// The store is back after this time.
    CameBack(Duration),
    /// The spool can't be used, for this reason.
    SpoolFailed(String),
    /// The spool can be used again.
    SpoolRecovered,
    /// The spool is empty: nothing takes the detour any more.
    SpoolDrained,
    /// This number of samples was thinned out in memory.
    Thinned(usize),
}

/// The way of all writes.
#[derive(Debug)]
pub struct WritePlan {
    buffer: WriteBuffer,
    slow_after: Duration,
    direct: Option<Direct>,
    appending: Option<Arc<Batch>>,
    replaying: Option<Instant>,
    spool: SpoolState,
    spool_error: Option<String>,
    away: Option<Away>,
    /// A batch just came back from the store: it goes to the spool at once.
    refused_by_store: bool,
}

#[derive(Debug)]
struct Direct {
    batch: Arc<Batch>,
    since: Instant,
    /// The batch is in the spool too, or on its way there.
    spooled: bool,
}

#[derive(Debug)]
struct Away {
    since: Instant,
    reason: String,
    failures: u32,
    retry_at: Instant,
}

impl WritePlan {
    /// A plan that keeps at most `capacity` samples in memory. A write to the store that takes
    /// `slow_after` goes to the spool as well. `spool` is what it holds from earlier.
    pub fn new(capacity: usize, slow_after: Duration, spool: SpoolState) -> Self {
        Self {
            buffer: WriteBuffer::new(capacity),
            slow_after,
            direct: None,
            appending: None,
            replaying: None,
            spool,
            spool_error: None,
            away: None,
            refused_by_store: false,
        }
    }

    /// Takes a write. Answers how many samples were thinned out to make room.
    pub fn push(&mut self, write: Write) -> usize {
        self.buffer.push(write)
    }

    /// What is to be done now. `due`: whether what waits is to go although it makes no full
    /// batch.
    pub fn steps(&mut self, due: bool, now: Instant) -> Vec<StorageStep> {
        let due = due || self.buffer.len() >= BATCH;
        let retry = self.away.as_ref().is_none_or(|away| now >= away.retry_at);
        let mut steps = Vec::new();
        // With no spool to be had, the store itself is tried again when its time has come.
        let store_instead =
            self.spool_error.is_some() && self.spool.writes == 0 && retry && !self.refused_by_store;
        if self.appending.is_none()
            && !store_instead
            && let Some(batch) = self.take_for_spool(due, now)
        {
            let batch = Arc::new(batch);
            self.appending = Some(batch.clone());
            steps.push(StorageStep::Append(batch));
        }
        let detour = self.spool.writes > 0 || self.appending.is_some();
        if self.direct.is_some() || self.replaying.is_some() || !retry {
            return steps;
        }
        if self.spool.writes > 0 || (self.away.is_some() && !detour && self.buffer.is_empty()) {
            self.replaying = Some(now);
            steps.push(StorageStep::Replay);
        } else if (due || self.away.is_some()) && !detour && !self.buffer.is_empty() {
            let batch = Arc::new(self.buffer.take(BATCH));
            self.direct = Some(Direct { batch: batch.clone(), since: now, spooled: false });
            steps.push(StorageStep::Write(batch));
        }
        steps
    }

    // Also tried again, whenever something is due, while the spool fails: room may have been made.
    fn take_for_spool(&mut self, due: bool, now: Instant) -> Option<Batch> {
        let refused = std::mem::take(&mut self.refused_by_store);
        let due = due || refused;
        let mut batch = Batch::default();
        let slow_after = self.slow_after;
        let slow = |d: &&mut Direct| !d.spooled && now.duration_since(d.since) >= slow_after;
        if let Some(direct) = self.direct.as_mut().filter(slow) {
            direct.spooled = true;
            batch = direct.batch.as_ref().clone();
        }
        if due && (!batch.is_empty() || self.spool.writes > 0 || self.away.is_some()) {
            batch.extend(self.buffer.take(APPEND));
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// Takes the outcome of [`StorageStep::Write`].
    pub fn written(&mut self, applied: &Applied, now: Instant) -> Vec<StorageNotice> {
        let mut notices = self.reached(applied, now);
        if let Some(direct) = self.direct.take()
            && applied.unavailable.is_some()
            && !direct.spooled
        {
            self.put_back(&direct.batch, &mut notices);
            self.refused_by_store = true;
        }
        notices
    }

    /// Takes the outcome of [`StorageStep::Append`].
    pub fn appended(
        &mut self,
        result: Result<(), String>,
        spool: SpoolState,
    ) -> Vec<StorageNotice> {
        let mut notices = Vec::new();
        self.spool = spool;
        let batch = self.appending.take();
        if let Err(reason) = &result
            && let Some(batch) = batch
        {
            // The batch under way may have been part of it; twice in the buffer is once. If an earlier
            // append took it, it must not be appended again: that would be behind newer writes.
            if let Some(direct) = &mut self.direct
                && direct.batch.first_place() == batch.first_place()
            {
                direct.spooled = false;
            }
            self.put_back(&batch, &mut notices);
            self.spool_failed(reason, &mut notices);
        } else if self.spool_error.take().is_some() {
            notices.push(StorageNotice::SpoolRecovered);
        }
        notices
    }

    /// Takes the outcome of [`StorageStep::Replay`].
    pub fn replayed(&mut self, replayed: &Replayed, now: Instant) -> Vec<StorageNotice> {
        self.replaying = None;
        let before = std::mem::replace(&mut self.spool, replayed.spool.clone()).writes;
        let mut notices = Vec::new();
        match &replayed.spool_error {
            Some(reason) => {
                self.spool_failed(reason, &mut notices);
                // Not at once again: neither the spool nor the store would thank for it.
                self.go_away("the spool can't be read", now);
            }
            None => {
                notices.extend(self.reached(&replayed.applied, now));
                if before > 0 && self.spool.writes == 0 {
                    self.spool_error = None;
                    notices.push(StorageNotice::SpoolDrained);
                }
            }
        }
        notices
    }

    /// Takes everything back whose outcome will never be known: the actor restarts.
    pub fn abandon(&mut self) -> usize {
        let appending = self.appending.take();
        let direct = self.direct.take().map(|direct| direct.batch);
        self.replaying = None;
        if let Some(away) = &mut self.away {
            away.retry_at = Instant::now();
        }
        let batches = [appending, direct].into_iter().flatten();
        batches.map(|batch| self.buffer.put_back(batch.as_ref().clone())).sum()
    }

    /// Takes all that waits in memory, at the end.
    pub fn take_all(&mut self) -> Batch {
        self.abandon();
        self.buffer.take(usize::MAX)
    }

    /// Whether everything before `watermark` is in the store or in the spool.
    pub fn is_durable(&self, watermark: u64) -> bool {
        let direct = self.direct.as_ref().filter(|direct| !direct.spooled);
        let places = [
            self.buffer.first_place(),
            direct.and_then(|direct| direct.batch.first_place()),
            self.appending.as_ref().and_then(|batch| batch.first_place()),
        ];
        places.into_iter().flatten().all(|place| place >= watermark)
    }

    /// The place that the next write will get.
    pub fn watermark(&self) -> u64 {
        self.buffer.watermark()
    }

    /// Writes in memory alone, those under way included.
    pub fn in_memory(&self) -> usize {
        let direct = self.direct.as_ref().filter(|direct| !direct.spooled);
        self.buffer.len()
            + direct.map_or(0, |direct| direct.batch.writes.len())
            + self.appending.as_ref().map_or(0, |batch| batch.writes.len())
    }

    /// What the spool holds.
    pub fn spool(&self) -> &SpoolState {
        &self.spool
    }

    /// Why the spool can't be used.
    pub fn spool_error(&self) -> Option<&str> {
        self.spool_error.as_deref()
    }

    /// When the store is to be tried again.
    pub fn retry_at(&self) -> Option<Instant> {
        self.away.as_ref().map(|away| away.retry_at)
    }

    /// Whether the store is busy with a write or away, so that extra work should wait.
    pub fn is_strained(&self) -> bool {
        self.away.is_some() || self.direct.is_some() || self.replaying.is_some()
    }

    /// Why the store can't be used: what it said, or how long it has been silent.
    pub fn store_error(&self, patience: Duration, now: Instant) -> Option<String> {
        if let Some(away) = &self.away {
            return Some(away.reason.clone());
        }
        let since = self.direct.as_ref().map(|direct| direct.since).or(self.replaying)?;
        let took = now.duration_since(since);
        (took > patience).then(|| format!("a write takes {} s already", took.as_secs()))
    }

    fn reached(&mut self, applied: &Applied, now: Instant) -> Vec<StorageNotice> {
        match &applied.unavailable {
            Some(reason) => {
                let first = self.go_away(reason, now);
                if first { vec![StorageNotice::WentAway(reason.clone())] } else { Vec::new() }
            }
            None => {
                let away = self.away.take();
                away.map(|away| StorageNotice::CameBack(now - away.since)).into_iter().collect()
            }
        }
    }

    fn go_away(&mut self, reason: &str, now: Instant) -> bool {
        let first = self.away.is_none();
        let (since, failures) =
            self.away.as_ref().map_or((now, 1), |away| (away.since, away.failures + 1));
        let retry_at = now + RETRY.delay(failures, rand::random());
        self.away = Some(Away { since, reason: reason.into(), failures, retry_at });
        first
    }

    fn spool_failed(&mut self, reason: &str, notices: &mut Vec<StorageNotice>) {
        if self.spool_error.replace(reason.to_owned()).is_none() {
            notices.push(StorageNotice::SpoolFailed(reason.to_owned()));
        }
    }

    fn put_back(&mut self, batch: &Batch, notices: &mut Vec<StorageNotice>) {
        let thinned = self.buffer.put_back(batch.clone());
        if thinned > 0 {
            notices.push(StorageNotice::Thinned(thinned));
        }
    }
}

#[cfg(test)]
mod tests;
