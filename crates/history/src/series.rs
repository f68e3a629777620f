//! Rollups summed up into buckets.

use becamera_domain::{CameraId, Rollup, Totals};
use chrono::{DateTime, Utc};

use crate::Bucket;

/// What some cameras showed in some buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    cameras: Vec<CameraId>,
    buckets: Vec<Bucket>,
    now: DateTime<Utc>,
    /// Camera by camera; `None` where it was not seen at all.
    totals: Vec<Option<Totals>>,
}

/// What one camera showed in one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Its frames and people; `None` where the camera was not seen at all, which is not the same
    /// as no people.
    pub totals: Option<Totals>,
    /// Share of the bucket that the camera was really seen, 0 to 1. Of a bucket that still runs
    /// only what has passed counts.
    pub coverage: f64,
}

/// What several cameras showed in one bucket, taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TotalPoint {
    /// Cameras that were seen in it.
    pub cameras_seen: usize,
    /// Frames of all cameras.
    pub frames: u64,
    /// Sum of the means of the cameras that were seen: how many people they saw at once, on
    /// average. A person seen by two cameras counts for both. `None` where none was seen.
    pub people_mean: Option<f64>,
    /// Milliseconds seen, summed over the cameras.
    pub covered_ms: u64,
    /// Mean of all cameras' coverage, 0 to 1.
    pub coverage: f64,
}

impl Series {
    /// An empty one. Cameras must be in order of their number, buckets in that of time.
    pub fn new(cameras: Vec<CameraId>, buckets: Vec<Bucket>, now: DateTime<Utc>) -> Self {
        let totals = vec![None; cameras.len() * buckets.len()];
        Self { cameras, buckets, now, totals }
    }

    /// The cameras.
    pub fn cameras(&self) -> &[CameraId] {
        &self.cameras
    }

    /// The buckets.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Adds rollups; those of other cameras and times are left out. Quick for rollups by camera
    /// and time, right for any order.
    pub fn add(&mut self, rollups: &[Rollup]) {
        let (mut camera, mut bucket) = (0, 0);
        for rollup in rollups {
            if self.cameras.get(camera) != Some(&rollup.camera_id) {
                let Ok(found) = self.cameras.binary_search(&rollup.camera_id) else { continue };
                camera = found;
            }
            let at = rollup.bucket_start;
            if !self.buckets.get(bucket).is_some_and(|bucket| bucket.holds(at)) {
                bucket = self.buckets.partition_point(|bucket| bucket.end <= at);
                if !self.buckets.get(bucket).is_some_and(|bucket| bucket.holds(at)) {
                    continue;
                }
            }
            match &mut self.totals[camera * self.buckets.len() + bucket] {
                Some(totals) => totals.add(&rollup.totals),
                none => *none = Some(rollup.totals),
            }
        }
    }

    /// What a camera showed in a bucket, both by their place in the series.
    pub fn point(&self, camera: usize, bucket: usize) -> Point {
        let totals = self.totals[camera * self.buckets.len() + bucket];
        let covered_ms = totals.map_or(0, |totals| totals.covered_ms);
        Point { totals, coverage: self.buckets[bucket].coverage(covered_ms, self.now) }
    }

    /// What all cameras showed in a bucket, by its place in the series.
    pub fn total(&self, bucket: usize) -> TotalPoint {
        let points = (0..self.cameras.len()).map(|camera| self.point(camera, bucket));
        let nothing = TotalPoint {
            cameras_seen: 0,
            frames: 0,
            people_mean: None,
            covered_ms: 0,
            coverage: 0.0,
        };
        let sum = points.fold(nothing, |mut sum, point| {
            if let Some(totals) = point.totals {
                sum.cameras_seen += 1;
                sum.frames += totals.frames;
                sum.covered_ms += totals.covered_ms;
                let people = sum.people_mean.unwrap_or(0.0) + totals.people_mean();
                sum.people_mean = Some(people);
            }
            TotalPoint { coverage: sum.coverage + point.coverage, ..sum }
        });
        TotalPoint { coverage: sum.coverage / self.cameras.len().max(1) as f64, ..sum }
    }
}

