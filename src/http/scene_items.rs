//! `/cameras/{camera_id}/lines` and `/zones`: drawing while the camera runs.

use std::str::FromStr;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use becamera_actors::messages::{CameraView, DeleteSceneItem, GetCamera, PoolError, PutSceneItem};
use becamera_domain::{
    CameraId, InvalidField, Line, LineId, Scene, SceneItem, SceneItemId, Zone, ZoneId,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    HttpState,
    ask::ask,
    body, envelope,
    error::ApiError,
    scene_dto::{Deleted, LineBody, LineDto, LineList, ZoneBody, ZoneDto, ZoneList},
};

/// A kind of item, as these routes handle it.
pub(super) trait Drawn: Clone + Into<SceneItem> + 'static {
    /// Its name.
    type Id: FromStr<Err = InvalidField> + Into<SceneItemId>;
    /// What a caller gives of it.
    type Body: DeserializeOwned + Default;
    /// What an answer shows of it.
    type Dto: Serialize + From<Self>;
    /// All of a camera's.
    type List: Serialize;

    fn from_body(body: Self::Body, id: Self::Id) -> Result<Self, InvalidField>;
    fn all(scene: Scene) -> Vec<Self>;
    fn list(camera_id: CameraId, all: Vec<Self::Dto>) -> Self::List;
    fn find<'a>(view: &'a CameraView, id: &Self::Id) -> Result<&'a Self, PoolError>;
}

impl Drawn for Line {
    type Id = LineId;
    type Body = LineBody;
    type Dto = LineDto;
    type List = LineList;

    fn from_body(body: LineBody, id: LineId) -> Result<Self, InvalidField> {
        body.into_line(id)
    }

    fn all(scene: Scene) -> Vec<Self> {
        scene.lines
    }

    fn list(camera_id: CameraId, lines: Vec<LineDto>) -> LineList {
        LineList { camera_id, total: lines.len(), lines }
    }

    fn find<'a>(view: &'a CameraView, id: &LineId) -> Result<&'a Self, PoolError> {
        view.line(id)
    }
}

impl Drawn for Zone {
    type Id = ZoneId;
    type Body = ZoneBody;
    type Dto = ZoneDto;
    type List = ZoneList;

    fn from_body(body: ZoneBody, id: ZoneId) -> Result<Self, InvalidField> {
        body.into_zone(id)
    }

    fn all(scene: Scene) -> Vec<Self> {
        scene.zones
    }

    fn list(camera_id: CameraId, zones: Vec<ZoneDto>) -> ZoneList {
        ZoneList { camera_id, total: zones.len(), zones }
    }

    fn find<'a>(view: &'a CameraView, id: &ZoneId) -> Result<&'a Self, PoolError> {
        view.zone(id)
    }
}

pub(super) async fn list<T: Drawn>(
    state: Data<HttpState>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let camera_id = id.parse()?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    let all = T::all(view.camera.settings.scene).into_iter().map(T::Dto::from).collect();
    Ok(envelope::ok(T::list(camera_id, all)))
}

pub(super) async fn get<T: Drawn>(
    state: Data<HttpState>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, id) = ids::<T>(&path)?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    Ok(envelope::ok(T::Dto::from(T::find(&view, &id)?.clone())))
}

pub(super) async fn put<T: Drawn>(
    state: Data<HttpState>,
    path: Path<(String, String)>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, id) = ids::<T>(&path)?;
    let body: T::Body = body::read(&request, payload, state.body_limit).await?;
    let item = T::from_body(body, id)?;
    let shown = T::Dto::from(item.clone());
    let by = state.callers.requester(&request);
    let is_new = ask(&state.pool, PutSceneItem { camera_id, item: item.into(), by }).await??;
    Ok(if is_new { envelope::created(shown) } else { envelope::ok(shown) })
}

pub(super) async fn delete<T: Drawn>(
    state: Data<HttpState>,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, id) = ids::<T>(&path)?;
    let id: SceneItemId = id.into();
    let by = state.callers.requester(&request);
    ask(&state.pool, DeleteSceneItem { camera_id, id: id.clone(), by }).await??;
    Ok(envelope::ok(Deleted::of(camera_id, id)))
}

/// The camera and the line or zone that a path names.
pub(super) fn ids<T: Drawn>(
    (camera, item): &(String, String),
) -> Result<(CameraId, T::Id), ApiError> {
    Ok((camera.parse()?, item.parse()?))
}
