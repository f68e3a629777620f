use proptest::prelude::*;

use super::*;
use crate::storage::{
    test_support::{camera, camera_id, sample},
    write::RefusedSample,
};

fn unavailable() -> Outcome {
    Outcome { unavailable: Some("away".into()), ..Outcome::default() }
}

fn buckets(queue: &WriteQueue) -> Vec<i64> {
    queue.samples.values().map(|sample| sample.bucket_start.timestamp()).collect()
}

#[test]
fn of_two_samples_with_the_same_key_the_one_with_more_frames_is_kept_at_the_older_place() {
    let mut queue = WriteQueue::new(10);
    queue.push(sample(1, 1, 3));
    queue.push(sample(1, 2, 3));
    queue.push(sample(1, 1, 5));
    queue.push(sample(1, 1, 4));
    let batch = queue.take(10).unwrap();
    assert_eq!(batch.samples, [(0, sample(1, 1, 5)), (1, sample(1, 2, 3))]);
}

#[test]
fn beyond_its_capacity_the_oldest_are_lost_and_counted() {
    let mut queue = WriteQueue::new(3);
    let lost: usize = (0..5).map(|second| queue.push(sample(1, second, 1))).sum();
    assert_eq!((lost, buckets(&queue)), (2, vec![2, 3, 4]));
}

#[test]
fn one_batch_is_written_at_a_time_and_a_failed_one_goes_back_to_its_place() {
    let mut queue = WriteQueue::new(10);
    for second in 0..4 {
        let _ = queue.push(sample(1, second, 1));
    }
    assert_eq!(queue.take(2).unwrap().samples.len(), 2);
    assert!(queue.take(2).is_none());
    queue.push(sample(1, 9, 1));
    // The same second again, now with more frames, while the first is being written.
    queue.push(sample(1, 0, 2));
    assert_eq!(queue.settle(&unavailable()), 0);
    assert_eq!(buckets(&queue), [0, 1, 2, 3, 9]);
    assert_eq!(queue.samples[&0].frames, 2);
}

#[test]
fn what_was_written_or_refused_is_not_tried_again() {
    let mut queue = WriteQueue::new(10);
    for second in 0..3 {
        let _ = queue.push(sample(1, second, 1));
    }
    queue.take(10).unwrap();
    let refused = RefusedSample { place: 1, sample: sample(1, 1, 1), reason: "bad".into() };
    queue.settle(&Outcome { refused_samples: vec![refused], written: vec![0], ..unavailable() });
    assert_eq!(buckets(&queue), [2]);
}

#[test]
fn a_failed_batch_that_no_longer_fits_loses_its_oldest() {
    let mut queue = WriteQueue::new(3);
    for second in 0..3 {
        let _ = queue.push(sample(1, second, 1));
    }
    queue.take(2).unwrap();
    assert_eq!(queue.push(sample(1, 3, 1)), 1, "what is being written counts too");
    assert_eq!(queue.settle(&unavailable()), 0);
    assert_eq!(buckets(&queue), [0, 1, 3]);
}

#[test]
fn a_flush_is_settled_by_what_came_before_it_alone() {
    let mut queue = WriteQueue::new(10);
    queue.push(sample(1, 0, 1));
    let watermark = queue.watermark();
    assert!(!queue.is_settled(watermark));
    queue.take(10).unwrap();
    queue.push(sample(1, 1, 1));
    assert!(!queue.is_settled(watermark));
    queue.settle(&Outcome { written: vec![0], ..Outcome::default() });
    assert!(queue.is_settled(watermark) && !queue.is_empty());
}

#[test]
fn the_latest_change_of_a_camera_is_kept() {
    let mut queue = WriteQueue::new(10);
    queue.save(camera(1, "a"));
    queue.save(camera(1, "b"));
    queue.save(camera(2, "c"));
    let batch = queue.take(10).unwrap();
    let names: Vec<_> =
        batch.cameras.iter().map(|(_, c)| c.save.as_ref().unwrap().name.clone().unwrap()).collect();
    assert_eq!(names, ["b", "c"]);
    // The newer change replaces the one that failed; one that was done is not tried again.
    queue.save(camera(1, "d"));
    queue.settle(&Outcome { cameras_done: 1, ..unavailable() });
    let names: Vec<_> =
        queue.cameras.values().map(|c| c.save.as_ref().unwrap().name.clone().unwrap()).collect();
    assert_eq!(names, ["c", "d"]);
}

#[test]
fn a_forgotten_camera_takes_its_samples_with_it_and_stays_forgotten_until_saved() {
    let mut queue = WriteQueue::new(10);
    queue.push(sample(1, 0, 1));
    queue.push(sample(2, 0, 1));
    queue.take(1).unwrap();
    queue.push(sample(1, 1, 1));
    queue.forget(camera_id(1));
    queue.push(sample(1, 2, 1));
    queue.settle(&unavailable());
    assert_eq!(queue.samples.values().collect::<Vec<_>>(), [&sample(2, 0, 1)]);
    queue.save(camera(1, "again"));
    queue.push(sample(1, 3, 1));
    let batch = queue.take(10).unwrap();
    let change = &batch.cameras[0].1;
    assert!(change.forget && change.save.is_some(), "the old samples must still go");
    assert_eq!(batch.samples.last().unwrap().1, sample(1, 3, 1));
}

#[test]
fn a_failed_order_to_forget_survives_a_newer_registration() {
    let mut queue = WriteQueue::new(10);
    queue.forget(camera_id(1));
    queue.take(10).unwrap();
    queue.save(camera(1, "again"));
    queue.settle(&unavailable());
    let batch = queue.take(10).unwrap();
    assert_eq!(batch.cameras.len(), 1);
    assert!(batch.cameras[0].1.forget);
}

proptest! {
    // Against a model: whatever fails in between, each key's best sample is written in the end.
    #[test]
    fn nothing_is_lost_below_the_capacity(
        steps in prop::collection::vec((1i64..4, 0i64..20, 1u32..50, 0u8..4), 1..200),
    ) {
        let mut queue = WriteQueue::new(1_000);
        let mut best: BTreeMap<Key, u32> = BTreeMap::new();
        let mut written: BTreeMap<Key, u32> = BTreeMap::new();
        let upsert = |map: &mut BTreeMap<Key, u32>, sample: &Sample| {
            let frames = map.entry(key(sample)).or_default();
            *frames = sample.frames.max(*frames);
        };
        let mut batch = None;
        for (camera, second, frames, action) in steps {
            let sample = sample(camera, second, frames);
            upsert(&mut best, &sample);
            prop_assert_eq!(queue.push(sample), 0);
            match action {
                0 => batch = queue.take(7).or(batch),
                1 => { queue.settle(&unavailable()); batch = None; }
                2 => {
                    if let Some(batch) = batch.take() {
                        batch.samples.iter().for_each(|(_, s)| upsert(&mut written, s));
                    }
                    queue.settle(&Outcome::default());
                }
                _ => {}
            }
        }
        queue.abandon();
        while let Some(batch) = queue.take(7) {
            batch.samples.iter().for_each(|(_, s)| upsert(&mut written, s));
            queue.settle(&Outcome::default());
        }
        prop_assert_eq!(written, best);
        prop_assert!(queue.is_empty() && queue.places.is_empty());
    }
}