impl Bucket {
    /// Whether this moment lies in it.
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at < self.end
    }

    /// Its milliseconds that have passed by `now`.
    pub fn elapsed_ms(&self, now: DateTime<Utc>) -> u64 {
        u64::try_from((self.end.min(now) - self.start).num_milliseconds()).unwrap_or(0)
    }

    /// The share of its elapsed time that these milliseconds are, 0 to 1: two runs may both have
    /// seen the moment in which a camera moved from one to the other.
    pub fn coverage(&self, covered_ms: u64, now: DateTime<Utc>) -> f64 {
        (covered_ms as f64 / self.elapsed_ms(now).max(1) as f64).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::RollupLevel;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn camera(id: i64) -> CameraId {
        CameraId::try_from(id).unwrap()
    }

    fn rollup(id: i64, start: i64, people: u32, covered_ms: u64) -> Rollup {
        let frames = 10;
        let people_sum = frames * u64::from(people);
        let totals =
            Totals { frames, people_sum, people_min: people, people_max: people, covered_ms };
        Rollup { camera_id: camera(id), bucket_start: at(start), totals }
    }

    fn hours(count: i64) -> Vec<Bucket> {
        (0..count).map(|h| Bucket { start: at(h * 3_600), end: at((h + 1) * 3_600) }).collect()
    }

    #[test]
    fn no_people_is_not_the_same_as_no_camera() {
        let mut series = Series::new(vec![camera(1)], hours(3), at(1_000_000));
        series.add(&[rollup(1, 0, 0, 3_600_000), rollup(1, 7_200, 4, 900_000)]);
        let points: Vec<_> = (0..3).map(|bucket| series.point(0, bucket)).collect();
        assert_eq!(points[0].totals.unwrap().people_mean(), 0.0);
        assert_eq!(points[0].coverage, 1.0);
        assert_eq!(points[1], Point { totals: None, coverage: 0.0 });
        assert_eq!((points[2].totals.unwrap().people_max, points[2].coverage), (4, 0.25));
    }

    #[test]
    fn a_bucket_that_runs_is_measured_against_what_has_passed() {
        let mut series = Series::new(vec![camera(1)], hours(2), at(3_600 + 600));
        series.add(&[rollup(1, 3_600, 1, 300_000)]);
        assert_eq!(series.point(0, 1).coverage, 0.5);
        let mut early = Series::new(vec![camera(1)], hours(1), at(0));
        early.add(&[rollup(1, 0, 1, 300_000)]);
        assert_eq!(early.point(0, 0).coverage, 1.0);
    }

    #[test]
    fn cameras_are_kept_apart_in_any_order() {
        let mut series = Series::new(vec![camera(1), camera(5)], hours(2), at(1_000_000));
        let quarter = i64::from(RollupLevel::QuarterHour.seconds());
        let mut rollups: Vec<_> = (0..8)
            .flat_map(|n| [rollup(1, n * quarter, 1, 1), rollup(5, n * quarter, 2, 1)])
            .chain([rollup(3, 0, 9, 1), rollup(1, -900, 9, 1), rollup(1, 7_200, 9, 1)])
            .collect();
        series.add(&rollups);
        let mut backwards = Series::new(vec![camera(1), camera(5)], hours(2), at(1_000_000));
        rollups.reverse();
        backwards.add(&rollups);
        assert_eq!(series, backwards);
        for bucket in 0..2 {
            let seen: Vec<_> =
                (0..2).map(|camera| series.point(camera, bucket).totals.unwrap()).collect();
            assert_eq!((seen[0].people_sum, seen[1].people_sum), (40, 80));
            assert_eq!((seen[0].people_max, seen[1].people_max), (1, 2));
        }
    }

    #[test]
    fn together_the_means_are_summed_and_the_coverage_is_shared() {
        let cameras = vec![camera(1), camera(2), camera(3)];
        let mut series = Series::new(cameras, hours(2), at(1_000_000));
        series.add(&[rollup(1, 0, 2, 3_600_000), rollup(2, 0, 3, 1_800_000)]);
        let total = series.total(0);
        assert_eq!((total.cameras_seen, total.frames, total.covered_ms), (2, 20, 5_400_000));
        assert_eq!((total.people_mean, total.coverage), (Some(5.0), 0.5));
        assert_eq!((series.total(1).people_mean, series.total(1).coverage), (None, 0.0));
        let nobody = Series::new(Vec::new(), hours(1), at(1_000_000));
        assert_eq!((nobody.total(0).people_mean, nobody.total(0).coverage), (None, 0.0));
    }
}
