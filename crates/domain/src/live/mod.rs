//! Live data: what is true now of cameras, workers and sites, and the events that say so.
//!
//! [`LiveEvent`] is the one vocabulary: something changed, something was removed, somebody crossed a
//! line. [`LiveRecord`] is what can change, [`LiveKey`] names it, [`LiveKind`] is what subscribers
//! choose by, [`LiveState`] has the newest record of everything. All of it is without credentials, and
//! has one JSON form for REST answers, server-sent events and Redis.
//!
//! ```
//! use becamera_domain::{LiveEvent, LiveKey, LiveKind, LiveState};
//!
//! let camera = LiveKey::Camera("7".parse().unwrap());
//! let removed = LiveEvent::Removed(camera.clone());
//! assert_eq!((removed.kind(), removed.name()), (LiveKind::Camera, "camera_deleted"));
//! let json = serde_json::to_string(&removed).unwrap();
//! assert_eq!(json, r#"{"type":"camera_deleted","camera_id":7}"#);
//!
//! let mut state = LiveState::default();
//! state.apply(&removed);
//! assert_eq!(state.get(&camera), None);
//! ```

mod crossing;
mod event;
mod json;
mod record;
mod state;

// All that is public in these files is the vocabulary: a new type of event needs no line here.
pub use self::{crossing::*, event::*, json::*, record::*, state::*};
