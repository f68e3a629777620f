//! Writes as they lie in the spool: a kind, and the rest as JSON.

use becamera_actors::ports::StoreError;
use becamera_domain::{Write, WriteKind};
use log::error;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        cameras::CameraRow,
        json::{self, StoredJson},
    },
    rows::{NewRow, Row},
};
use crate::vault::Vault;

impl StoredJson for Write {}

/// [`Write::SaveCamera`], with its stream URL sealed.
#[derive(Serialize, Deserialize)]
struct Registration {
    save_camera: CameraRow,
}

impl StoredJson for Registration {}

/// The row of a write.
pub(super) fn write(write: &Write, vault: &Vault) -> Result<NewRow, StoreError> {
    let payload = match write {
        Write::SaveCamera(camera) => {
            json::to_text(&Registration { save_camera: CameraRow::seal(camera, vault)? })
        }
        other => json::to_text(other),
    };
    let payload = payload.map_err(|error| StoreError::Rejected(format!("{write}: {error}")))?;
    Ok(NewRow { kind: write.kind(), payload })
}

/// The write of a row; one that can't be read is lost, and said.
pub(super) fn read(row: &Row, vault: &Vault) -> Option<Write> {
    let write = match registration(row) {
        Some(Ok(camera)) => camera.open(vault).map(|camera| Write::SaveCamera(Box::new(camera))),
        Some(Err(error)) => Err(error),
        None => json::from_text(&row.payload).map_err(|error| error.to_string()),
    };
    write.inspect_err(|reason| error!("spool: write {} can't be read: {reason}", row.id)).ok()
}

/// The camera of a registration whose stream URL is sealed under a key that is not given, and the
/// key's id.
pub(super) fn sealed_under_unknown_key(row: &Row, vault: &Vault) -> Option<(i32, String)> {
    let camera = registration(row)?.ok()?;
    camera.unknown_key(vault).map(|key| (camera.id, key))
}

fn registration(row: &Row) -> Option<Result<CameraRow, String>> {
    let read = || json::from_text::<Registration>(&row.payload);
    (row.kind == WriteKind::SaveCamera.as_str())
        .then(|| read().map(|stored| stored.save_camera).map_err(|error| error.to_string()))
}
