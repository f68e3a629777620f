//! StorageActor: takes everything that is to be stored and sees to it that it is, once.
//!
//! [`WritePlan`] is the policy (what goes straight to the store, what takes the detour over the
//! spool, what waits), [`apply()`] and [`replay`] are the places that talk to the store while
//! writing, and the actor is a thin shell with timers and threads.

mod actor;
mod apply;
mod buffer;
mod plan;
#[cfg(test)]
pub(crate) mod test_support;

use actix::prelude::*;
use becamera_domain::{Camera, Write, WriteKind};

use crate::ports::{CameraReader, Spool, StoreError};

pub use actor::StorageActor;
pub use apply::{Applied, Replayed, apply, replay};
pub use buffer::{Batch, WriteBuffer};
pub use plan::{StorageNotice, StorageStep, WritePlan};

/// Takes a write. What is urgent goes to the store or the spool at once, everything else with the
/// next batch. What was counted on a forgotten camera is dropped until that is saved again.
///
/// No answer: a [`FlushStorage`](crate::messages::FlushStorage) that follows says what became of
/// it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StoreWrite(pub Write);

/// The registered cameras as they are once the spool is replayed. Blocking; for the start.
///
/// # Errors
/// When the store or the spool can't be read.
pub fn load_cameras(
    store: &dyn CameraReader,
    spool: &dyn Spool,
) -> Result<Vec<Camera>, StoreError> {
    let mut cameras = store.load_cameras()?;
    for write in spool.waiting(&[WriteKind::SaveCamera, WriteKind::ForgetCamera])? {
        match write {
            Write::SaveCamera(camera) => {
                cameras.retain(|other| other.id != camera.id);
                cameras.push(*camera);
            }
            Write::ForgetCamera(id) => cameras.retain(|other| other.id != id),
            // Not asked for.
            _ => {}
        }
    }
    cameras.sort_by_key(|camera| camera.id);
    Ok(cameras)
}
