//! Cameras as tests and benches put them into databases. Knows nothing of the rest of the tests.

use becamera_domain::{Camera, CameraId, CameraSettings, DesiredState, StreamUrl};
use chrono::DateTime;

/// A camera that is not running.
pub fn camera(id: i64) -> Camera {
    Camera {
        id: CameraId::try_from(id).unwrap(),
        name: None,
        stream_url: StreamUrl::trusted("rtsp://camera.example/1").unwrap(),
        settings: CameraSettings::default(),
        desired: DesiredState::Stopped,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}
