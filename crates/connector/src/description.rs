//! What a stream says of itself.

/// What a stream says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamDescription {
    /// The video's encoding, such as `h264`, or what the server calls the content.
    pub codec: Option<String>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Frames a second.
    pub fps: Option<f32>,
}
