//! What callers ask of a camera's lines and zones.

use actix::prelude::*;

use super::PoolError;
use becamera_domain::{CameraId, Line, LineId, Origin, Zone, ZoneId};

/// Draws a line into a camera's picture or replaces it; a stream under way goes on. Answers whether
/// it is new.
#[derive(Debug, Message)]
#[rtype(result = "Result<bool, PoolError>")]
pub struct PutLine {
    /// The camera.
    pub camera_id: CameraId,
    /// The line.
    pub line: Line,
    /// Who asks.
    pub by: Origin,
}

/// Deletes a line of a camera; what was counted at it stays.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), PoolError>")]
pub struct DeleteLine {
    /// The camera.
    pub camera_id: CameraId,
    /// The line.
    pub line_id: LineId,
    /// Who asks.
    pub by: Origin,
}

/// Draws a zone into a camera's picture or replaces it; a stream under way goes on. Answers whether
/// it is new.
#[derive(Debug, Message)]
#[rtype(result = "Result<bool, PoolError>")]
pub struct PutZone {
    /// The camera.
    pub camera_id: CameraId,
    /// The zone.
    pub zone: Zone,
    /// Who asks.
    pub by: Origin,
}

/// Deletes a zone of a camera; what was counted in it stays.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), PoolError>")]
pub struct DeleteZone {
    /// The camera.
    pub camera_id: CameraId,
    /// The zone.
    pub zone_id: ZoneId,
    /// Who asks.
    pub by: Origin,
}
