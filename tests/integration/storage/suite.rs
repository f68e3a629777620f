//! One suite, run on both databases.

use std::{panic::AssertUnwindSafe, thread};

use becamera::db::DieselStore;
use becamera_actors::ports::{CameraReader, SampleReader, StoreError, WriteStore};
use becamera_domain::{
    Camera, DesiredState, DetectOverrides, RunId, Sample, SourceSettings, Write,
};

use super::{all, camera, forget, rollups, sample, save, scene, settings, whole, write};
use crate::support::postgres::Postgres;

type Case = (&'static str, fn(&DieselStore));

const SUITE: [Case; 22] = [
    ("samples_come_back_as_they_went_in", samples_come_back_as_they_went_in),
    ("a_sample_is_written_once", a_sample_is_written_once),
    ("writes_keep_their_order", writes_keep_their_order),
    ("rollups_are_what_the_samples_say", rollups::are_what_the_samples_say),
    ("rollups_follow_late_and_double_samples", rollups::follow_late_and_double_samples),
    ("what_is_old_goes_in_batches", rollups::what_is_old_goes_in_batches),
    ("crossings_come_back_as_they_went_in", scene::crossings_come_back_as_they_went_in),
    ("crossings_at_one_moment", scene::crossings_at_one_moment_are_paged_by_identity),
    ("a_crossing_that_does_not_fit", scene::a_crossing_that_does_not_fit_is_refused),
    ("tallies_come_back_as_they_went_in", scene::tallies_come_back_as_they_went_in),
    ("a_deleted_camera_and_its_crossings", scene::a_deleted_camera_takes_its_crossings_along),
    ("rollups_follow_late_and_double_crossings", scene::rollups_follow_late_and_double_crossings),
    ("old_crossings_and_rollups_go", scene::old_crossings_and_rollups_go),
    ("sites_come_back_as_they_went_in", scene::sites_come_back_as_they_went_in),
    ("pages_follow_each_other", pages_follow_each_other),
    ("spans_are_half_open", spans_are_half_open),
    ("a_refused_batch_writes_nothing", a_refused_batch_writes_nothing),
    ("what_does_not_fit_is_refused", what_does_not_fit_is_refused),
    ("many_statements_make_one_write", many_statements_make_one_write),
    ("cameras_come_back_as_they_went_in", cameras_come_back_as_they_went_in),
    ("a_deleted_camera_takes_its_samples_along", a_deleted_camera_takes_its_samples_along),
    ("writers_get_along", writers_get_along),
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
            let store = DieselStore::connect(&settings(&url)).unwrap();
            store.ping().unwrap();
            std::panic::catch_unwind(AssertUnwindSafe(|| case(&store))).is_err()
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

fn samples_come_back_as_they_went_in(store: &DieselStore) {
    store.write(&[save(camera(i32::MAX.into()))]).unwrap();
    let mut odd = sample(i32::MAX.into(), 0, i32::MAX as u32);
    odd.people_sum = i32::MAX as u32;
    odd.inference_ms_mean = f32::MIN_POSITIVE;
    odd.people_last = 0;
    let past = sample(i32::MAX.into(), -5_000_000_000, 1);
    let future = sample(i32::MAX.into(), 250_000_000_000, 1);
    write(store, &[future.clone(), odd.clone(), past.clone()]).unwrap();
    assert_eq!(all(store, i32::MAX.into()), [past, odd, future]);
    write(store, &[]).unwrap();
}

fn a_sample_is_written_once(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    let first = sample(1, 1, 5);
    write(store, &[first.clone(), first.clone()]).unwrap();
    // Its identity counts, not what it holds.
    let mut other = sample(1, 1, 9);
    write(store, &[other.clone(), sample(1, 2, 1)]).unwrap();
    assert_eq!(all(store, 1), [first.clone(), sample(1, 2, 1)]);
    // A worker that took over in the same second has a run of its own.
    other.run = RunId(2);
    write(store, std::slice::from_ref(&other)).unwrap();
    assert_eq!(all(store, 1), [first, other, sample(1, 2, 1)]);
}

fn writes_keep_their_order(store: &DieselStore) {
    let again = Camera { desired: DesiredState::Stopped, ..camera(1) };
    let [before, after] = [sample(1, 1, 1), sample(1, 2, 1)].map(Write::Sample);
    let writes = [save(camera(1)), before, forget(1), save(again.clone()), after];
    store.write(&writes).unwrap();
    assert_eq!(
        (all(store, 1), store.load_cameras().unwrap()),
        (vec![sample(1, 2, 1)], vec![again.clone()])
    );
    // All of them or none.
    let error = store.write(&[forget(1), save(camera(2)), Write::Sample(sample(9, 1, 1))]);
    assert!(matches!(error, Err(StoreError::Rejected(_))));
    assert_eq!(store.load_cameras().unwrap(), std::slice::from_ref(&again));
    // Once more in full: the same.
    store.write(&writes).unwrap();
    assert_eq!(
        (all(store, 1), store.load_cameras().unwrap()),
        (vec![sample(1, 2, 1)], vec![again])
    );
}

fn pages_follow_each_other(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    store.write(&[save(camera(2))]).unwrap();
    let mine: Vec<_> = (0..25).map(|second| sample(1, second * 3, 1)).collect();
    let others: Vec<_> = (0..25).map(|second| sample(2, second, 1)).collect();
    write(store, &[mine.clone(), others].concat()).unwrap();
    let mut query = whole(1);
    query.limit = 10;
    let mut pages = Vec::new();
    loop {
        let page = store.read_samples(&query).unwrap();
        query.after = page.items.last().map(Sample::position);
        pages.push(page.items);
        if !page.more {
            break;
        }
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(pages.concat(), mine);
    // A last page that is just full has nothing after it.
    query.after = Some(sample(1, 14 * 3, 1).position());
    assert_eq!(store.read_samples(&query).unwrap().items.len(), 10);
    assert!(!store.read_samples(&query).unwrap().more);
    query.limit = 9;
    assert!(store.read_samples(&query).unwrap().more);
    assert!(store.read_samples(&whole(3)).unwrap().items.is_empty());
}

fn spans_are_half_open(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    write(store, &(0..10).map(|s| sample(1, s, 1)).collect::<Vec<_>>()).unwrap();
    let seconds = |from_ms: i64, to_ms: i64, after: Option<i64>| -> Vec<i64> {
        let mut query = whole(1);
        query.from = chrono::DateTime::from_timestamp_millis(from_ms);
        query.to = chrono::DateTime::from_timestamp_millis(to_ms);
        query.after = after.map(|second| sample(1, second, 1).position());
        let page = store.read_samples(&query).unwrap();
        page.items.iter().map(|sample| sample.bucket_start.timestamp()).collect()
    };
    assert_eq!(seconds(3_000, 6_000, None), [3, 4, 5]);
    assert_eq!(seconds(3_001, 6_001, None), [4, 5, 6]);
    assert_eq!(seconds(3_000, 6_000, Some(3)), [4, 5]);
    assert_eq!(seconds(3_000, 6_000, Some(0)), [3, 4, 5]);
    assert!(seconds(6_000, 6_000, None).is_empty());
}

fn a_refused_batch_writes_nothing(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    // Camera 2 is not registered.
    let error = write(store, &[sample(1, 1, 1), sample(2, 1, 1)]).unwrap_err();
    assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    assert!(all(store, 1).is_empty());
    write(store, &[sample(1, 1, 1)]).unwrap();
    assert_eq!(all(store, 1).len(), 1);
}

fn what_does_not_fit_is_refused(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    let mut not_a_number = sample(1, 1, 1);
    not_a_number.inference_ms_mean = f32::NAN;
    let mut too_many = sample(1, 1, 1);
    too_many.people_max = u32::MAX;
    let no_frames = sample(1, 1, 0);
    let mut within_a_second = sample(1, 1, 1);
    within_a_second.bucket_start += chrono::TimeDelta::milliseconds(1);
    for bad in [not_a_number, too_many, no_frames, within_a_second] {
        let error = write(store, std::slice::from_ref(&bad)).unwrap_err();
        assert!(matches!(error, StoreError::Rejected(_)), "{bad:?}: {error}");
    }
    assert!(all(store, 1).is_empty());
}

fn many_statements_make_one_write(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    let samples: Vec<_> = (0..5_001).map(|second| sample(1, second, 1)).collect();
    // Refused by its last statement: the others must not stay.
    let bad = [samples.clone(), vec![sample(9, 0, 1)]].concat();
    assert!(matches!(write(store, &bad), Err(StoreError::Rejected(_))));
    assert!(all(store, 1).is_empty());
    write(store, &samples).unwrap();
    assert_eq!(all(store, 1), samples);
}

fn cameras_come_back_as_they_went_in(store: &DieselStore) {
    assert!(store.load_cameras().unwrap().is_empty());
    let mut second = camera(2);
    second.name = Some("Eingang — 入口 '\"; --".into());
    second.settings.detect = DetectOverrides { fps: Some(2.5), ..DetectOverrides::default() };
    second.settings.source = SourceSettings { loop_file: true, ..SourceSettings::default() };
    second.desired = DesiredState::Stopped;
    store.write(&[save(second.clone())]).unwrap();
    store.write(&[save(camera(1))]).unwrap();
    assert_eq!(store.load_cameras().unwrap(), [camera(1), second.clone()]);
    let loaded = &store.load_cameras().unwrap()[0];
    assert_eq!(loaded.stream_url.expose(), camera(1).stream_url.expose());

    write(store, &[sample(2, 1, 1)]).unwrap();
    second.name = None;
    second.desired = DesiredState::Running;
    store.write(&[save(second.clone())]).unwrap();
    assert_eq!(store.load_cameras().unwrap()[1], second);
    assert_eq!(all(store, 2).len(), 1, "a new registration keeps the samples");
}

fn a_deleted_camera_takes_its_samples_along(store: &DieselStore) {
    for id in [1, 2] {
        store.write(&[save(camera(id))]).unwrap();
        write(store, &[sample(id, 1, 1), sample(id, 2, 1)]).unwrap();
    }
    store.write(&[forget(1)]).unwrap();
    store.write(&[forget(1)]).unwrap();
    assert_eq!((all(store, 1).len(), all(store, 2).len()), (0, 2));
    assert_eq!(store.load_cameras().unwrap(), [camera(2)]);
}

fn writers_get_along(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    thread::scope(|scope| {
        for writer in 1..=4usize {
            scope.spawn(move || {
                for round in 0..10 {
                    // The same samples, in another order for each writer.
                    let mut samples: Vec<_> =
                        (0..200).map(|second| sample(1, round * 100 + second, 1)).collect();
                    samples.rotate_left(writer * 50);
                    write(store, &samples).unwrap();
                    store.read_samples(&whole(1)).unwrap();
                    store.ping().unwrap();
                }
            });
        }
    });
    let expected: Vec<_> = (0..1_100).map(|second| sample(1, second, 1)).collect();
    assert_eq!(all(store, 1), expected);
    rollups::assert_true(store, &[1]);
}
