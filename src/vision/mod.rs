//! Everything native: capture, detection and the frame loop.

pub mod assignment;
mod budget;
mod capture;
mod counter;
pub mod detector;
pub mod geometry;
mod inspect;
mod motion;
mod motion_gate;
pub mod native;
pub mod pipeline;
pub mod probe;
pub mod scene;
mod source;
pub mod track;

pub use inspect::inspect;
