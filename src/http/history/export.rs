//! Buckets as rows of a CSV.

use becamera_domain::LineId;
use becamera_history::{Buckets, Calendar};

use super::{
    super::{csv_stream, csv_stream::RowSource, error::ApiError},
    Counts, Question, Reader,
    dto::{CAMERA_COLUMNS, TOTAL_COLUMNS, View},
    read_counts,
};

/// BucketRows that are in memory at once, about.
const ROWS: usize = 4_000;

/// A row per bucket and camera.
pub(super) struct CameraRows(BucketRows);

/// A row per bucket, of all cameras taken together.
pub(super) struct TotalRows(BucketRows);

struct BucketRows {
    reader: Reader,
    buckets: Buckets,
    calendar: Calendar,
    line: Option<LineId>,
}

impl CameraRows {
    pub(super) fn new(question: &Question, reader: Reader, line: Option<LineId>) -> Self {
        Self(BucketRows::new(question, reader, line))
    }
}

impl TotalRows {
    pub(super) fn new(question: &Question, reader: Reader, line: Option<LineId>) -> Self {
        Self(BucketRows::new(question, reader, line))
    }
}

impl BucketRows {
    fn new(question: &Question, reader: Reader, line: Option<LineId>) -> Self {
        Self { reader, buckets: question.buckets(), calendar: question.calendar, line }
    }

    async fn next(&mut self) -> Result<Option<Counts>, ApiError> {
        let count = (ROWS / self.reader.cameras().len().max(1)).max(1);
        let buckets: Vec<_> = self.buckets.by_ref().take(count).collect();
        if buckets.is_empty() {
            return Ok(None);
        }
        read_counts(&self.reader, buckets, self.line.as_ref()).await.map(Some)
    }
}

impl RowSource for CameraRows {
    const HEADER: &'static [&'static str] = CAMERA_COLUMNS;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(counts) = self.0.next().await? else { return Ok(None) };
        let view = View::new(&counts.series, &counts.lines, self.0.calendar);
        csv_stream::write(view.rows()).map(Some)
    }
}

impl RowSource for TotalRows {
    const HEADER: &'static [&'static str] = TOTAL_COLUMNS;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(counts) = self.0.next().await? else { return Ok(None) };
        let view = View::new(&counts.series, &counts.lines, self.0.calendar);
        csv_stream::write(view.totals()).map(Some)
    }
}
