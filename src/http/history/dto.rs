//! The wire types of buckets: the same in JSON and as rows of a CSV.

use becamera_domain::{CameraId, LineTotals, Totals};
use becamera_history::{Calendar, Grid, Point, Series, Span, TotalPoint};
use serde::Serialize;

use super::super::times;

/// What surrounds the buckets of a page.
#[derive(Debug, Serialize)]
pub(super) struct Frame {
    resolution: &'static str,
    tz: &'static str,
    from: String,
    to: String,
}

impl Frame {
    pub(super) fn new(resolution: &'static str, calendar: Calendar, span: Span) -> Self {
        Self {
            resolution,
            tz: calendar.name(),
            from: times::whole(calendar, span.from),
            to: times::whole(calendar, span.to),
        }
    }
}

/// A page of one camera's buckets, oldest first.
#[derive(Debug, Serialize)]
pub(super) struct CameraHistory<'a> {
    pub(super) camera_id: CameraId,
    #[serde(flatten)]
    pub(super) frame: Frame,
    pub(super) buckets: Vec<BucketDto<'a>>,
    pub(super) next_cursor: Option<String>,
}

/// A page of several cameras' buckets.
#[derive(Debug, Serialize)]
pub(super) struct CamerasHistory<'a> {
    #[serde(flatten)]
    pub(super) frame: Frame,
    pub(super) cameras: Vec<CameraBuckets<'a>>,
    pub(super) next_cursor: Option<String>,
}

/// One camera's buckets among those of others.
#[derive(Debug, Serialize)]
pub(super) struct CameraBuckets<'a> {
    camera_id: CameraId,
    buckets: Vec<BucketDto<'a>>,
}

/// A page of buckets of several cameras taken together.
#[derive(Debug, Serialize)]
pub(super) struct TotalHistory<'a> {
    pub(super) cameras: &'a [CameraId],
    #[serde(flatten)]
    pub(super) frame: Frame,
    pub(super) buckets: Vec<TotalDto<'a>>,
    pub(super) next_cursor: Option<String>,
}

/// One camera's bucket. `people_…` are null where it was not seen at all.
#[derive(Debug, Serialize)]
pub(super) struct BucketDto<'a> {
    bucket_start: &'a str,
    bucket_end: &'a str,
    frames: u64,
    people_mean: Option<f64>,
    people_min: Option<u32>,
    people_max: Option<u32>,
    covered_ms: u64,
    coverage: f64,
    #[serde(rename = "in")]
    inwards: u64,
    #[serde(rename = "out")]
    outwards: u64,
    net: i64,
}

/// A bucket of several cameras.
#[derive(Debug, Serialize)]
pub(super) struct TotalDto<'a> {
    bucket_start: &'a str,
    bucket_end: &'a str,
    cameras_seen: usize,
    frames: u64,
    people_mean: Option<f64>,
    covered_ms: u64,
    coverage: f64,
    #[serde(rename = "in")]
    inwards: u64,
    #[serde(rename = "out")]
    outwards: u64,
    net: i64,
}

/// The columns of a camera's rows.
pub(super) const CAMERA_COLUMNS: &[&str] = &[
    "camera_id",
    "bucket_start",
    "bucket_end",
    "frames",
    "people_mean",
    "people_min",
    "people_max",
    "covered_ms",
    "coverage",
    "in",
    "out",
    "net",
];

/// The columns of the rows of several cameras taken together.
pub(super) const TOTAL_COLUMNS: &[&str] = &[
    "bucket_start",
    "bucket_end",
    "cameras_seen",
    "frames",
    "people_mean",
    "covered_ms",
    "coverage",
    "in",
    "out",
    "net",
];

/// A series on its way out. The cameras share their buckets' times, which are written once.
pub(super) struct View<'a> {
    series: &'a Series,
    lines: &'a Grid<LineTotals>,
    times: Vec<(String, String)>,
}

impl<'a> View<'a> {
    /// With its times by this zone's clock.
    pub(super) fn new(series: &'a Series, lines: &'a Grid<LineTotals>, calendar: Calendar) -> Self {
        let show = |at| times::whole(calendar, at);
        let times = series.buckets().iter().map(|b| (show(b.start), show(b.end))).collect();
        Self { series, lines, times }
    }

