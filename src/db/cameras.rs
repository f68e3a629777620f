//! The table of cameras. What they are registered with is sealed, as far as it is secret.

use becamera_actors::ports::StoreError;
use becamera_domain::{Camera, CameraId, CameraSettings, DesiredState, StreamUrl};
use chrono::DateTime;
use diesel::prelude::*;
use log::error;
use serde::{Deserialize, Serialize};

use super::{
    connection::{DbConnection, on_either},
    json::{self, StoredJson},
    schema::cameras,
};
use crate::vault::{Vault, VaultError};

impl StoredJson for CameraSettings {}

/// A row of `cameras`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset, Serialize, Deserialize)]
#[diesel(table_name = cameras, treat_none_as_null = true)]
pub(super) struct CameraRow {
    pub id: i32,
    pub name: Option<String>,
    pub stream_url: String,
    pub settings: String,
    pub desired_state: String,
    pub created_at: i64,
    pub updated_at: i64,
}

impl CameraRow {
    /// What a sealed stream URL is bound to, so that no other camera's row can take it.
    pub fn seal_context(id: i32) -> String {
        format!("cameras.stream_url {id}")
    }

    /// The row of a camera, its stream URL sealed.
    pub fn seal(camera: &Camera, vault: &Vault) -> Result<Self, StoreError> {
        let settings = json::to_text(&camera.settings).map_err(|error| {
            StoreError::Rejected(format!("settings of camera {}: {error}", camera.id))
        })?;
        Ok(Self {
            id: camera.id.get(),
            name: camera.name.clone(),
            stream_url: vault
                .seal(camera.stream_url.expose(), Self::seal_context(camera.id.get()).as_bytes()),
            settings,
            desired_state: camera.desired.as_str().to_owned(),
            created_at: camera.created_at.timestamp_micros(),
            updated_at: camera.updated_at.timestamp_micros(),
        })
    }

    /// The id of the key that its stream URL is sealed under, when that is not given.
    pub fn unknown_key(&self, vault: &Vault) -> Option<String> {
        match vault.open(&self.stream_url, Self::seal_context(self.id).as_bytes()) {
            Err(VaultError::UnknownKey(key)) => Some(key),
            Ok(_) | Err(VaultError::Damaged) => None,
        }
    }

    /// The camera of a row.
    pub fn open(self, vault: &Vault) -> Result<Camera, String> {
        let time = |micros| DateTime::from_timestamp_micros(micros).ok_or("a time out of range");
        let stream_url = vault
            .open(&self.stream_url, Self::seal_context(self.id).as_bytes())
            .map_err(|error| format!("stream_url: {error}"))?;
        Ok(Camera {
            id: CameraId::try_from(i64::from(self.id)).map_err(|error| error.to_string())?,
            name: self.name,
            stream_url: StreamUrl::trusted(&stream_url).map_err(|error| error.to_string())?,
            settings: json::from_text(&self.settings)
                .map_err(|error| format!("settings: {error}"))?,
            desired: match self.desired_state.as_str() {
                "running" => DesiredState::Running,
                "stopped" => DesiredState::Stopped,
                _ => return Err("desired_state: neither running nor stopped".into()),
            },
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
        })
    }
}

/// Registers a camera or replaces its registration.
pub(super) fn save(connection: &mut DbConnection, row: &CameraRow) -> QueryResult<()> {
    on_either!(connection, c => diesel::insert_into(cameras::table)
        .values(row)
        .on_conflict(cameras::id)
        .do_update()
        .set(row)
        .execute(c)
        .map(drop))
}

/// Forgets a camera. All that was counted on it goes with it: ON DELETE CASCADE.
pub(super) fn forget(connection: &mut DbConnection, id: CameraId) -> QueryResult<()> {
    diesel::delete(cameras::table.find(id.get())).execute(connection).map(drop)
}

/// Every registration, by id.
pub(super) fn load(connection: &mut DbConnection) -> QueryResult<Vec<CameraRow>> {
    cameras::table.select(CameraRow::as_select()).order(cameras::id.asc()).load(connection)
}

/// The cameras of rows. One that can't be read is said, and must not keep the others from running.
pub(super) fn open_all(rows: Vec<CameraRow>, vault: &Vault) -> Vec<Camera> {
    let open = |row: CameraRow| {
        let id = row.id;
        row.open(vault)
            .inspect_err(|reason| error!("camera {id}: its stored row can't be read: {reason}"))
            .ok()
    };
    rows.into_iter().filter_map(open).collect()
}

/// Every camera's id.
pub(super) fn ids(connection: &mut DbConnection) -> QueryResult<Vec<i32>> {
    cameras::table.select(cameras::id).load(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a field of the API has changed: see [`json`] for how old rows stay readable.
    #[test]
    fn settings_have_the_form_of_version_1() {
        let stored = concat!(
            r#"{"detect":{"fps":5.0,"confidence":0.6,"nms_iou":0.5,"motion_gate":false,"#,
            r#""forced_inference":"3s","preset":"accurate","mode":"full","interval":2,"#,
            r#""person_height":90.0,"scale":1.5,"full_every":4},"#,
            r#""source":{"loop":true,"paced":false},"scene":{"lines":[{"id":"door","#,
            r#""from":[0.1,0.5],"to":[0.9,0.5],"directions":{"in":"hinein","out":"hinaus"},"#,
            r#""rules":{"hysteresis":0.25,"min_age_ms":300,"min_travel":0.5}}],"zones":[{"id":"hall","kind":"exclude","polygon":[[0.0,0.0],[1.0,0.0],[1.0,1.0]]}]}}"#
        );
        let settings: CameraSettings = json::from_text(stored).unwrap();
        assert_eq!(json::to_text(&settings).unwrap(), stored);
    }
}
