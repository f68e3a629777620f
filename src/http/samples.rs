//! The stored seconds of a camera: in pages, or all of them as CSV.

use actix_web::{HttpRequest, HttpResponse};
use becamera_domain::{CameraId, Sample, SampleQuery};
use becamera_history::Calendar;
use serde::Serialize;

use super::{
    HttpState, cursor,
    dto::{SampleDto, SampleList},
    error::ApiError,
    format::Format,
    listing::{self, Listed},
    query::Query,
};

/// Answers the parameters `from`, `to`, `tz`, `limit` and `cursor` of a query.
pub(super) async fn answer(
    state: &HttpState,
    camera_id: CameraId,
    query: &Query<'_>,
    format: Format,
    request: &HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let asked = read_query(camera_id, query)?;
    let name = format!("becamera-camera-{camera_id}-raw");
    listing::answer(state, request, (query, asked), format, &name).await
}

fn read_query(camera_id: CameraId, query: &Query) -> Result<SampleQuery, ApiError> {
    let (from, to) = query.span()?;
    let (limit, after) = query.page()?;
    Ok(SampleQuery { camera_id, from, to, after, limit })
}

impl Listed for SampleQuery {
    type Item = Sample;

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

    fn camera_id(&self) -> CameraId {
        self.camera_id
    }

    fn with_limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    fn after(self, last: &Sample) -> Self {
        Self { after: Some(last.position()), ..self }
    }

    fn cursor(last: &Sample) -> String {
        cursor::encode(&last.position())
    }

    fn row(sample: &Sample, calendar: Calendar) -> impl Serialize {
        SampleDto::new(sample, calendar)
    }

    fn list(&self, samples: Vec<impl Serialize>, next_cursor: Option<String>) -> impl Serialize {
        SampleList { camera_id: self.camera_id, samples, next_cursor }
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
        let next = read(&format!("cursor={}", cursor::encode(&last))).unwrap();
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
        writer.serialize(SampleDto::new(&sample, "Asia/Tokyo".parse().unwrap())).unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let (header, row) = text.trim().split_once('\n').unwrap();
        assert_eq!(header, SampleQuery::HEADER.join(","));
        assert_eq!(row, "1,ff,3,1970-01-01T09:00:00.000+09:00,4,2,0,3,1.5,1000,9.5,worker_1");
    }
}
