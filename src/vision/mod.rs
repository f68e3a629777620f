//! Everything native: capture, detection and the frame loop.

pub mod analysis;
pub mod assignment;
mod budget;
mod capture;
mod counter;
mod decoder_threads;
pub mod detector;
pub mod draw;
pub mod geometry;
mod inspect;
mod motion;
mod motion_gate;
pub mod native;
mod picture;
pub mod pipeline;
pub mod probe;
pub mod regions;
pub mod replay;
mod scale;
pub mod scene;
mod source;
pub mod track;
mod tracker;

pub use inspect::inspect;
