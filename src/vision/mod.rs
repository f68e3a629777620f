//! Everything native: capture, detection and the frame loop.

pub mod detector;
pub mod geometry;
pub mod native;
