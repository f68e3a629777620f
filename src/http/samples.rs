//! The stored seconds of a camera: in pages, or all of them as CSV.

use actix::Addr;
use actix_web::{HttpRequest, HttpResponse};
use becamera_actors::{
    messages::{GetCamera, ReadStore},
    storage::StorageActor,
};
use becamera_domain::{CameraId, Sample, SampleQuery};
use becamera_history::Calendar;

use super::{
    HttpState,
    ask::ask,
    csv_stream::{self, RowSource},
    cursor,
    dto::{SampleDto, SampleList},
    envelope,
    error::ApiError,
    format::Format,
    query::Query,
};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;
/// Samples that are read at once for a CSV.
const CSV_ROWS: u32 = 2000;

/// Answers the parameters `from`, `to`, `tz`, `limit` and `cursor` of a query.
pub(super) async fn answer(
    state: &HttpState,
    camera_id: CameraId,
    query: &Query<'_>,
    format: Format,
    request: &HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let calendar = query.calendar()?;
    let asked = read_query(camera_id, query)?;
    ask(&state.pool, GetCamera { camera_id }).await??;
    let storage = state.storage.clone();
    match format {
        Format::Json => page(&storage, asked, calendar).await,
        Format::Csv => {
            query.refuse(&["limit", "cursor"], "can't be used with CSV, which has no pages")?;
            let query = SampleQuery { limit: CSV_ROWS, ..asked };
            let rows = Rows { storage, query: Some(query), calendar };
            let name = format!("becamera-camera-{camera_id}-raw");
            csv_stream::answer(request, &name, rows).await
        }
    }
}

async fn page(
    storage: &Addr<StorageActor>,
    query: SampleQuery,
    calendar: Calendar,
) -> Result<HttpResponse, ApiError> {
    let camera_id = query.camera_id;
    let page = ask(storage, ReadStore(query)).await??;
    let last = page.last_before_more();
    let next_cursor = last.map(|sample| cursor::encode(sample.position()));
    let samples = page.items.into_iter().map(|sample| SampleDto::new(sample, calendar)).collect();
    Ok(envelope::ok(SampleList { camera_id, samples, next_cursor }))
}

fn read_query(camera_id: CameraId, query: &Query) -> Result<SampleQuery, ApiError> {
    let (from, to) = query.span()?;
    let after = query.text("cursor").map(cursor::decode).transpose()?;
    let limit = query.count("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    Ok(SampleQuery { camera_id, from, to, after, limit })
}

struct Rows {
    storage: Addr<StorageActor>,
    /// What is still to be read.
    query: Option<SampleQuery>,
    calendar: Calendar,
}

impl RowSource for Rows {
    const HEADER: &'static [&'static str] = &[
        "camera_id",
        "run_id",
        "seq",
        "bucket_start",
        "frames",
        "people_last",
        "people_min",
        "people_max",
        "people_mean",
        "covered_ms",
        "inference_ms_mean",
        "worker_id",
    ];

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(query) = self.query.take() else { return Ok(None) };
        let page = ask(&self.storage, ReadStore(query.clone())).await??;
        let last = page.last_before_more().map(Sample::position);
        self.query = last.map(|last| SampleQuery { after: Some(last), ..query });
        let calendar = self.calendar;
        let samples = page.items.into_iter().map(|sample| SampleDto::new(sample, calendar));
        csv_stream::write(samples).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::{RunId, SamplePosition, WorkerId};
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_span_and_a_page_are_read() {
        let camera_id = CameraId::try_from(1).unwrap();
        let read = |text: &str| {
            read_query(camera_id, &Query::parse(text, &["from", "to", "limit", "cursor"]).unwrap())
        };
        let all = read("").unwrap();
        assert_eq!((all.from, all.to, all.after, all.limit), (None, None, None, 100));
        let page = read("from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&limit=1000").unwrap();
        assert_eq!((page.to.unwrap() - page.from.unwrap()).num_days(), 1);
        let bucket_start = page.to.unwrap();
        let last = SamplePosition { bucket_start, run: RunId(9), seq: 3 };
        let next = read(&format!("cursor={}", cursor::encode(last))).unwrap();
        assert_eq!(next.after, Some(last));

        let refusal = |text: &str| read(text).unwrap_err().to_string();
        let same = "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z";
        assert_eq!(refusal(same), "from: must be before to");
        assert!(refusal("limit=1001").starts_with("limit: "));
        assert!(refusal("cursor=!").starts_with("cursor: "));
    }

    #[test]
    fn every_column_has_its_name() {
        let sample = Sample {
            camera_id: CameraId::try_from(1).unwrap(),
            run: RunId(255),
            seq: 3,
            bucket_start: DateTime::UNIX_EPOCH,
            frames: 4,
            people_last: 2,
            people_min: 0,
            people_max: 3,
            people_sum: 6,
            covered_ms: 1000,
            inference_ms_mean: 9.5,
            worker_id: WorkerId::from_index(0),
            scene: Default::default(),
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(SampleDto::new(sample, "Asia/Tokyo".parse().unwrap())).unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let (header, row) = text.trim().split_once('\n').unwrap();
        assert_eq!(header, Rows::HEADER.join(","));
        assert_eq!(row, "1,ff,3,1970-01-01T09:00:00.000+09:00,4,2,0,3,1.5,1000,9.5,worker_1");
    }
}
