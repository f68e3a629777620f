use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::*;
use crate::{
    ports::{Spool, WriteStore},
    storage::{
        apply::{apply, replay},
        test_support::{FakeSpool, FakeStore, camera, camera_id, sample},
    },
};

const SLOW: Duration = Duration::from_millis(500);

/// Drives a plan as the actor does, with answers when the test gives them.
struct Bench {
    plan: WritePlan,
    store: FakeStore,
    spool: FakeSpool,
    now: Instant,
    open: Vec<StorageStep>,
    notices: Vec<StorageNotice>,
    next_second: i64,
}

impl Bench {
    fn new() -> Self {
        Self {
            plan: WritePlan::new(10_000, SLOW, SpoolState::default()),
            store: FakeStore::default(),
            spool: FakeSpool::default(),
            now: Instant::now(),
            open: Vec::new(),
            notices: Vec::new(),
            next_second: 0,
        }
    }

    fn push(&mut self, count: i64) {
        for second in self.next_second..self.next_second + count {
            self.plan.push(Write::Sample(sample(1, second, 1)));
        }
        self.next_second += count;
    }

    fn tick(&mut self, wait: Duration) {
        self.now += wait;
        let steps = self.plan.steps(true, self.now);
        self.open.extend(steps);
    }

    fn answer(&mut self, index: usize) {
        let notices = match self.open.remove(index) {
            StorageStep::Write(batch) => {
                self.plan.written(&apply(&self.store, &batch.writes), self.now)
            }
            StorageStep::Append(batch) => {
                let result = self.spool.append(&batch.writes).map_err(|e| e.to_string());
                self.plan.appended(result, self.spool.state())
            }
            StorageStep::Replay => {
                self.plan.replayed(&replay(&self.store, &self.spool, BATCH), self.now)
            }
        };
        self.notices.extend(notices);
    }

    fn answer_all(&mut self) {
        while !self.open.is_empty() {
            self.answer(0);
        }
    }

    /// Lets time pass until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..200 {
            self.tick(Duration::from_secs(6));
            self.answer_all();
        }
    }

    fn away(&self, away: bool) {
        self.store.away.store(away, Ordering::SeqCst);
    }

    fn complete(&self) -> bool {
        self.store.seconds() == (0..self.next_second).collect::<Vec<_>>()
    }
}

#[test]
fn while_all_is_well_writes_go_straight() {
    let mut bench = Bench::new();
    bench.push(3);
    assert!(bench.plan.steps(false, bench.now).is_empty(), "not due, and no full batch");
    bench.tick(SLOW);
    assert!(matches!(bench.open[..], [StorageStep::Write(_)]));
    bench.answer_all();
    assert!(bench.complete() && bench.plan.is_durable(bench.plan.watermark()));
    assert!(bench.notices.is_empty());
}

#[test]
fn an_outage_is_bridged_by_the_spool_and_told_once() {
    let mut bench = Bench::new();
    bench.away(true);
    bench.push(3);
    bench.tick(SLOW);
    bench.answer_all();
    assert_eq!(bench.notices, [StorageNotice::WentAway("away".into())]);
    bench.tick(Duration::ZERO);
    bench.answer_all();
    assert_eq!((bench.spool.state().writes, bench.plan.in_memory()), (3, 0));
    assert!(bench.plan.is_durable(bench.plan.watermark()));
    for _ in 0..10 {
        bench.push(2);
        bench.tick(Duration::from_secs(1));
        bench.answer_all();
    }
    assert_eq!(bench.notices.len(), 1);
    bench.away(false);
    bench.push(1);
    bench.settle();
    assert!(bench.complete(), "{:?}", bench.store.seconds());
    assert!(matches!(
        bench.notices[1..],
        [StorageNotice::CameBack(_), StorageNotice::SpoolDrained]
    ));
    assert_eq!(bench.plan.spool().writes, 0);
}

#[test]
fn a_slow_write_is_spooled_as_well() {
    let mut bench = Bench::new();
    bench.push(2);
    bench.tick(SLOW);
    bench.push(2);
    bench.tick(SLOW / 2);
    assert_eq!(bench.open.len(), 1, "not slow yet");
    bench.tick(SLOW);
    assert!(matches!(&bench.open[1], StorageStep::Append(batch) if batch.writes.len() == 4));
    bench.answer(1);
    assert!(bench.plan.is_durable(bench.plan.watermark()));
    // The write fails after all: it is in the spool already.
    bench.away(true);
    bench.answer(0);
    assert_eq!(bench.plan.in_memory(), 0);
    bench.away(false);
    bench.settle();
    assert!(bench.complete());
}

