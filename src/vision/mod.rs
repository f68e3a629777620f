//! Everything native: capture, detection and the frame loop.

mod budget;
mod capture;
mod counter;
pub mod detector;
mod freeze;
pub mod geometry;
mod grabber;
pub mod native;
pub mod pipeline;
pub mod probe;
mod source;
