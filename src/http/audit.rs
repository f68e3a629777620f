//! `/audit` and `/cameras/{camera_id}/audit`: changes, with their time and origin.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use becamera_actors::messages::ReadStore;
use becamera_domain::{AuditQuery, CameraId, InvalidField};

use super::{
    HttpState,
    ask::ask,
    cursor,
    dto::{AuditDto, AuditList},
    envelope,
    error::ApiError,
    query::Query,
};

pub(super) async fn list(
    state: Data<HttpState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["from", "to", "camera", "limit", "cursor"])?;
    let camera = query.text("camera").map(str::parse::<CameraId>).transpose();
    let camera = camera.map_err(|error| InvalidField::new("camera", error.reason))?;
    page(&state, camera, &query).await
}

// A camera that is deleted, or was never there, is no error: its entries outlast it.
pub(super) async fn of_camera(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let query = Query::parse(request.query_string(), &["from", "to", "limit", "cursor"])?;
    page(&state, Some(id.parse()?), &query).await
}

async fn page(
    state: &HttpState,
    camera_id: Option<CameraId>,
    query: &Query<'_>,
) -> Result<HttpResponse, ApiError> {
    let query = read_query(camera_id, query)?;
    let page = ask(&state.storage, ReadStore(query)).await??;
    let last = page.last_before_more();
    let next_cursor = last.map(|entry| cursor::encode(&entry.id));
    let entries = page.items.into_iter().map(AuditDto::from).collect();
    Ok(envelope::ok(AuditList { entries, next_cursor }))
}

fn read_query(camera_id: Option<CameraId>, query: &Query<'_>) -> Result<AuditQuery, ApiError> {
    let (from, to) = query.span()?;
    let (limit, before) = query.page()?;
    Ok(AuditQuery { camera_id, from, to, before, limit })
}
