//! Carries writes out on the store, and replays the spool. Blocking; knows no actor.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use becamera_domain::Write;

use crate::ports::{Spool, SpoolState, StoreError, WriteStore};

/// What became of writes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// Why the store can't be reached. All of the writes are then to be tried again.
    pub unavailable: Option<String>,
    /// Writes that the store refused, and why; the same write would be refused again.
    pub refused: Vec<(String, String)>,
    /// Samples written.
    pub samples: usize,
    /// How long it took.
    pub elapsed: Duration,
}

/// Carries writes out together. A refused set is halved until the bad ones are alone, so that
/// they hold up no other.
pub fn apply(store: &dyn WriteStore, writes: &[Write]) -> Applied {
    let started = Instant::now();
    let mut applied = Applied::default();
    applied.unavailable = apply_halves(store, writes, &mut applied).err();
    applied.elapsed = started.elapsed();
    applied
}

// An error means that the store is away.
fn apply_halves(
    store: &dyn WriteStore,
    writes: &[Write],
    applied: &mut Applied,
) -> Result<(), String> {
    match guarded(|| store.write(writes)) {
        Ok(()) => {
            applied.samples += writes.iter().filter(|write| write.is_sample()).count();
            Ok(())
        }
        Err(StoreError::Unavailable(reason)) => Err(reason),
        Err(StoreError::Rejected(reason)) => match writes {
            [] => Ok(()),
            [write] => {
                applied.refused.push((write.to_string(), reason));
                Ok(())
            }
            _ => {
                let (older, newer) = writes.split_at(writes.len() / 2);
                apply_halves(store, older, applied)?;
                apply_halves(store, newer, applied)
            }
        },
    }
}

/// What became of one step of replaying the spool.
#[derive(Debug, Default)]
pub struct Replayed {
    /// What became of the writes.
    pub applied: Applied,
    /// What the spool holds now.
    pub spool: SpoolState,
    /// Why the spool could not be read.
    pub spool_error: Option<String>,
}

/// Carries out the oldest writes of the spool, at most `limit`, and removes them from it. With an
/// empty spool it only looks whether the store is there.
pub fn replay(store: &dyn WriteStore, spool: &dyn Spool, limit: usize) -> Replayed {
    let mut replayed = Replayed::default();
    match spool.oldest(limit) {
        Ok(Some((mark, writes))) => {
            replayed.applied = apply(store, &writes);
            if replayed.applied.unavailable.is_none() {
                spool.remove(mark);
            }
        }
        Ok(None) => {
            let ping = guarded(|| store.ping());
            replayed.applied.unavailable = ping.err().map(|error| error.to_string());
        }
        Err(error) => replayed.spool_error = Some(error.to_string()),
    }
    replayed.spool = spool.state();
    replayed
}

// A panic of the store says nothing of the writes: they are kept and tried again.
fn guarded(work: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Unavailable("the store panicked".into())))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::storage::test_support::{FakeSpool, FakeStore, sample};

    fn writes(seconds: std::ops::Range<i64>) -> Vec<Write> {
        seconds.map(|second| Write::Sample(sample(1, second, 1))).collect()
    }

    #[test]
    fn bad_writes_hold_up_no_other() {
        let store = FakeStore::default();
        store.bad_seconds.lock().unwrap().extend([3, 7]);
        let applied = apply(&store, &writes(0..10));
        assert_eq!(applied.unavailable, None);
        assert_eq!((applied.samples, applied.refused.len()), (8, 2));
        assert!(applied.refused[0].0.starts_with("sample 7-3 of camera 1"), "{applied:?}");
        assert_eq!(store.seconds(), [0, 1, 2, 4, 5, 6, 8, 9]);
    }

    #[test]
    fn a_panic_counts_as_an_outage() {
        let store = FakeStore::default();
        store.panics.store(true, Ordering::SeqCst);
        assert!(apply(&store, &writes(0..2)).unavailable.unwrap().contains("panicked"));
    }

    #[test]
    fn a_replay_removes_only_what_is_written() {
        let (store, spool) = (FakeStore::default(), FakeSpool::default());
        spool.append(&writes(0..5)).unwrap();
        store.away.store(true, Ordering::SeqCst);
        assert!(replay(&store, &spool, 3).applied.unavailable.is_some());
        assert_eq!(spool.state().writes, 5);
        store.away.store(false, Ordering::SeqCst);
        assert_eq!(replay(&store, &spool, 3).spool.writes, 2);
        assert_eq!(replay(&store, &spool, 3).spool.writes, 0);
        assert_eq!(store.seconds(), [0, 1, 2, 3, 4]);
        store.away.store(true, Ordering::SeqCst);
        assert!(replay(&store, &spool, 3).applied.unavailable.is_some(), "pings when empty");
    }
}
