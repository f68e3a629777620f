//! One suite, run on both databases.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, thread};

use becamera::db::DieselCountStore;
use becamera_actors::{
    domain::{DesiredState, DetectOverrides, SourceSettings},
    ports::{CountStore, StoreError},
};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{all, camera, camera_id, sample, settings, time, whole};
use crate::support::postgres::Postgres;

type Case = (&'static str, fn(&DieselCountStore));

const SUITE: [Case; 11] = [
    ("samples_come_back_as_they_went_in", samples_come_back_as_they_went_in),
    ("more_frames_win", more_frames_win),
    ("pages_follow_each_other", pages_follow_each_other),
    ("spans_are_half_open", spans_are_half_open),
    ("a_refused_batch_writes_nothing", a_refused_batch_writes_nothing),
    ("what_does_not_fit_is_refused", what_does_not_fit_is_refused),
    ("many_statements_make_one_write", many_statements_make_one_write),
    ("cameras_come_back_as_they_went_in", cameras_come_back_as_they_went_in),
    ("a_deleted_camera_takes_its_samples_along", a_deleted_camera_takes_its_samples_along),
    ("writers_get_along", writers_get_along),
    ("any_order_of_writes_gives_the_same_table", any_order_of_writes_gives_the_same_table),
];

#[test]
fn sqlite() {
    run(|name| {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/{name} 100%?.sqlite3", folder.path().display());
        (url.replace('?', ""), Some(folder))
    });
}

#[test]
fn postgresql() {
    let server = Postgres::start();
    run(|name| (server.database(name), None::<()>));
}

fn run<K>(database: impl Fn(&str) -> (String, K)) {
    let failed: Vec<&str> = SUITE
        .iter()
        .filter(|(name, case)| {
            let (url, _keep) = database(name);
            let store = DieselCountStore::connect(&settings(&url)).unwrap();
            store.ping().unwrap();
            std::panic::catch_unwind(AssertUnwindSafe(|| case(&store))).is_err()
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

fn samples_come_back_as_they_went_in(store: &DieselCountStore) {
    store.save_camera(&camera(i32::MAX.into())).unwrap();
    let mut odd = sample(i32::MAX.into(), 0, i32::MAX as u32);
    odd.people_mean = 0.1 + 0.2;
    odd.inference_ms_mean = f32::MIN_POSITIVE;
    odd.people_last = 0;
    let past = sample(i32::MAX.into(), -5_000_000_000, 1);
    let future = sample(i32::MAX.into(), 250_000_000_000, 1);
    store.write_samples(&[future.clone(), odd.clone(), past.clone()]).unwrap();
    assert_eq!(all(store, i32::MAX.into()), [past, odd, future]);
    store.write_samples(&[]).unwrap();
}

fn more_frames_win(store: &DieselCountStore) {
    store.save_camera(&camera(1)).unwrap();
    store.write_samples(&[sample(1, 1, 3), sample(1, 1, 5), sample(1, 1, 4)]).unwrap();
    assert_eq!(all(store, 1), [sample(1, 1, 5)]);
    store.write_samples(&[sample(1, 1, 4), sample(1, 2, 1)]).unwrap();
    assert_eq!(all(store, 1), [sample(1, 1, 5), sample(1, 2, 1)]);
    let mut same_frames = sample(1, 1, 5);
    same_frames.people_max = 99;
    store.write_samples(&[same_frames]).unwrap();
    store.write_samples(&[sample(1, 2, 8)]).unwrap();
    assert_eq!(all(store, 1), [sample(1, 1, 5), sample(1, 2, 8)]);
}

fn pages_follow_each_other(store: &DieselCountStore) {
    store.save_camera(&camera(1)).unwrap();
    store.save_camera(&camera(2)).unwrap();
    let mine: Vec<_> = (0..25).map(|second| sample(1, second * 3, 1)).collect();
    let others: Vec<_> = (0..25).map(|second| sample(2, second, 1)).collect();
    store.write_samples(&[mine.clone(), others].concat()).unwrap();
    let mut query = whole(1);
    query.limit = 10;
    let mut pages = Vec::new();
    loop {
        let page = store.read_samples(&query).unwrap();
        query.after = page.samples.last().map(|sample| sample.bucket_start);
        pages.push(page.samples);
        if !page.more {
            break;
        }
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(pages.concat(), mine);
    // A last page that is just full has nothing after it.
    query.after = Some(time(14 * 3));
    assert_eq!(store.read_samples(&query).unwrap().samples.len(), 10);
    assert!(!store.read_samples(&query).unwrap().more);
    query.limit = 9;
    assert!(store.read_samples(&query).unwrap().more);
    assert!(store.read_samples(&whole(3)).unwrap().samples.is_empty());
}

fn spans_are_half_open(store: &DieselCountStore) {
    store.save_camera(&camera(1)).unwrap();
    store.write_samples(&(0..10).map(|s| sample(1, s, 1)).collect::<Vec<_>>()).unwrap();
    let seconds = |from_ms: i64, to_ms: i64, after: Option<i64>| -> Vec<i64> {
        let mut query = whole(1);
        query.from = chrono::DateTime::from_timestamp_millis(from_ms);
        query.to = chrono::DateTime::from_timestamp_millis(to_ms);
        query.after = after.map(time);
        let page = store.read_samples(&query).unwrap();
        page.samples.iter().map(|sample| sample.bucket_start.timestamp()).collect()
    };
    assert_eq!(seconds(3_000, 6_000, None), [3, 4, 5]);
    assert_eq!(seconds(3_001, 6_001, None), [4, 5, 6]);
    assert_eq!(seconds(3_000, 6_000, Some(3)), [4, 5]);
    assert_eq!(seconds(3_000, 6_000, Some(0)), [3, 4, 5]);
    assert!(seconds(6_000, 6_000, None).is_empty());
}

fn a_refused_batch_writes_nothing(store: &DieselCountStore) {
    store.save_camera(&camera(1)).unwrap();
    // Camera 2 is not registered.
    let error = store.write_samples(&[sample(1, 1, 1), sample(2, 1, 1)]).unwrap_err();
    assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    assert!(all(store, 1).is_empty());
    store.write_samples(&[sample(1, 1, 1)]).unwrap();
    assert_eq!(all(store, 1).len(), 1);
}

fn what_does_not_fit_is_refused(store: &DieselCountStore) {
    store.save_camera(&camera(1)).unwrap();
    let mut not_a_number = sample(1, 1, 1);
    not_a_number.people_mean = f32::NAN;
    let mut too_many = sample(1, 1, 1);
    too_many.people_max = u32::MAX;
    let no_frames = sample(1, 1, 0);
    let mut within_a_second = sample(1, 1, 1);
    within_a_second.bucket_start += chrono::TimeDelta::milliseconds(1);
    for bad in [not_a_number, too_many, no_frames, within_a_second] {
        let error = store.write_samples(std::slice::from_ref(&bad)).unwrap_err();
        assert!(matches!(error, StoreError::Rejected(_)), "{bad:?}: {error}");
    }
    assert!(all(store, 1).is_empty());
}

fn many_statements_make_one_write(store: &DieselCountStore) {
    store.save_camera(&camera(1)).unwrap();
    let samples: Vec<_> = (0..5_001).map(|second| sample(1, second, 1)).collect();
    // Refused by its last statement: the others must not stay.
    let bad = [samples.clone(), vec![sample(9, 0, 1)]].concat();
    assert!(matches!(store.write_samples(&bad), Err(StoreError::Rejected(_))));
    assert!(all(store, 1).is_empty());
    store.write_samples(&samples).unwrap();
    assert_eq!(all(store, 1), samples);
}

fn cameras_come_back_as_they_went_in(store: &DieselCountStore) {
    assert!(store.load_cameras().unwrap().is_empty());
    let mut second = camera(2);
    second.name = Some("Eingang — 入口 '\"; --".into());
    second.settings.detect = DetectOverrides { fps: Some(2.5), ..DetectOverrides::default() };
    second.settings.source = SourceSettings { loop_file: true, ..SourceSettings::default() };
    second.desired = DesiredState::Stopped;
    store.save_camera(&second).unwrap();
    store.save_camera(&camera(1)).unwrap();
    assert_eq!(store.load_cameras().unwrap(), [camera(1), second.clone()]);
    let loaded = &store.load_cameras().unwrap()[0];
    assert_eq!(loaded.stream_url.expose(), camera(1).stream_url.expose());

    store.write_samples(&[sample(2, 1, 1)]).unwrap();
    second.name = None;
    second.desired = DesiredState::Running;
    store.save_camera(&second).unwrap();
    assert_eq!(store.load_cameras().unwrap()[1], second);
    assert_eq!(all(store, 2).len(), 1, "a new registration keeps the samples");
}

fn a_deleted_camera_takes_its_samples_along(store: &DieselCountStore) {
    for id in [1, 2] {
        store.save_camera(&camera(id)).unwrap();
        store.write_samples(&[sample(id, 1, 1), sample(id, 2, 1)]).unwrap();
    }
    store.delete_camera(camera_id(1)).unwrap();
    store.delete_camera(camera_id(1)).unwrap();
    assert_eq!((all(store, 1).len(), all(store, 2).len()), (0, 2));
    assert_eq!(store.load_cameras().unwrap(), [camera(2)]);
}

fn writers_get_along(store: &DieselCountStore) {
    store.save_camera(&camera(1)).unwrap();
    thread::scope(|scope| {
        for writer in 1..=4u32 {
            scope.spawn(move || {
                for round in 0..10 {
                    // The same keys, in another order for each writer.
                    let mut samples: Vec<_> =
                        (0..200).map(|second| sample(1, second, writer * 10 + round)).collect();
                    samples.rotate_left(writer as usize * 50);
                    store.write_samples(&samples).unwrap();
                    store.read_samples(&whole(1)).unwrap();
                    store.ping().unwrap();
                }
            });
        }
    });
    assert!(all(store, 1).iter().all(|sample| sample.frames == 49));
}

fn any_order_of_writes_gives_the_same_table(store: &DieselCountStore) {
    let key = (1i64..4, 0i64..30, 1u32..40);
    let writes = prop::collection::vec(prop::collection::vec(key, 0..20), 0..12);
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() };
    let result = TestRunner::new(config).run(&writes, |writes| {
        for id in 1..4 {
            store.delete_camera(camera_id(id)).unwrap();
            store.save_camera(&camera(id)).unwrap();
        }
        let mut best: BTreeMap<(i64, i64), u32> = BTreeMap::new();
        for write in &writes {
            let samples: Vec<_> = write.iter().map(|(c, s, f)| sample(*c, *s, *f)).collect();
            store.write_samples(&samples).unwrap();
            for (camera, second, frames) in write {
                let most = best.entry((*camera, *second)).or_default();
                *most = (*most).max(*frames);
            }
        }
        // Once more, last first: retries change nothing.
        for write in writes.iter().rev() {
            let samples: Vec<_> = write.iter().rev().map(|(c, s, f)| sample(*c, *s, *f)).collect();
            store.write_samples(&samples).unwrap();
        }
        let expected: Vec<_> = best.iter().map(|((c, s), f)| sample(*c, *s, *f)).collect();
        let stored = (1..4).flat_map(|id| all(store, id)).collect::<Vec<_>>();
        prop_assert_eq!(stored, expected);
        Ok(())
    });
    result.unwrap();
}
