//! Buckets as rows of a CSV.

use becamera_actors::history::{Buckets, Calendar, Series};

use super::{
    super::{csv_stream, csv_stream::RowSource, error::ApiError},
    Question, Reader,
    dto::{CAMERA_COLUMNS, TOTAL_COLUMNS, View},
};

/// Rows that are in memory at once, about.
const ROWS: usize = 4_000;

/// A row per bucket and camera.
pub(super) struct CameraRows(Rows);

/// A row per bucket, of all cameras taken together.
pub(super) struct TotalRows(Rows);

struct Rows {
    reader: Reader,
    buckets: Buckets,
    calendar: Calendar,
}

impl CameraRows {
    pub(super) fn new(question: &Question, reader: Reader) -> Self {
        Self(Rows::new(question, reader))
    }
}

impl TotalRows {
    pub(super) fn new(question: &Question, reader: Reader) -> Self {
        Self(Rows::new(question, reader))
    }
}

impl Rows {
    fn new(question: &Question, reader: Reader) -> Self {
        Self { reader, buckets: question.buckets(), calendar: question.calendar }
    }

    async fn next(&mut self) -> Result<Option<Series>, ApiError> {
        let count = (ROWS / self.reader.cameras().len().max(1)).max(1);
        let buckets: Vec<_> = self.buckets.by_ref().take(count).collect();
        if buckets.is_empty() {
            return Ok(None);
        }
        self.reader.read(buckets).await.map(Some)
    }
}

impl RowSource for CameraRows {
    const HEADER: &'static [&'static str] = CAMERA_COLUMNS;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(series) = self.0.next().await? else { return Ok(None) };
        csv_stream::write(View::new(&series, self.0.calendar).rows()).map(Some)
    }
}

impl RowSource for TotalRows {
    const HEADER: &'static [&'static str] = TOTAL_COLUMNS;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(series) = self.0.next().await? else { return Ok(None) };
        csv_stream::write(View::new(&series, self.0.calendar).totals()).map(Some)
    }
}
