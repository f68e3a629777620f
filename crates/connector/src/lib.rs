//! The one door to cameras: every byte from a camera comes through here, and nothing else of the
//! service connects to one.
//!
//! [`Relay::open`] resolves the camera's host once, checks every address that it has, connects to
//! just these, proves by TLS who answers, logs in, asks for the stream, and then gives it to one reader
//! of this process on the loopback interface. So FFmpeg, which reads it, sees no redirect, no password
//! and no other host.

mod auth;
mod description;
mod door;
mod head;
mod http;
mod local;
mod progress;
mod refusal;
mod relay;
mod rtsp;
mod session;
mod tls;
mod wire;

pub use description::StreamDescription;
pub use progress::Received;
pub use relay::{Closer, Relay};
