//! `/cameras/{camera_id}/lines`: drawing lines while the camera runs.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use becamera_actors::messages::{DeleteLine, GetCamera, PutLine};
use becamera_domain::{CameraId, LineId};

use super::{
    HttpState,
    ask::ask,
    body, envelope,
    error::ApiError,
    scene_dto::{LineBody, LineDto, LineList, SceneOutcome},
};

pub(super) async fn list(
    state: Data<HttpState>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let camera_id = id.parse()?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    let lines: Vec<_> = view.camera.settings.scene.lines.into_iter().map(LineDto::from).collect();
    Ok(envelope::ok(LineList { camera_id, total: lines.len(), lines }))
}

pub(super) async fn get(
    state: Data<HttpState>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, line_id) = ids(&path)?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    Ok(envelope::ok(LineDto::from(view.line(&line_id)?.clone())))
}

pub(super) async fn put(
    state: Data<HttpState>,
    path: Path<(String, String)>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, line_id) = ids(&path)?;
    let body: LineBody = body::read(&request, payload, state.body_limit).await?;
    let line = body.into_line(line_id)?;
    let shown = LineDto::from(line.clone());
    let put = PutLine { camera_id, line, by: state.callers.origin(&request) };
    let is_new = ask(&state.pool, put).await??;
    Ok(if is_new { envelope::created(shown) } else { envelope::ok(shown) })
}

pub(super) async fn delete(
    state: Data<HttpState>,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, line_id) = ids(&path)?;
    let by = state.callers.origin(&request);
    ask(&state.pool, DeleteLine { camera_id, line_id: line_id.clone(), by }).await??;
    Ok(envelope::ok(SceneOutcome {
        camera_id,
        line_id: Some(line_id),
        zone_id: None,
        status: "deleted",
        message: "Line deleted; its history stays",
    }))
}

/// The camera and the line that a path names.
pub(super) fn ids((camera, line): &(String, String)) -> Result<(CameraId, LineId), ApiError> {
    Ok((camera.parse()?, line.parse()?))
}