#[test]
fn without_a_spool_writes_wait_in_memory_and_the_store_is_tried_again() {
    let mut bench = Bench::new();
    bench.away(true);
    bench.spool.full.store(true, Ordering::SeqCst);
    bench.push(5);
    for _ in 0..5 {
        bench.tick(SLOW);
        bench.answer_all();
    }
    assert!(bench.plan.spool_error().is_some());
    assert!(!bench.plan.is_durable(bench.plan.watermark()));
    assert_eq!(bench.plan.in_memory(), 5);
    bench.away(false);
    bench.settle();
    assert!(bench.complete() && bench.plan.store_error(SLOW, bench.now).is_none());
    // Later there is room again.
    bench.spool.full.store(false, Ordering::SeqCst);
    bench.away(true);
    bench.push(5);
    bench.settle();
    assert_eq!((bench.plan.spool().writes, bench.plan.spool_error()), (5, None));
}

#[test]
fn a_store_that_is_back_is_noticed_although_nothing_waits() {
    let mut bench = Bench::new();
    bench.away(true);
    bench.push(1);
    bench.tick(SLOW);
    bench.answer_all();
    bench.away(false);
    bench.settle();
    bench.away(true);
    bench.push(1);
    bench.settle();
    bench.away(false);
    bench.settle();
    assert!(bench.plan.store_error(SLOW, bench.now).is_none() && bench.complete());
}

#[test]
fn what_an_earlier_process_spooled_goes_first() {
    let mut bench = Bench::new();
    bench.spool.append(&[Write::SaveCamera(Box::new(camera(1, "old")))]).unwrap();
    bench.plan = WritePlan::new(100, SLOW, bench.spool.state());
    bench.plan.push(Write::SaveCamera(Box::new(camera(1, "new"))));
    bench.settle();
    let cameras = bench.store.cameras.lock().unwrap();
    assert_eq!(cameras[&camera_id(1)].name.as_deref(), Some("new"));
}

#[test]
fn a_batch_that_is_spooled_is_not_spooled_again_behind_newer_writes() {
    let mut bench = Bench::new();
    let save = |bench: &mut Bench, name: &str| {
        bench.plan.push(Write::SaveCamera(Box::new(camera(1, name))));
    };
    save(&mut bench, "older");
    bench.tick(SLOW);
    // The write to the store is slow: it goes to the spool as well, together with the next one.
    save(&mut bench, "newer");
    bench.tick(SLOW);
    bench.answer(1);
    // Then the spool takes nothing for a while.
    bench.spool.full.store(true, Ordering::SeqCst);
    bench.push(1);
    bench.tick(SLOW);
    bench.answer(1);
    bench.spool.full.store(false, Ordering::SeqCst);
    bench.tick(SLOW);
    bench.answer_all();
    bench.settle();
    let cameras = bench.store.cameras.lock().unwrap();
    assert_eq!(cameras[&camera_id(1)].name.as_deref(), Some("newer"));
}

proptest! {
    /// Whatever fails when, in the end the store holds everything, each camera as it was last.
    #[test]
    fn nothing_is_lost_and_registrations_keep_their_order(
        events in prop::collection::vec((0u8..8, 0usize..3), 1..120)
    ) {
        let mut bench = Bench::new();
        let mut names = 0;
        for (event, detail) in events {
            match event {
                0 | 1 => bench.push(1 + detail as i64),
                2 => {
                    names += 1;
                    let named = camera(1, &names.to_string());
                    bench.plan.push(Write::SaveCamera(Box::new(named)));
                }
                3 => bench.away(detail > 0),
                4 => bench.spool.full.store(detail > 1, Ordering::SeqCst),
                5 => bench.tick(SLOW),
                6 => bench.tick(Duration::from_millis(50)),
                _ => if !bench.open.is_empty() {
                    let index = detail % bench.open.len();
                    bench.answer(index);
                },
            }
            let waiting = bench.plan.watermark() > 0
                && !bench.plan.is_durable(bench.plan.watermark());
            prop_assert_eq!(waiting, bench.plan.in_memory() > 0);
        }
        bench.away(false);
        bench.answer_all();
        bench.settle();
        prop_assert!(bench.complete(), "{:?} of {}", bench.store.seconds(), bench.next_second);
        let cameras = bench.store.cameras.lock().unwrap();
        let name = cameras.get(&camera_id(1)).and_then(|camera| camera.name.clone());
        prop_assert_eq!(name, (names > 0).then(|| names.to_string()));
        prop_assert_eq!(bench.store.ping().is_ok(), true);
    }
}
