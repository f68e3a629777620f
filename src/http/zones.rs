//! `/cameras/{camera_id}/zones`: drawing zones while the camera runs.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use becamera_actors::messages::{DeleteZone, GetCamera, PutZone};
use becamera_domain::{CameraId, ZoneId};

use super::{
    HttpState,
    ask::ask,
    body, envelope,
    error::ApiError,
    scene_dto::{SceneOutcome, ZoneBody, ZoneDto, ZoneList},
};

pub(super) async fn list(
    state: Data<HttpState>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let camera_id = id.parse()?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    let zones: Vec<_> = view.camera.settings.scene.zones.into_iter().map(ZoneDto::from).collect();
    Ok(envelope::ok(ZoneList { camera_id, total: zones.len(), zones }))
}

pub(super) async fn get(
    state: Data<HttpState>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, zone_id) = ids(&path)?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    Ok(envelope::ok(ZoneDto::from(view.zone(&zone_id)?.clone())))
}

pub(super) async fn put(
    state: Data<HttpState>,
    path: Path<(String, String)>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, zone_id) = ids(&path)?;
    let body: ZoneBody = body::read(&request, payload, state.body_limit).await?;
    let zone = body.into_zone(zone_id)?;
    let shown = ZoneDto::from(zone.clone());
    let put = PutZone { camera_id, zone, by: state.callers.origin(&request) };
    let is_new = ask(&state.pool, put).await??;
    Ok(if is_new { envelope::created(shown) } else { envelope::ok(shown) })
}

pub(super) async fn delete(
    state: Data<HttpState>,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, zone_id) = ids(&path)?;
    let by = state.callers.origin(&request);
    ask(&state.pool, DeleteZone { camera_id, zone_id: zone_id.clone(), by }).await??;
    Ok(envelope::ok(SceneOutcome {
        camera_id,
        line_id: None,
        zone_id: Some(zone_id),
        status: "deleted",
        message: "Zone deleted; its history stays",
    }))
}

/// The camera and the zone that a path names.
pub(super) fn ids((camera, zone): &(String, String)) -> Result<(CameraId, ZoneId), ApiError> {
    Ok((camera.parse()?, zone.parse()?))
}
