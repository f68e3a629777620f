//! From a detector's boxes to tracks, crossings, dwell and counts per second, and how accurate they
//! are. Plain functions and state machines: no camera, no network, no clock.
//!
//! The detector itself is not here: whatever finds people in a frame, this crate takes their boxes.
//!
//! # Which module does what
//!
//! In the order of a frame's way:
//!
//! | module | answers |
//! |---|---|
//! | [`budget`] | Is this frame analysed? A camera has a budget of frames per second |
//! | [`motion`] | Where does something move, and does the newest count still hold? |
//! | [`scan_plan`] | Which parts of the frame does the detector scan? |
//! | [`regions`], [`scale`] | How is a frame cut into views, and how large does the network see them? |
//! | [`detection`] | Which people are in the numbers that the network gives? |
//! | [`tracker`] | Which detection is which person of the frames before? |
//! | [`scene`] | Which lines are crossed, which zones are entered and left? |
//! | [`counter`] | What was counted in each second? |
//! | [`evaluation`] | How accurate is all that against a ground truth? |
//!
//! They are built on [`geometry`] (boxes, overlap, NMS), [`assignment`] (least-cost pairs),
//! [`image`](mod@image) (pixels) and [`track`] (what the tracker gives to the others). [`freeze`] tells
//! a frozen live picture.
//!
//! # A walk across a line
//!
//! Detections made by hand are tracked, and their crossing of a line is counted:
//!
//! ```
//! use std::time::Duration;
//!
//! use becamera_counting::{
//!     counter::PeopleCounter,
//!     geometry::{BoundingBox, Detection},
//!     image::BgrBuffer,
//!     tracker::{Appearance, Observation, Scores, Tracker},
//! };
//! use becamera_domain::{Direction, FrameSize, Scene};
//! use chrono::DateTime;
//!
//! // A line from left to right through the middle of the picture. Seen along it, its right is
//! // below: a walk down is `in`.
//! let scene: Scene = serde_json::from_value(serde_json::json!({
//!     "lines": [{"id": "door", "from": [0.1, 0.5], "to": [0.9, 0.5]}],
//! }))?;
//! let size = FrameSize::new(640, 480);
//! let whole = BoundingBox::from_corners(0.0, 0.0, 640.0, 480.0);
//! let picture = BgrBuffer::filled(640, 480, [120; 3]);
//!
//! let mut tracker = Tracker::new(Scores::of(0.45));
//! let mut counter = PeopleCounter::new(10.0, &scene);
//! let mut crossings = Vec::new();
//! for frame in 0..30 {
//!     let at = Duration::from_millis(100 * frame);
//!     // Somebody walks down, 5 pixels per frame: the foot goes from 190 to 335.
//!     let bbox = BoundingBox { left: 300.0, top: 100.0 + 5.0 * frame as f32, width: 40.0, height: 90.0 };
//!     let appearance = Appearance::of(picture.image(), &bbox, &[]);
//!     tracker.predict(at);
//!     tracker.update(
//!         size,
//!         &[whole],
//!         vec![Observation { detection: Detection { bbox, score: 0.9 }, appearance }],
//!     );
//!     let people = tracker.people(size);
//!     let date = DateTime::UNIX_EPOCH + at;
//!     crossings.extend(counter.add(date, at, &people, size, Some(8.0)).1);
//! }
//! assert_eq!(crossings.len(), 1);
//! assert_eq!(crossings[0].direction, Direction::In);
//! assert_eq!(counter.end().map(|second| second.people_last), Some(1));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! [`evaluation`] shows how tracks are compared with a ground truth.

pub mod assignment;
pub mod budget;
pub mod counter;
pub mod detection;
pub mod evaluation;
pub mod freeze;
pub mod geometry;
pub mod image;
pub mod motion;
pub mod regions;
pub mod scale;
pub mod scan_plan;
pub mod scene;
pub mod track;
pub mod tracker;
