//! Everything native: capture, detection and the frame loop.

pub mod analysis;
mod capture;
mod decoder_frame;
mod decoder_threads;
pub mod detector;
mod display;
pub mod draw;
mod inspect;
mod motion;
pub mod native;
mod picture;
pub mod pipeline;
pub mod probe;
mod protocols;
pub mod replay;
mod source;

pub use inspect::inspect;
