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

pub use actor::StorageActor;
pub use apply::{Applied, Replayed, apply, replay};
use becamera_domain::{
    AuditEntry, Camera, CameraId, Correction, Crossing, Sample, Site, SiteId, Write,
};
pub use buffer::{Batch, WriteBuffer};
pub use plan::{News, Step, WritePlan};

use crate::ports::{CountStore, Spool, StoreError};

/// Takes one sample; it is written with the next batch. Samples of a forgotten camera are dropped
/// until it is saved again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StoreSample(pub Sample);

/// Takes one crossing; it is written with the next batch. Crossings of a forgotten camera are dropped
/// until it is saved again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StoreCrossing(pub Crossing);

/// Registers a camera or replaces its registration. Answers once that is in the database or in
/// the spool, or after 2 s.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SaveCamera(pub Camera);

/// Forgets a camera and what was counted on it. Answers once that is in the database or in the
/// spool, or after 2 s.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ForgetCamera(pub CameraId);

/// Keeps a site or replaces what is said of it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SaveSite(pub Site);

/// Forgets a site and its corrections.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ForgetSite(pub SiteId);

/// Adds a correction of a site.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StoreCorrection(pub Correction);

/// Adds an entry to the audit trail. It is written together with what it is about, when that
/// follows at once.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RecordAudit(pub AuditEntry);

/// The registered cameras as they are once the spool is replayed. Blocking; for the start.
///
/// # Errors
/// When the store or the spool can't be read.
pub fn load_cameras(store: &dyn CountStore, spool: &dyn Spool) -> Result<Vec<Camera>, StoreError> {
    let mut cameras = store.load_cameras()?;
    for write in spool.registrations()? {
        match write {
            Write::SaveCamera(camera) => {
                cameras.retain(|other| other.id != camera.id);
                cameras.push(*camera);
            }
            Write::ForgetCamera(id) => cameras.retain(|other| other.id != id),
            Write::Sample(_)
            | Write::Crossing(_)
            | Write::SaveSite(_)
            | Write::ForgetSite(_)
            | Write::Correct(_)
            | Write::Audit(_) => {}
        }
    }
    cameras.sort_by_key(|camera| camera.id);
    Ok(cameras)
}
