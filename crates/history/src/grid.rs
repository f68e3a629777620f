//! Rollups of lines or of a zone, summed up into buckets.

use becamera_domain::{CameraId, LineTotals, ZoneTotals};
use chrono::{DateTime, Utc};

use crate::Bucket;

/// What can be summed up.
pub trait Sum: Copy {
    /// Adds another one.
    fn add(&mut self, other: &Self);
}

impl Sum for LineTotals {
    fn add(&mut self, other: &Self) {
        Self::add(self, other);
    }
}

impl Sum for ZoneTotals {
    fn add(&mut self, other: &Self) {
        Self::add(self, other);
    }
}

/// Sums by camera and bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid<T> {
    cameras: Vec<CameraId>,
    buckets: Vec<Bucket>,
    /// Camera by camera.
    cells: Vec<Option<T>>,
}

impl<T: Sum> Grid<T> {
    /// An empty one. Cameras must be in order of their number, buckets in that of time.
    pub fn new(cameras: Vec<CameraId>, buckets: Vec<Bucket>) -> Self {
        let cells = vec![None; cameras.len() * buckets.len()];
        Self { cameras, buckets, cells }
    }

    /// Adds what a camera counted in a stretch that starts here; of other cameras and times nothing.
    pub fn add(&mut self, camera: CameraId, start: DateTime<Utc>, totals: &T) {
        let Ok(camera) = self.cameras.binary_search(&camera) else { return };
        let bucket = self.buckets.partition_point(|bucket| bucket.end <= start);
        if !self.buckets.get(bucket).is_some_and(|bucket| bucket.holds(start)) {
            return;
        }
        match &mut self.cells[camera * self.buckets.len() + bucket] {
            Some(sum) => sum.add(totals),
            none => *none = Some(*totals),
        }
    }

    /// What a camera counted in a bucket, both by their place; none where there is nothing.
    pub fn cell(&self, camera: usize, bucket: usize) -> Option<T> {
        self.cells[camera * self.buckets.len() + bucket]
    }

    /// What all cameras counted in a bucket, by its place.
    pub fn total(&self, bucket: usize) -> Option<T> {
        let cells = (0..self.cameras.len()).filter_map(|camera| self.cell(camera, bucket));
        cells.reduce(|mut sum, cell| {
            sum.add(&cell);
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_kept_apart_and_add_up() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let camera = |id| CameraId::try_from(id).unwrap();
        let buckets = vec![
            Bucket { start: at(0), end: at(3_600) },
            Bucket { start: at(3_600), end: at(7_200) },
        ];
        let mut grid = Grid::new(vec![camera(1), camera(5)], buckets);
        let totals = LineTotals { crossed_in: 2, crossed_out: 3, raw_in: 4, raw_out: 5 };
        for (id, start) in [(5, 3_600), (1, 900), (5, 7_199), (3, 0), (1, -1), (1, 7_200)] {
            grid.add(camera(id), at(start), &totals);
        }
        assert_eq!((grid.cell(0, 0), grid.cell(0, 1)), (Some(totals), None));
        assert_eq!((grid.cell(1, 0), grid.cell(1, 1).unwrap().crossed_in), (None, 4));
        grid.add(camera(1), at(3_600), &totals);
        assert_eq!((grid.total(1).unwrap().raw_out, grid.total(1).unwrap().net()), (15, -3));
    }
}
