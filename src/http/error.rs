//! Why a call was refused, and the one table that says how each reason is answered.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use becamera_actors::{
    events::SubscribeError, messages::PoolError, pictures::WatchError, ports::StoreError,
};
use becamera_domain::{CameraId, InvalidField, SceneItemId, stream_url::redact_urls};
use becamera_history::sites::SiteError;
use serde_json::{Value, json};

use super::envelope;

/// Why a call was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// The pool refused it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The sites refused it.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// Storage or cache could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody more can follow the events.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// Nobody gets pictures.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The camera has no frames to show.
    #[error("Camera {camera_id} gives no pictures: it is {state}")]
    CameraGivesNoFrames {
        /// The camera.
        camera_id: CameraId,
        /// What it is doing.
        state: &'static str,
    },
    /// The camera gave no picture in time.
    #[error("Camera {0} gave no picture in time")]
    NoPictureInTime(CameraId),
    /// A picture could not be made.
    #[error("No picture of camera {0} could be made")]
    NoPicture(CameraId),
    /// A part of the request can't be taken.
    #[error("{field}: {reason}")]
    InvalidField {
        /// The part's name as the caller wrote it.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The body is not JSON.
    #[error("The body is not valid JSON: {0}")]
    MalformedJson(String),
    /// The body could not be read from the connection.
    #[error("The body could not be read: {0}")]
    BodyUnreadable(String),
    /// The body did not come in time.
    #[error("The body did not come in time")]
    BodyTimeout,
    /// The body is longer than `server.body_limit`.
    #[error("The body is longer than {limit} bytes")]
    BodyTooLarge {
        /// Longest body in bytes.
        limit: usize,
    },
    /// The body says that it is something else than JSON.
    #[error("The body must be JSON (content-type: application/json)")]
    UnsupportedMediaType,
    /// No such route.
    #[error("No such route")]
    RouteNotFound,
    /// The route has no such method.
    #[error("Method not allowed; allowed: {allow}")]
    MethodNotAllowed {
        /// What it has, as the Allow header lists it.
        allow: String,
    },
    /// Nothing was counted on this camera yet.
    #[error("Camera {camera_id} has no count yet: {reason}")]
    NoCountYet {
        /// The camera.
        camera_id: CameraId,
        /// Why not.
        reason: String,
        /// What it is doing.
        state: &'static str,
    },
    /// The service can't do its work now.
    #[error("The service is not ready: {}", reasons.join("; "))]
    NotReady {
        /// Why.
        reasons: Vec<String>,
        /// The state of its components.
        components: Value,
    },
    /// An actor did not answer in time.
    #[error("The service did not answer in time")]
    Timeout,
    /// An actor is gone: the service stops, or is broken.
    #[error("The service is not available")]
    Unavailable,
    /// The metrics could not be written.
    #[error("The metrics could not be written: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A defect.
    #[error("Internal error")]
    Internal,
}

impl From<InvalidField> for ApiError {
    fn from(error: InvalidField) -> Self {
        Self::InvalidField { field: error.field.into(), reason: error.reason }
    }
}

