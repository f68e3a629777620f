//! From detections to counts.

pub mod assignment;
pub mod budget;
pub mod counter;
pub mod evaluation;
pub mod geometry;
pub mod image;
pub mod motion_gate;
pub mod regions;
pub mod scale;
pub mod scene;
pub mod track;
pub mod tracker;
