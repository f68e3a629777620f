//! `/cameras`: registering, starting and stopping.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Path, Payload},
};
use becamera_actors::messages::{
    DeleteCamera, GetCamera, GetCameras, PutCamera, StartCamera, StopCamera,
};
use becamera_domain::{CameraId, CameraPatch, InvalidField};
use chrono::Utc;

use super::{
    HttpState,
    ask::ask,
    body,
    dto::{CameraBody, CameraDto, CameraList, CameraOutcome},
    envelope,
    error::ApiError,
};

pub(super) async fn list(state: Data<HttpState>) -> Result<HttpResponse, ApiError> {
    let views = ask(&state.pool, GetCameras).await?;
    let now = Utc::now();
    let cameras: Vec<_> = views.into_iter().map(|view| CameraDto::new(view, now)).collect();
    Ok(envelope::ok(CameraList { total: cameras.len(), cameras }))
}

pub(super) async fn get(
    state: Data<HttpState>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let camera_id = id.parse()?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    Ok(envelope::ok(CameraDto::new(view, Utc::now())))
}

pub(super) async fn put(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let camera_id = id.parse()?;
    let definition = patch(&state, camera_id, &request, payload).await?;
    if definition.stream_url.is_none() {
        return Err(InvalidField::new("stream_url", "is required").into());
    }
    let (view, is_new) = ask(
        &state.pool,
        PutCamera { camera_id, definition, by: state.callers.requester(&request) },
    )
    .await??;
    let camera = CameraDto::new(view, Utc::now());
    Ok(if is_new { envelope::created(camera) } else { envelope::ok(camera) })
}

pub(super) async fn delete(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let camera_id = id.parse()?;
    ask(&state.pool, DeleteCamera { camera_id, by: state.callers.requester(&request) }).await??;
    Ok(envelope::ok(CameraOutcome {
        camera_id,
        status: "deleted",
        worker_id: None,
        message: "Camera deleted",
    }))
}

pub(super) async fn start(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let camera_id = id.parse()?;
    let patch = patch(&state, camera_id, &request, payload).await?;
    let worker_id =
        ask(&state.pool, StartCamera { camera_id, patch, by: state.callers.requester(&request) })
            .await??;
    Ok(envelope::ok(CameraOutcome {
        camera_id,
        status: "processing",
        worker_id: Some(worker_id),
        message: "Camera processing started",
    }))
}

pub(super) async fn stop(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let camera_id = id.parse()?;
    ask(&state.pool, StopCamera { camera_id, by: state.callers.requester(&request) }).await??;
    Ok(envelope::ok(CameraOutcome {
        camera_id,
        status: "stopped",
        worker_id: None,
        message: "Camera processing stopped",
    }))
}

/// Reads and checks what the body says of this camera.
async fn patch(
    state: &HttpState,
    camera_id: CameraId,
    request: &HttpRequest,
    payload: Payload,
) -> Result<CameraPatch, ApiError> {
    let mut body: CameraBody = body::read(request, payload, state.body_limit).await?;
    if let Some(named) = body.camera_id
        && CameraId::try_from(named)? != camera_id
    {
        let reason = "must be the same as in the path, or be left out";
        return Err(InvalidField::new("camera_id", reason).into());
    }
    let stream_url = match body.stream_url.take() {
        None => None,
        Some(text) => {
            let policy = state.stream_urls.clone();
            // A file's check asks the file system, which can be slow.
            let checked = web::block(move || policy.check(&text)).await;
            Some(checked.map_err(|_| ApiError::Unavailable)??)
        }
    };
    let patch = body.into_patch(stream_url);
    patch.validate()?;
    Ok(patch)
}
