//! Everything native: capture, detection, drawing and the frame loop. What needs no OpenCV is in
//! `becamera-counting`.

pub mod analysis;
mod capture;
mod decoder_frame;
mod decoder_threads;
pub mod detector;
mod display;
pub mod draw;
mod frame;
mod frame_loop;
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
