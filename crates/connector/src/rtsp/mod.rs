//! RTSP: a session with the camera on one side, one with the reader on the other.

mod camera;
mod message;
mod sdp;
mod serve;
mod sps;
mod udp;

pub(crate) use camera::Camera;