impl ApiError {
    /// The status and the stable code that answer this reason.
    fn answer(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::Pool(error) => match error {
                PoolError::InvalidField(_) => (S::BAD_REQUEST, "invalid_field"),
                PoolError::CameraNotFound(_) => (S::NOT_FOUND, "camera_not_found"),
                PoolError::CameraHasTask(_) => (S::BAD_REQUEST, "camera_has_task"),
                PoolError::CameraAlreadyStopped(_) => (S::CONFLICT, "camera_already_stopped"),
                PoolError::NoAvailableWorkers { .. } => {
                    (S::SERVICE_UNAVAILABLE, "no_available_workers")
                }
                PoolError::SceneItemNotFound { id: SceneItemId::Line(_), .. } => {
                    (S::NOT_FOUND, "line_not_found")
                }
                PoolError::SceneItemNotFound { id: SceneItemId::Zone(_), .. } => {
                    (S::NOT_FOUND, "zone_not_found")
                }
                PoolError::WorkerNotFound(_) => (S::NOT_FOUND, "worker_not_found"),
                PoolError::TooManyCameras(_) => (S::CONFLICT, "too_many_cameras"),
                PoolError::Draining => (S::SERVICE_UNAVAILABLE, "shutting_down"),
            },
            Self::Site(error) => match error {
                SiteError::InvalidField(_) => (S::BAD_REQUEST, "invalid_field"),
                SiteError::NotFound(_) => (S::NOT_FOUND, "site_not_found"),
                SiteError::TooMany(_) => (S::CONFLICT, "too_many_sites"),
            },
            Self::Store(StoreError::Unavailable(_)) => {
                (S::SERVICE_UNAVAILABLE, "storage_unavailable")
            }
            Self::Store(StoreError::Rejected(_)) => (S::INTERNAL_SERVER_ERROR, "storage_error"),
            Self::Subscribe(SubscribeError::TooManyClients(_)) => {
                (S::SERVICE_UNAVAILABLE, "too_many_clients")
            }
            Self::Subscribe(SubscribeError::Draining) => (S::SERVICE_UNAVAILABLE, "shutting_down"),
            Self::Watch(WatchError::Disabled) => (S::FORBIDDEN, "pictures_disabled"),
            Self::Watch(WatchError::NotProcessing(_)) | Self::CameraGivesNoFrames { .. } => {
                (S::CONFLICT, "camera_not_processing")
            }
            Self::Watch(WatchError::TooManyViewers(_)) => {
                (S::SERVICE_UNAVAILABLE, "too_many_viewers")
            }
            Self::Watch(WatchError::Draining) => (S::SERVICE_UNAVAILABLE, "shutting_down"),
            Self::NoPictureInTime(_) => (S::SERVICE_UNAVAILABLE, "picture_timeout"),
            Self::NoPicture(_) => (S::INTERNAL_SERVER_ERROR, "picture_failed"),
            Self::InvalidField { .. } => (S::BAD_REQUEST, "invalid_field"),
            Self::MalformedJson(_) => (S::BAD_REQUEST, "malformed_json"),
            Self::BodyUnreadable(_) => (S::BAD_REQUEST, "body_unreadable"),
            Self::BodyTimeout => (S::REQUEST_TIMEOUT, "body_timeout"),
            Self::BodyTooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::UnsupportedMediaType => (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::RouteNotFound => (S::NOT_FOUND, "route_not_found"),
            Self::MethodNotAllowed { .. } => (S::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NoCountYet { .. } => (S::NOT_FOUND, "no_count_yet"),
            Self::NotReady { .. } => (S::SERVICE_UNAVAILABLE, "not_ready"),
            Self::Timeout => (S::SERVICE_UNAVAILABLE, "timeout"),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Metrics(_) | Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// What programs may want to know besides the code.
    fn details(&self) -> Value {
        match self {
            Self::Site(SiteError::NotFound(site_id)) => json!({"site_id": site_id}),
            Self::Pool(PoolError::InvalidField(InvalidField { field, reason }))
            | Self::Site(SiteError::InvalidField(InvalidField { field, reason })) => {
                json!({"field": field, "reason": reason})
            }
            Self::InvalidField { field, reason } => json!({"field": field, "reason": reason}),
            Self::Pool(
                PoolError::CameraNotFound(camera_id)
                | PoolError::CameraHasTask(camera_id)
                | PoolError::CameraAlreadyStopped(camera_id),
            ) => json!({"camera_id": camera_id}),
            Self::Pool(PoolError::NoAvailableWorkers { camera_id, position }) => {
                json!({"status": "pending", "camera_id": camera_id, "queue_position": position})
            }
            Self::Pool(PoolError::SceneItemNotFound { camera_id, id }) => match id {
                SceneItemId::Line(line_id) => json!({"camera_id": camera_id, "line_id": line_id}),
                SceneItemId::Zone(zone_id) => json!({"camera_id": camera_id, "zone_id": zone_id}),
            },
            Self::Pool(PoolError::WorkerNotFound(worker_id)) => json!({"worker_id": worker_id}),
            Self::BodyTooLarge { limit } => json!({"limit_bytes": limit}),
            Self::MethodNotAllowed { allow } => {
                json!({"allow": allow.split(", ").collect::<Vec<_>>()})
            }
            Self::NoPictureInTime(camera_id)
            | Self::NoPicture(camera_id)
            | Self::Watch(WatchError::NotProcessing(camera_id)) => json!({"camera_id": camera_id}),
            Self::CameraGivesNoFrames { camera_id, state }
            | Self::NoCountYet { camera_id, state, .. } => {
                json!({"camera_id": camera_id, "state": state})
            }
            Self::NotReady { reasons, components } => {
                json!({"reasons": reasons, "components": components})
            }
            _ => Value::Null,
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.answer().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code) = self.answer();
        // Texts of foreign origin may repeat a URL.
        let message = redact_urls(&self.to_string());
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            log::error!("a call failed: {message}");
        }
        let mut response = HttpResponse::build(status);
        if let Self::MethodNotAllowed { allow } = self {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        response.json(envelope::failure(&message, code, self.details()))
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::WorkerId;

    use super::*;

    /// The whole table: what callers rely on.
    #[test]
    fn every_reason_has_its_status_and_code() {
        let camera_id = CameraId::try_from(1).unwrap();
        let worker = WorkerId::from_index(0);
        let field = || InvalidField::new("stream_url", "must be a URL");
        let table: Vec<(ApiError, u16, &str)> = vec![
            (PoolError::InvalidField(field()).into(), 400, "invalid_field"),
            (PoolError::CameraNotFound(camera_id).into(), 404, "camera_not_found"),
            (PoolError::CameraHasTask(camera_id).into(), 400, "camera_has_task"),
            (PoolError::CameraAlreadyStopped(camera_id).into(), 409, "camera_already_stopped"),
            (
                PoolError::NoAvailableWorkers { camera_id, position: 1 }.into(),
                503,
                "no_available_workers",
            ),
            (PoolError::WorkerNotFound(worker).into(), 404, "worker_not_found"),
            (PoolError::TooManyCameras(5).into(), 409, "too_many_cameras"),
            (SubscribeError::TooManyClients(5).into(), 503, "too_many_clients"),
            (WatchError::Disabled.into(), 403, "pictures_disabled"),
            (WatchError::NotProcessing(camera_id).into(), 409, "camera_not_processing"),
            (WatchError::TooManyViewers(5).into(), 503, "too_many_viewers"),
            (WatchError::Draining.into(), 503, "shutting_down"),
            (
                ApiError::CameraGivesNoFrames { camera_id, state: "stopped" },
                409,
                "camera_not_processing",
            ),
            (ApiError::NoPictureInTime(camera_id), 503, "picture_timeout"),
            (ApiError::NoPicture(camera_id), 500, "picture_failed"),
            (SubscribeError::Draining.into(), 503, "shutting_down"),
            (PoolError::Draining.into(), 503, "shutting_down"),
            (StoreError::Unavailable("x".into()).into(), 503, "storage_unavailable"),
            (StoreError::Rejected("x".into()).into(), 500, "storage_error"),
            (field().into(), 400, "invalid_field"),
            (ApiError::MalformedJson("x".into()), 400, "malformed_json"),
            (ApiError::BodyUnreadable("x".into()), 400, "body_unreadable"),
            (ApiError::BodyTimeout, 408, "body_timeout"),
            (ApiError::BodyTooLarge { limit: 1 }, 413, "body_too_large"),
            (ApiError::UnsupportedMediaType, 415, "unsupported_media_type"),
            (ApiError::RouteNotFound, 404, "route_not_found"),
            (ApiError::MethodNotAllowed { allow: "GET".into() }, 405, "method_not_allowed"),
            (
                ApiError::NoCountYet { camera_id, reason: "x".into(), state: "idle" },
                404,
                "no_count_yet",
            ),
            (ApiError::NotReady { reasons: vec![], components: Value::Null }, 503, "not_ready"),
            (ApiError::Timeout, 503, "timeout"),
            (ApiError::Unavailable, 503, "unavailable"),
            (ApiError::Metrics(prometheus::Error::AlreadyReg), 500, "internal"),
            (ApiError::Internal, 500, "internal"),
        ];
        for (error, status, code) in table {
            let (got, got_code) = error.answer();
            assert_eq!((got.as_u16(), got_code), (status, code), "{error}");
        }
    }

    #[test]
    fn the_specifications_texts_and_details() {
        let camera_id = CameraId::try_from(5).unwrap();
        let busy = ApiError::from(PoolError::NoAvailableWorkers { camera_id, position: 2 });
        assert_eq!(busy.to_string(), "No available workers");
        assert_eq!(
            busy.details(),
            json!({"status": "pending", "camera_id": 5, "queue_position": 2})
        );
        let twice = ApiError::from(PoolError::CameraHasTask(camera_id));
        assert_eq!(twice.to_string(), "Camera already has a task");
        let field = ApiError::from(InvalidField::new("detect.fps", "must be from 0.1 to 60"));
        assert_eq!(field.to_string(), "detect.fps: must be from 0.1 to 60");
        assert_eq!(
            field.details(),
            json!({"field": "detect.fps", "reason": "must be from 0.1 to 60"})
        );
    }

    #[actix_web::test]
    async fn a_foreign_text_loses_its_password() {
        let error = StoreError::Unavailable("postgres://u:hunter2@db/x: refused".into());
        let response = ApiError::from(error).error_response();
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(!text.contains("hunter2") && text.contains("db/x"), "{text}");
    }
}
