//! From people per frame to one sample a second.

use becamera_actors::domain::{CameraId, Sample, WorkerId};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Gathers the frames of each UTC second.
#[derive(Debug)]
pub struct SampleCounter {
    camera: CameraId,
    worker: WorkerId,
    current: Option<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    start: DateTime<Utc>,
    frames: u32,
    last: u32,
    max: u32,
    people: u64,
    inference_ms: f64,
}

/// How long after its end a second without further frames is complete: a frame of its last
/// moments may still be on its way from the capture.
const GRACE: TimeDelta = TimeDelta::milliseconds(250);

impl SampleCounter {
    /// A counter of this camera, run by this worker.
    pub fn new(camera: CameraId, worker: WorkerId) -> Self {
        Self { camera, worker, current: None }
    }

    /// Takes a frame received at `at`. Gives the sample of the second before it when it is the
    /// first of another second, also when the clock was set back.
    pub fn add(&mut self, at: DateTime<Utc>, people: u32, inference_ms: f32) -> Option<Sample> {
        let start = at.trunc_subsecs(0);
        let complete = match &self.current {
            Some(bucket) if bucket.start != start => self.finish(),
            _ => None,
        };
        let bucket = self.current.get_or_insert(Bucket {
            start,
            frames: 0,
            last: 0,
            max: 0,
            people: 0,
            inference_ms: 0.0,
        });
        bucket.frames = bucket.frames.saturating_add(1);
        bucket.last = people;
        bucket.max = bucket.max.max(people);
        bucket.people += u64::from(people);
        bucket.inference_ms += f64::from(inference_ms);
        complete
    }

    /// Gives the sample of a second that is over by `now`. Call it while no frame is waiting.
    pub fn tick(&mut self, now: DateTime<Utc>) -> Option<Sample> {
        let over = |bucket: &Bucket| now - bucket.start >= TimeDelta::seconds(1) + GRACE;
        self.current.as_ref().is_some_and(over).then(|| self.finish()).flatten()
    }

    /// Gives the sample of the second that is under way, at the end of a run.
    pub fn finish(&mut self) -> Option<Sample> {
        let bucket = self.current.take()?;
        let frames = f64::from(bucket.frames);
        Some(Sample {
            camera_id: self.camera,
            bucket_start: bucket.start,
            frames: bucket.frames,
            people_last: bucket.last,
            people_max: bucket.max,
            people_mean: (bucket.people as f64 / frames) as f32,
            inference_ms_mean: (bucket.inference_ms / frames) as f32,
            worker_id: self.worker,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counter() -> SampleCounter {
        SampleCounter::new(CameraId::try_from(7).unwrap(), WorkerId::from_index(0))
    }

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn a_second_is_summed_up() {
        let mut counter = counter();
        assert_eq!(counter.add(at(100), 2, 10.0), None);
        assert_eq!(counter.add(at(900), 4, 20.0), None);
        assert_eq!(counter.add(at(950), 3, 30.0), None);
        let sample = counter.add(at(1000), 9, 1.0).unwrap();
        assert_eq!(sample.bucket_start, at(0));
        assert_eq!((sample.frames, sample.people_last, sample.people_max), (3, 3, 4));
        assert_eq!((sample.people_mean, sample.inference_ms_mean), (3.0, 20.0));
        let last = counter.finish().unwrap();
        assert_eq!((last.bucket_start, last.frames, last.people_last), (at(1000), 1, 9));
        assert_eq!(counter.finish(), None);
    }

    #[test]
    fn a_second_without_further_frames_ends_by_itself() {
        let mut counter = counter();
        counter.add(at(100), 1, 1.0);
        assert_eq!(counter.tick(at(999)), None);
        assert_eq!(counter.tick(at(1100)), None, "a frame of this second may still come");
        assert!(counter.tick(at(1250)).is_some());
        assert_eq!(counter.tick(at(5000)), None);
    }

    #[test]
    fn seconds_without_frames_have_no_sample() {
        let mut counter = counter();
        counter.add(at(0), 1, 1.0);
        assert!(counter.add(at(60_000), 1, 1.0).is_some());
        assert_eq!(counter.finish().unwrap().bucket_start, at(60_000));
    }

    #[test]
    fn a_clock_set_back_loses_no_frame() {
        let mut counter = counter();
        counter.add(at(5_000), 1, 1.0);
        assert_eq!(counter.add(at(2_000), 1, 1.0).unwrap().bucket_start, at(5_000));
        assert_eq!(counter.finish().unwrap().bucket_start, at(2_000));
    }

    proptest! {
        #[test]
        fn every_frame_is_in_one_sample(
            frames in prop::collection::vec((0i64..400, 0u32..20, any::<bool>()), 0..200)
        ) {
            let (mut counter, mut now, mut samples) = (counter(), 0, Vec::new());
            for &(wait, people, tick) in &frames {
                now += wait;
                samples.extend(counter.add(at(now), people, 1.0));
                if tick {
                    samples.extend(counter.tick(at(now)));
                }
            }
            samples.extend(counter.finish());
            let counted: u32 = samples.iter().map(|sample| sample.frames).sum();
            prop_assert_eq!(counted as usize, frames.len());
            prop_assert!(samples.windows(2).all(|w| w[0].bucket_start < w[1].bucket_start));
            for sample in samples {
                prop_assert!(sample.people_mean <= sample.people_max as f32 + 1e-3);
            }
        }
    }
}
