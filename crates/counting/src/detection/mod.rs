//! From the numbers that a detector's network gives to the people in a frame, whatever library ran
//! it.
//!
//! Each detector family decodes its own outputs in a folder of its own ([`ssd`]); what comes after
//! that is shared: [`merge`] joins the detections of a frame's views. Before the network runs,
//! [`noise`] says whether a picture needs smoothing.

mod merge;
mod noise;
pub mod ssd;

pub use merge::merge;
pub use noise::noise;
