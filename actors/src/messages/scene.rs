//! What callers ask of a camera's lines and zones.

use actix::prelude::*;
use becamera_domain::{CameraId, Requester, SceneItem, SceneItemId};

use super::PoolError;

/// Draws a line or zone into a camera's picture, or replaces it; a stream under way goes on. Answers
/// whether it is new.
#[derive(Debug, Message)]
#[rtype(result = "Result<bool, PoolError>")]
pub struct PutSceneItem {
    /// The camera.
    pub camera_id: CameraId,
    /// The line or zone.
    pub item: SceneItem,
    /// The user or address behind it.
    pub by: Requester,
}

/// Deletes a line or zone of a camera; what was counted there stays.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), PoolError>")]
pub struct DeleteSceneItem {
    /// The camera.
    pub camera_id: CameraId,
    /// The line or zone.
    pub id: SceneItemId,
    /// The user or address behind it.
    pub by: Requester,
}
