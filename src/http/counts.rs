//! `/cameras/{camera_id}/count` and `/counts`: the newest count, and the stored ones.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use becamera_actors::{
    domain::{CameraId, InvalidField, SamplePage, SampleQuery},
    messages::{CameraView, GetCamera, GetLatestCount, GetSamples},
};
use chrono::Utc;

use super::{
    HttpState,
    ask::ask,
    cursor,
    dto::{CountDto, SampleDto, SampleList},
    envelope,
    error::ApiError,
    query::Query,
};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

pub(super) async fn latest(
    state: Data<HttpState>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let camera_id: CameraId = id.parse()?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    let cached = ask(&state.cache, GetLatestCount(camera_id)).await;
    let now = Utc::now();
    let count = match cached {
        Ok(Ok(Some(count))) => Some(CountDto::new(count, view.state, now)),
        // A cache that is empty, slow or away costs nothing that the pool still knows.
        Ok(Ok(None) | Err(_)) | Err(_) => CountDto::known(&view, now),
    };
    count.map(envelope::ok).ok_or_else(|| no_count_yet(&view))
}

fn no_count_yet(view: &CameraView) -> ApiError {
    let state = view.state.as_str();
    let reason = match &view.last_error {
        Some((failure, _)) => {
            let message = view.camera.stream_url.redact_in(&failure.message);
            format!("it is {state} after {}: {message}", failure.code)
        }
        None => format!("it is {state}"),
    };
    ApiError::NoCountYet { camera_id: view.camera.id, reason, state }
}

pub(super) async fn history(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let camera_id: CameraId = id.parse()?;
    let query = read_query(camera_id, request.query_string())?;
    ask(&state.pool, GetCamera { camera_id }).await??;
    let SamplePage { samples, more } = ask(&state.storage, GetSamples(query)).await??;
    let last = samples.last().filter(|_| more);
    let next_cursor = last.map(|sample| cursor::encode(sample.position()));
    let samples = samples.into_iter().map(SampleDto::from).collect();
    Ok(envelope::ok(SampleList { camera_id, samples, next_cursor }))
}

fn read_query(camera_id: CameraId, text: &str) -> Result<SampleQuery, ApiError> {
    let query = Query::parse(text, &["from", "to", "limit", "cursor"])?;
    let (from, to) = (query.time("from")?, query.time("to")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(InvalidField::new("from", "must be before to").into());
    }
    let after = query.text("cursor").map(cursor::decode).transpose()?;
    let limit = query.count("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    Ok(SampleQuery { camera_id, from, to, after, limit })
}

#[cfg(test)]
mod tests {
    use becamera_actors::domain::{RunId, SamplePosition};

    use super::*;

    #[test]
    fn a_span_and_a_page_are_read() {
        let camera_id = CameraId::try_from(1).unwrap();
        let read = |text: &str| read_query(camera_id, text);
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
        assert!(refusal("resolution=hour").starts_with("resolution: unknown"));
    }
}
