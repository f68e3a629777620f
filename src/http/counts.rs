//! `/cameras/{camera_id}/count` and `/counts`: the newest count, and the stored ones.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use becamera_actors::messages::{CameraView, GetCamera, GetLatestCount};
use becamera_domain::CameraId;
use becamera_history::Resolution;
use chrono::Utc;

use super::{
    HttpState, ask::ask, count_dto::CountDto, envelope, error::ApiError, format, history,
    query::Query, samples,
};

pub(super) async fn latest(
    state: Data<HttpState>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let camera_id: CameraId = id.parse()?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    let cached = ask(&state.cache, GetLatestCount(camera_id)).await;
    let now = Utc::now();
    // A cache that is empty, slow or away costs nothing that the pool still knows.
    let count = cached.ok().and_then(Result::ok).flatten().or_else(|| view.count.clone());
    let count = count.ok_or_else(|| no_count_yet(&view))?;
    Ok(envelope::ok(CountDto::new(&count, view.state, now)))
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
    let known = ["from", "to", "resolution", "tz", "line", "limit", "cursor", "format"];
    let query = Query::parse(request.query_string(), &known)?;
    let resolution = query.word(
        "resolution",
        &[
            ("raw", None),
            ("minute", Some(Resolution::Minute)),
            ("hour", Some(Resolution::Hour)),
            ("day", Some(Resolution::Day)),
        ],
    )?;
    let format = format::wanted(&query, &request)?;
    match resolution.flatten() {
        None => {
            query
                .refuse(&["line"], "seconds have no crossings: see /crossings, or a resolution")?;
            samples::answer(&state, camera_id, &query, format, &request).await
        }
        Some(resolution) => {
            history::camera(&state, camera_id, resolution, &query, format, &request).await
        }
    }
}
