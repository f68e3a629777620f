//! How good counts are: tracks and crossings against a ground truth.
//!
//! The metrics are those of py-motmetrics at an intersection over union of 0.5 and give the same
//! numbers. Plain functions; `becamera eval` feeds them.

mod boxes;
mod clear_mot;
mod count_errors;
mod crossings;
mod ground_truth;
mod identity;
mod report;

pub use boxes::{LabelledBox, Rectangle};
pub use clear_mot::ClearMot;
pub use count_errors::CountErrors;
pub use crossings::{LineErrors, MATCH_WINDOW, TimedCrossing, compare};
pub use ground_truth::{GroundTruth, GroundTruthError};
pub use identity::Identity;
pub use report::{Accuracy, Evaluation};

#[cfg(test)]
mod tests;
