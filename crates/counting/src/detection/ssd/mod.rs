//! Single-shot detectors (Liu et al., 2016, arXiv:1512.02325) of the MobileNet family: anchors, what
//! a network's outputs mean, and how they are decoded.

mod anchors;
mod decode;
mod layout;

pub use anchors::{Anchor, Anchors, TRAINED_SIZE};
pub use decode::{decode_detection_output, decode_ssd};
pub use layout::Layout;
