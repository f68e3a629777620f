//! A stream as its server describes it.

use becamera_domain::FrameSize;

/// A stream as its server describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamDescription {
    /// The video's encoding, such as `h264`, or the server's name for the content.
    pub codec: Option<String>,
    /// The size of its pictures.
    pub size: Option<FrameSize>,
    /// Frames per second.
    pub fps: Option<f32>,
}