    /// A camera's buckets, by its place in the series.
    pub(super) fn camera(&self, camera: usize) -> Vec<BucketDto<'_>> {
        (0..self.times.len()).map(|bucket| self.bucket(camera, bucket)).collect()
    }

    /// Every camera's buckets.
    pub(super) fn cameras(&self) -> Vec<CameraBuckets<'_>> {
        let ids = self.series.cameras().iter().enumerate();
        ids.map(|(place, id)| CameraBuckets { camera_id: *id, buckets: self.camera(place) })
            .collect()
    }

    /// Every camera's rows, by time and then by camera.
    pub(super) fn rows(&self) -> impl Iterator<Item = (CameraId, BucketDto<'_>)> {
        let ids = self.series.cameras();
        let row = move |bucket| {
            let row = move |(place, id): (usize, &CameraId)| (*id, self.bucket(place, bucket));
            ids.iter().enumerate().map(row)
        };
        (0..self.times.len()).flat_map(row)
    }

    /// All cameras taken together.
    pub(super) fn totals(&self) -> Vec<TotalDto<'_>> {
        let times = self.times.iter().enumerate();
        times
            .map(|(bucket, (start, end))| {
                let TotalPoint { cameras_seen, frames, people_mean, covered_ms, coverage } =
                    self.series.total(bucket);
                let lines = self.lines.total(bucket).unwrap_or_default();
                TotalDto {
                    bucket_start: start,
                    bucket_end: end,
                    cameras_seen,
                    frames,
                    people_mean,
                    covered_ms,
                    coverage,
                    inwards: lines.crossed_in,
                    outwards: lines.crossed_out,
                    net: lines.net(),
                }
            })
            .collect()
    }

    fn bucket(&self, camera: usize, bucket: usize) -> BucketDto<'_> {
        let (start, end) = &self.times[bucket];
        let Point { totals, coverage } = self.series.point(camera, bucket);
        let lines = self.lines.cell(camera, bucket).unwrap_or_default();
        BucketDto {
            bucket_start: start,
            bucket_end: end,
            frames: totals.map_or(0, |totals| totals.frames),
            people_mean: totals.as_ref().map(Totals::people_mean),
            people_min: totals.map(|totals| totals.people_min),
            people_max: totals.map(|totals| totals.people_max),
            covered_ms: totals.map_or(0, |totals| totals.covered_ms),
            coverage,
            inwards: lines.crossed_in,
            outwards: lines.crossed_out,
            net: lines.net(),
        }
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::Rollup;
    use becamera_history::Bucket;
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn series() -> (Series, Grid<LineTotals>) {
        let camera_id = CameraId::try_from(7).unwrap();
        let start = DateTime::UNIX_EPOCH;
        let middle = start + TimeDelta::hours(1);
        let buckets = vec![
            Bucket { start, end: middle },
            Bucket { start: middle, end: middle + TimeDelta::hours(1) },
        ];
        let totals =
            Totals { frames: 4, people_sum: 6, people_min: 0, people_max: 3, covered_ms: 900_000 };
        let mut lines = Grid::new(vec![camera_id], buckets.clone());
        let crossed = LineTotals { crossed_in: 1, crossed_out: 3, ..LineTotals::default() };
        lines.add(camera_id, start, &crossed);
        let mut series = Series::new(vec![camera_id], buckets, start + TimeDelta::days(1));
        series.add(&[Rollup { camera_id, bucket_start: start, totals }]);
        (series, lines)
    }

    /// The header that the fields' names make, and the lines of all rows.
    fn csv(rows: impl Iterator<Item = impl Serialize>) -> (String, Vec<String>) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        rows.for_each(|row| writer.serialize(row).unwrap());
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let mut lines = text.lines().map(str::to_owned);
        (lines.next().unwrap(), lines.collect())
    }

    #[test]
    fn every_column_has_its_name() {
        let (series, lines) = series();
        let view = View::new(&series, &lines, "Asia/Kolkata".parse().unwrap());
        let (header, rows) = csv(view.camera(0).into_iter());
        assert_eq!(CAMERA_COLUMNS.join(","), format!("camera_id,{header}"));
        assert_eq!(
            rows,
            [
                "1970-01-01T05:30:00+05:30,1970-01-01T06:30:00+05:30,4,1.5,0,3,900000,0.25,1,3,-2",
                "1970-01-01T06:30:00+05:30,1970-01-01T07:30:00+05:30,0,,,,0,0.0,0,0,0",
            ]
        );
        let (header, rows) = csv(view.totals().into_iter());
        assert_eq!(TOTAL_COLUMNS.join(","), header);
        assert!(rows[0].ends_with(",1,4,1.5,900000,0.25,1,3,-2"));
        assert!(rows[1].ends_with(",0,0,,0,0.0,0,0,0"));
    }

    #[test]
    fn rows_go_by_time_then_by_camera() {
        let (one, _) = series();
        let ids: Vec<_> = (1..=2).map(|id| CameraId::try_from(id).unwrap()).collect();
        let lines = Grid::new(ids.clone(), one.buckets().to_vec());
        let series = Series::new(ids, one.buckets().to_vec(), DateTime::UNIX_EPOCH);
        let view = View::new(&series, &lines, Calendar::UTC);
        let order: Vec<_> =
            view.rows().map(|(id, row)| (id.get(), row.bucket_start.to_owned())).collect();
        let starts = ["1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z"];
        let expected = starts.iter().flat_map(|start| [(1, *start), (2, *start)]);
        assert!(order.iter().map(|(id, start)| (*id, start.as_str())).eq(expected), "{order:?}");
    }
}
