//! Accuracy of tracks and crossings against a ground truth.
//!
//! The metrics are those of py-motmetrics at an intersection over union of 0.5 and give the same
//! numbers. Plain functions; `becamera eval` feeds them.
//!
//! ```
//! use std::time::Duration;
//!
//! use becamera_counting::{
//!     evaluation::{Evaluation, GroundTruth},
//!     geometry::BoundingBox,
//!     track::{TrackId, TrackedPerson},
//! };
//! use becamera_domain::{FrameSize, Scene};
//!
//! // Two frames with one person each; frame, id, left, top, width, height.
//! let truth = GroundTruth::parse(b"1,1,100,50,40,90\n2,1,105,50,40,90\n")?;
//! let mut evaluation = Evaluation::new(&Scene::default());
//! for frame in 1..=truth.last_frame() {
//!     // The tracker found the person in the first frame alone.
//!     let bbox = BoundingBox { left: 101.0, top: 50.0, width: 40.0, height: 90.0 };
//!     let found = TrackedPerson { id: TrackId(7), bbox, confidence: 0.8, seen: true };
//!     let found: &[_] = if frame == 1 { &[found] } else { &[] };
//!     let at = Duration::from_millis(100 * u64::from(frame));
//!     evaluation.add(at, truth.people(frame), found, [], FrameSize::new(768, 576));
//! }
//! let accuracy = evaluation.accuracy();
//! assert_eq!((accuracy.precision, accuracy.recall), (Some(1.0), Some(0.5)));
//! assert_eq!((accuracy.mota, accuracy.id_switches), (Some(0.5), 0));
//! # Ok::<(), becamera_counting::evaluation::GroundTruthError>(())
//! ```

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
