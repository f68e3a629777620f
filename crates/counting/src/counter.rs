//! From people per frame to one count per second, and to the samples of a run.

use std::time::Duration;

use becamera_domain::{
    CameraId, Crossing, FrameSize, Job, RunId, Sample, Scene, SceneTally, WorkerId,
};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::{
    scene::{LineCrossing, SceneCounter, SceneTotals},
    track::TrackedPerson,
};

/// How long after its end a second without further frames is complete: a frame of its last
/// moments may still be on its way from the capture.
const GRACE: TimeDelta = TimeDelta::milliseconds(250);

/// Frames further apart than this, and than three periods of the camera's budget, leave a gap that
/// no frame covers.
const SHORTEST_GAP: TimeDelta = TimeDelta::seconds(2);

/// What was counted in one second.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondCount {
    /// The second's start.
    pub start: DateTime<Utc>,
    /// Frames analysed.
    pub frames: u32,
    /// People in the last frame.
    pub people_last: u32,
    /// Fewest people in a frame.
    pub people_min: u32,
    /// Most people in a frame.
    pub people_max: u32,
    /// Sum of the people over all frames.
    pub people_sum: u32,
    /// The time that the frames stand for, in milliseconds: from frame to frame, without gaps.
    pub covered_ms: u32,
    /// Mean time that the network took for a frame, in milliseconds; 0 without inferences.
    pub inference_ms_mean: f32,
    /// What happened on lines and in zones.
    pub scene: SceneTally,
}

/// Counts the people of one stream, second by second: how many there are, which lines they cross
/// and which zones they are in.
#[derive(Debug)]
pub struct PeopleCounter {
    longest_gap: TimeDelta,
    last_frame: Option<DateTime<Utc>>,
    current: Option<Bucket>,
    scene: SceneCounter,
    totals: SceneTotals,
}

#[derive(Debug)]
struct Bucket {
    start: DateTime<Utc>,
    frames: u32,
    last: u32,
    min: u32,
    max: u32,
    sum: u32,
    covered: TimeDelta,
    inferences: u32,
    inference_ms: f64,
}

impl PeopleCounter {
    /// A counter on a scene's lines and zones, for a stream of which `fps` frames per second are
    /// analysed.
    pub fn new(fps: f32, scene: &Scene) -> Self {
        let three_periods = TimeDelta::milliseconds((3_000.0 / fps.max(0.01)) as i64);
        Self {
            longest_gap: three_periods.max(SHORTEST_GAP),
            last_frame: None,
            current: None,
            scene: SceneCounter::new(scene),
            totals: SceneTotals::new(scene),
        }
    }

    /// Goes on with other lines and zones.
    pub fn update_scene(&mut self, scene: &Scene) {
        self.scene.update_scene(scene);
        self.totals.update_scene(scene);
    }

    /// What was counted on lines and in zones so far.
    pub fn totals(&self) -> &SceneTotals {
        &self.totals
    }

    /// Takes the people in a frame of this size, which was received at `at` and whose place in the
    /// stream is `position`; `inference_ms` is none where an earlier count was held. Gives the count
    /// of the second before when the frame is the first of another second, and the crossings with
    /// this frame.
    pub fn add(
        &mut self,
        at: DateTime<Utc>,
        position: Duration,
        people: &[TrackedPerson],
        size: FrameSize,
        inference_ms: Option<f32>,
    ) -> (Option<SecondCount>, Vec<LineCrossing>) {
        let number = u32::try_from(people.len()).unwrap_or(u32::MAX);
        let complete = self.add_number(at, number, inference_ms);
        let said = self.scene.update(position, people, size);
        self.totals.take(&said);
        (complete, said.crossings)
    }

    fn add_number(
        &mut self,
        at: DateTime<Utc>,
        people: u32,
        inference_ms: Option<f32>,
    ) -> Option<SecondCount> {
        let start = at.trunc_subsecs(0);
        let complete = match &self.current {
            Some(bucket) if bucket.start != start => self.finish(),
            _ => None,
        };
        let covered = self.covered_by(at);
        let bucket = self.current.get_or_insert(Bucket {
            start,
            frames: 0,
            last: people,
            min: people,
            max: people,
            sum: 0,
            covered: TimeDelta::zero(),
            inferences: 0,
            inference_ms: 0.0,
        });
        bucket.frames = bucket.frames.saturating_add(1);
        bucket.last = people;
        bucket.min = bucket.min.min(people);
        bucket.max = bucket.max.max(people);
        bucket.sum = bucket.sum.saturating_add(people);
        bucket.covered += covered;
        if let Some(inference_ms) = inference_ms {
            bucket.inferences += 1;
            bucket.inference_ms += f64::from(inference_ms);
        }
        complete
    }

