//! StorageActor: buffers samples and writes them in batches, off its own thread.
//!
//! [`WriteQueue`] is the policy (what is kept, coalesced, lost, retried), [`write_batch`] the one
//! place that talks to the store while writing, and the actor a thin shell with timers.

mod actor;
mod queue;
#[cfg(test)]
mod test_support;
mod write;

use actix::prelude::*;

pub use actor::StorageActor;
pub use queue::{Batch, CameraChange, WriteQueue};
pub use write::{Outcome, write_batch};

use crate::{
    domain::{Camera, CameraId, Sample},
    ports::StoreError,
};

/// Takes one sample; it is written with the next batch. Of two samples with the same key the one
/// with more frames is kept. Samples of a forgotten camera are dropped until it is saved again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StoreSample(pub Sample);

/// Registers a camera or replaces its registration; kept and tried again while the database is
/// away. Answers once the first attempt to write it is over, or after 2 s.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SaveCamera(pub Camera);

/// Forgets a camera and its samples; kept and tried again while the database is away. Answers
/// once the first attempt is over, or after 2 s.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ForgetCamera(pub CameraId);

/// Asks for every registered camera.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<Camera>, StoreError>")]
pub struct LoadCameras;
