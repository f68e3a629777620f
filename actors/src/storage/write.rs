//! Writes one batch to the store. Blocking; knows no actor.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::queue::{Batch, CameraChange};
use crate::{
    domain::{CameraId, Sample},
    ports::{CountStore, StoreError},
};

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Why the store can't be reached. What was neither done nor refused is to be tried again.
    pub unavailable: Option<String>,
    /// Camera changes that need no other attempt, counted from the batch's first.
    pub cameras_done: usize,
    /// Camera changes that the store refused.
    pub refused_cameras: Vec<(CameraId, String)>,
    /// Samples that the store refused.
    pub refused_samples: Vec<RefusedSample>,
    /// Samples written, by their places in the order of arrival.
    pub written: Vec<u64>,
    /// How long it took.
    pub elapsed: Duration,
}

/// A sample that the store refused; the same write would fail again.
#[derive(Debug, Clone, PartialEq)]
pub struct RefusedSample {
    /// Its place in the order of arrival.
    pub place: u64,
    /// The sample.
    pub sample: Sample,
    /// Why it was refused.
    pub reason: String,
}

/// Writes a batch: camera changes one by one, then the samples together. A refused set of
/// samples is halved until the bad ones are alone, so that they hold up no other.
pub fn write_batch(store: &dyn CountStore, batch: &Batch) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::default();
    for (_, change) in &batch.cameras {
        match guarded(|| write_change(store, change)) {
            Ok(()) => {}
            Err(StoreError::Rejected(reason)) => {
                outcome.refused_cameras.push((change.camera_id, reason));
            }
            Err(StoreError::Unavailable(reason)) => {
                outcome.unavailable = Some(reason);
                break;
            }
        }
        outcome.cameras_done += 1;
    }
    if outcome.unavailable.is_none() && !batch.samples.is_empty() {
        let samples: Vec<Sample> = batch.samples.iter().map(|(_, sample)| sample.clone()).collect();
        let places: Vec<u64> = batch.samples.iter().map(|(place, _)| *place).collect();
        if let Err(reason) = write_samples(store, &samples, &places, &mut outcome) {
            outcome.unavailable = Some(reason);
        }
    }
    outcome.elapsed = started.elapsed();
    outcome
}

fn write_change(store: &dyn CountStore, change: &CameraChange) -> Result<(), StoreError> {
    if change.forget {
        store.delete_camera(change.camera_id)?;
    }
    change.save.as_ref().map_or(Ok(()), |camera| store.save_camera(camera))
}

// An error means that the store is away.
fn write_samples(
    store: &dyn CountStore,
    samples: &[Sample],
    places: &[u64],
    outcome: &mut Outcome,
) -> Result<(), String> {
    match guarded(|| store.write_samples(samples)) {
        Ok(()) => {
            outcome.written.extend_from_slice(places);
            Ok(())
        }
        Err(StoreError::Unavailable(reason)) => Err(reason),
        Err(StoreError::Rejected(reason)) => match (samples, places) {
            ([sample], [place]) => {
                let sample = sample.clone();
                outcome.refused_samples.push(RefusedSample { place: *place, sample, reason });
                Ok(())
            }
            _ => {
                let middle = samples.len() / 2;
                write_samples(store, &samples[..middle], &places[..middle], outcome)?;
                write_samples(store, &samples[middle..], &places[middle..], outcome)
            }
        },
    }
}

// A panic of the store says nothing of the samples: they are kept and tried again.
fn guarded(write: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
    catch_unwind(AssertUnwindSafe(write))
        .unwrap_or_else(|_| Err(StoreError::Unavailable("the store panicked".into())))
}
