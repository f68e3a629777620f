//! Rollups and retention, on both databases: part of the suite.

use std::collections::BTreeMap;

use becamera::db::DieselStore;
use becamera_actors::ports::{RollupReader, WriteStore};
use becamera_domain::{Cutoffs, Rollup, RollupLevel, RollupQuery, RunId, Totals};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{all, camera, camera_id, forget, sample, save, time, write};

fn stored(store: &DieselStore, cameras: &[i64], level: RollupLevel) -> Vec<Rollup> {
    let cameras = cameras.iter().map(|id| camera_id(*id)).collect();
    let [from, to] = [-10_000_000_000, 10_000_000_000].map(time);
    store.read_rollups(&RollupQuery { cameras, level, from, to }).unwrap()
}

fn recomputed(store: &DieselStore, cameras: &[i64], level: RollupLevel) -> Vec<Rollup> {
    let mut totals: BTreeMap<_, Totals> = BTreeMap::new();
    for sample in cameras.iter().flat_map(|id| all(store, *id)) {
        let totals_of_sample = Totals::from(&sample);
        totals
            .entry((sample.camera_id, level.start_of(sample.bucket_start)))
            .and_modify(|totals| totals.add(&totals_of_sample))
            .or_insert(totals_of_sample);
    }
    totals
        .into_iter()
        .map(|((camera_id, bucket_start), totals)| Rollup { camera_id, bucket_start, totals })
        .collect()
}

/// The rollups of every level must be what the stored samples say.
pub fn assert_true(store: &DieselStore, cameras: &[i64]) {
    for level in RollupLevel::ALL {
        assert_eq!(
            stored(store, cameras, level),
            recomputed(store, cameras, level),
            "rollups of {level:?}"
        );
    }
}

pub fn are_what_the_samples_say(store: &DieselStore) {
    store.write(&[save(camera(1)), save(camera(2))]).unwrap();
    // Around the start of a day, and before the epoch.
    let seconds = [-86_401, -86_400, -1, 0, 59, 60, 899, 900, 3_599, 3_600, 86_399, 86_400];
    let samples: Vec<_> =
        seconds.iter().flat_map(|s| [sample(1, *s, 5), sample(2, *s, 7)]).collect();
    write(store, &samples).unwrap();
    assert_true(store, &[1, 2]);
    assert_eq!(stored(store, &[1], RollupLevel::Day).len(), 4);
    let minute = &stored(store, &[1], RollupLevel::Minute)[2];
    assert_eq!((minute.bucket_start, minute.totals.frames), (time(-60), 5));

    // From and to are about the start of a stretch.
    let query = RollupQuery {
        cameras: vec![camera_id(2)],
        level: RollupLevel::Hour,
        from: time(0),
        to: time(3_600),
    };
    let hours = store.read_rollups(&query).unwrap();
    assert_eq!(hours.iter().map(|hour| hour.bucket_start).collect::<Vec<_>>(), [time(0)]);

    store.write(&[forget(1)]).unwrap();
    assert!(stored(store, &[1], RollupLevel::Day).is_empty());
    assert_true(store, &[1, 2]);
}

/// Random histories in random batches, with samples late, in two runs, and twice.
pub fn follow_late_and_double_samples(store: &DieselStore) {
    let key = (1i64..4, 0i64..4_000, 1u32..40, 1u64..3);
    let batches = prop::collection::vec(prop::collection::vec(key, 0..30), 0..12);
    let order = prop::collection::vec(0usize..12, 0..8);
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() };
    let result = TestRunner::new(config).run(&(batches, order), |(batches, again)| {
        let anew = [1, 2, 3].into_iter().flat_map(|id| [forget(id), save(camera(id))]);
        store.write(&anew.collect::<Vec<_>>()).unwrap();
        let batches: Vec<Vec<_>> = batches
            .iter()
            .map(|batch| {
                let of = |(camera, second, frames, run): &(i64, i64, u32, u64)| {
                    let mut sample = sample(*camera, *second, *frames);
                    sample.run = RunId(*run);
                    sample
                };
                batch.iter().map(of).collect()
            })
            .collect();
        let mut keys = std::collections::BTreeSet::new();
        for batch in &batches {
            write(store, batch).unwrap();
            keys.extend(batch.iter().map(|s| (s.camera_id, s.position())));
        }
        for batch in again.iter().filter_map(|place| batches.get(*place)) {
            write(store, batch).unwrap();
        }
        let stored: usize = (1..4).map(|id| all(store, id).len()).sum();
        prop_assert_eq!(stored, keys.len());
        assert_true(store, &[1, 2, 3]);
        Ok(())
    });
    result.unwrap();
}

pub fn what_is_old_goes_in_batches(store: &DieselStore) {
    store.write(&[save(camera(1)), save(camera(2)), save(camera(3))]).unwrap();
    let samples = |id: i64, seconds: std::ops::Range<i64>| -> Vec<_> {
        seconds.map(|second| sample(id, second, 1)).collect()
    };
    for id in [1, 2] {
        write(store, &samples(id, 0..7_300)).unwrap();
    }
    let keep_all = RollupLevel::ALL.map(|level| (level, None));
    assert!(
        !store
            .expire(&Cutoffs { samples: None, crossings: None, rollups: keep_all, audit: None })
            .unwrap()
    );
    assert_eq!(all(store, 1).len(), 7_300);

    let mut rollups = keep_all;
    rollups[0].1 = Some(time(3_600));
    let cutoffs = Cutoffs { samples: Some(time(7_200)), crossings: None, rollups, audit: None };
    let mut calls = 1;
    while store.expire(&cutoffs).unwrap() {
        calls += 1;
        assert!(calls < 10, "it must come to an end");
    }
    assert!(calls > 2, "14,400 samples are more than two batches");
    for id in [1, 2] {
        assert_eq!(all(store, id), samples(id, 7_200..7_300));
        let minutes = stored(store, &[id], RollupLevel::Minute);
        assert_eq!((minutes.len(), minutes[0].bucket_start), (62, time(3_600)));
        assert_eq!(stored(store, &[id], RollupLevel::Hour)[0].totals.frames, 3_600);
    }
}