    /// Gives the count of a second that is over by `now`. Call it while no frame is waiting.
    pub fn tick(&mut self, now: DateTime<Utc>) -> Option<SecondCount> {
        let over = |bucket: &Bucket| now - bucket.start >= TimeDelta::seconds(1) + GRACE;
        self.current.as_ref().is_some_and(over).then(|| self.finish()).flatten()
    }

    /// Gives the count of the second under way, at the end of a stream: everybody in a zone leaves
    /// it.
    pub fn end(&mut self) -> Option<SecondCount> {
        self.scene.end();
        self.finish()
    }

    fn finish(&mut self) -> Option<SecondCount> {
        let bucket = self.current.take()?;
        Some(SecondCount {
            start: bucket.start,
            frames: bucket.frames,
            people_last: bucket.last,
            people_min: bucket.min,
            people_max: bucket.max,
            people_sum: bucket.sum,
            covered_ms: u32::try_from(bucket.covered.num_milliseconds()).unwrap_or(u32::MAX),
            inference_ms_mean: (bucket.inference_ms / f64::from(bucket.inferences.max(1))) as f32,
            scene: self.scene.take_tally(),
        })
    }

    /// The time that a frame stands for: since the frame before it, if that is not a gap.
    fn covered_by(&mut self, at: DateTime<Utc>) -> TimeDelta {
        let since = self.last_frame.replace(at).map_or(TimeDelta::zero(), |last| at - last);
        let covered = since > TimeDelta::zero() && since <= self.longest_gap;
        if covered { since } else { TimeDelta::zero() }
    }
}

/// Gives the counts of a run their ids, and numbers in the order in which they were counted.
#[derive(Debug)]
pub struct RunNumbering {
    camera: CameraId,
    run: RunId,
    worker: WorkerId,
    next_sample: u32,
    next_crossing: u32,
}

impl RunNumbering {
    /// The numbering of a job's run; nothing is numbered yet.
    pub fn new(job: &Job) -> Self {
        let &Job { camera, run, worker, .. } = job;
        Self { camera, run, worker, next_sample: 0, next_crossing: 0 }
    }

    /// The next sample of the run.
    pub fn sample(&mut self, count: SecondCount) -> Sample {
        let seq = self.next_sample;
        self.next_sample += 1;
        Sample {
            camera_id: self.camera,
            run: self.run,
            seq,
            bucket_start: count.start,
            frames: count.frames,
            people_last: count.people_last,
            people_min: count.people_min,
            people_max: count.people_max,
            people_sum: count.people_sum,
            covered_ms: count.covered_ms,
            inference_ms_mean: count.inference_ms_mean,
            worker_id: self.worker,
            scene: count.scene,
        }
    }

    /// The next crossing of the run, with the frame received at `at`.
    pub fn crossing(&mut self, at: DateTime<Utc>, crossing: LineCrossing) -> Crossing {
        let seq = self.next_crossing;
        self.next_crossing += 1;
        Crossing {
            camera_id: self.camera,
            run: self.run,
            seq,
            line_id: crossing.line_id,
            direction: crossing.direction,
            direction_name: crossing.direction_name,
            track_id: crossing.track.0,
            at,
            confidence: crossing.confidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::{DetectSettings, SourceSettings, StreamUrl};
    use proptest::prelude::*;

    use super::*;

    /// A counter whose counts are the samples of a run.
    struct SampleCounter {
        counter: PeopleCounter,
        numbering: RunNumbering,
    }

    impl SampleCounter {
        fn add_number(&mut self, at: DateTime<Utc>, n: u32, ms: Option<f32>) -> Option<Sample> {
            let count = self.counter.add_number(at, n, ms);
            count.map(|count| self.numbering.sample(count))
        }

        fn tick(&mut self, now: DateTime<Utc>) -> Option<Sample> {
            self.counter.tick(now).map(|count| self.numbering.sample(count))
        }

        fn finish(&mut self) -> Option<Sample> {
            self.counter.finish().map(|count| self.numbering.sample(count))
        }
    }

    fn counter() -> SampleCounter {
        counter_at(10.0)
    }

    fn counter_at(fps: f32) -> SampleCounter {
        let job = Job {
            run: RunId(5),
            camera: CameraId::try_from(7).unwrap(),
            worker: WorkerId::from_index(0),
            url: StreamUrl::trusted("rtsp://camera.example/1").unwrap(),
            detect: DetectSettings { fps, ..DetectSettings::default() },
            source: SourceSettings::default(),
            scene: Scene::default(),
        };
        let counter = PeopleCounter::new(fps, &job.scene);
        SampleCounter { counter, numbering: RunNumbering::new(&job) }
    }

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn a_second_is_summed_up() {
        let mut counter = counter();
        assert_eq!(counter.add_number(at(100), 2, Some(10.0)), None);
        assert_eq!(counter.add_number(at(900), 4, Some(20.0)), None);
        assert_eq!(counter.add_number(at(950), 3, Some(30.0)), None);
        assert_eq!(counter.add_number(at(960), 3, None), None);
        let sample = counter.add_number(at(1000), 9, Some(1.0)).unwrap();
        assert_eq!(sample.bucket_start, at(0));
        assert_eq!((sample.frames, sample.people_last), (4, 3));
        assert_eq!((sample.people_min, sample.people_max, sample.people_sum), (2, 4, 12));
        assert_eq!((sample.people_mean(), sample.inference_ms_mean), (3.0, 20.0));
        assert_eq!((sample.run, sample.seq, sample.covered_ms), (RunId(5), 0, 860));
        let last = counter.finish().unwrap();
        assert_eq!((last.seq, last.covered_ms), (1, 40));
        assert_eq!((last.bucket_start, last.frames, last.people_last), (at(1000), 1, 9));
        assert_eq!(counter.finish(), None);
    }

    #[test]
    fn a_second_without_further_frames_ends_by_itself() {
        let mut counter = counter();
        counter.add_number(at(100), 1, Some(1.0));
        assert_eq!(counter.tick(at(999)), None);
        assert_eq!(counter.tick(at(1100)), None, "a frame of this second may still come");
        assert!(counter.tick(at(1250)).is_some());
        assert_eq!(counter.tick(at(5000)), None);
    }

    #[test]
    fn seconds_without_frames_have_no_sample() {
        let mut counter = counter();
        counter.add_number(at(0), 1, Some(1.0));
        assert!(counter.add_number(at(60_000), 1, Some(1.0)).is_some());
        assert_eq!(counter.finish().unwrap().bucket_start, at(60_000));
    }

    #[test]
    fn time_is_covered_from_frame_to_frame_but_not_through_a_gap() {
        let mut counter = counter();
        let mut covered = 0;
        let mut frame =
            |ms| covered += counter.add_number(at(ms), 1, Some(1.0)).map_or(0, |s| s.covered_ms);
        (0..=100).for_each(|n| frame(n * 100));
        // No frame for 20 s, then one second of frames.
        (0..=10).for_each(|n| frame(30_000 + n * 100));
        covered += counter.finish().unwrap().covered_ms;
        assert_eq!(covered, 11_000);
    }

    #[test]
    fn time_between_the_frames_of_a_slow_camera_is_covered() {
        let mut counter = counter_at(0.2);
        let samples: Vec<_> =
            (0..=4).filter_map(|n| counter.add_number(at(n * 5_000), 1, Some(1.0))).collect();
        assert_eq!(
            samples.iter().map(|s| s.covered_ms).collect::<Vec<_>>(),
            [0, 5_000, 5_000, 5_000]
        );
    }

    #[test]
    fn a_clock_set_back_loses_no_frame() {
        let mut counter = counter();
        counter.add_number(at(5_000), 1, Some(1.0));
        assert_eq!(counter.add_number(at(2_000), 1, Some(1.0)).unwrap().bucket_start, at(5_000));
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
                samples.extend(counter.add_number(at(now), people, Some(1.0)));
                if tick {
                    samples.extend(counter.tick(at(now)));
                }
            }
            samples.extend(counter.finish());
            let counted: u32 = samples.iter().map(|sample| sample.frames).sum();
            prop_assert_eq!(counted as usize, frames.len());
            prop_assert!(samples.windows(2).all(|w| w[0].bucket_start < w[1].bucket_start));
            let covered: u64 = samples.iter().map(|sample| u64::from(sample.covered_ms)).sum();
            let length: i64 = frames.iter().skip(1).map(|(wait, ..)| wait).sum();
            prop_assert_eq!(covered as i64, length);
            for (place, sample) in samples.iter().enumerate() {
                prop_assert_eq!(sample.seq as usize, place);
                prop_assert!(sample.people_min <= sample.people_max);
                prop_assert!(sample.people_mean() <= f64::from(sample.people_max));
                prop_assert!(sample.people_mean() >= f64::from(sample.people_min));
            }
        }
    }
}
