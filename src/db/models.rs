//! Rows, and their way from and to the domain.

use becamera_actors::ports::StoreError;
use becamera_domain::{Camera, CameraId, DesiredState, Rollup, RunId, Sample, StreamUrl, Totals};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::vault::{Vault, VaultError};

use super::{
    scene_rows::{tally_from_text, tally_to_text},
    schema::{cameras, rollups, samples},
};

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
    /// What a sealed stream URL belongs to, so that no other camera's row can take it.
    pub fn seal_context(id: i32) -> String {
        format!("cameras.stream_url {id}")
    }

    /// The row of a camera, its stream URL sealed.
    pub fn seal(camera: &Camera, vault: &Vault) -> Result<Self, StoreError> {
        let settings = serde_json::to_string(&camera.settings).map_err(|error| {
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
            settings: serde_json::from_str(&self.settings)
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

/// A row of `samples`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = samples)]
pub(super) struct SampleRow {
    pub camera_id: i32,
    pub bucket_start: i64,
    pub run_id: i64,
    pub seq: i32,
    pub frames: i32,
    pub people_last: i32,
    pub people_min: i32,
    pub people_max: i32,
    pub people_sum: i32,
    pub covered_ms: i32,
    pub inference_ms_mean: f32,
    pub worker_id: String,
    pub scene: Option<String>,
}

impl SampleRow {
    /// Its primary key.
    pub fn key(&self) -> (i32, i64, i64, i32) {
        (self.camera_id, self.bucket_start, self.run_id, self.seq)
    }
}

impl TryFrom<&Sample> for SampleRow {
    type Error = StoreError;

    fn try_from(sample: &Sample) -> Result<Self, StoreError> {
        let refuse = |what: &str| {
            let (camera, bucket) = (sample.camera_id, sample.bucket_start.to_rfc3339());
            StoreError::Rejected(format!("sample of camera {camera} at {bucket}: {what}"))
        };
        let count = |value: u32, name: &str| {
            i32::try_from(value).map_err(|_| refuse(&format!("{name} is too large")))
        };
        // SQLite would store NaN as NULL.
        if !sample.inference_ms_mean.is_finite() {
            return Err(refuse("inference_ms_mean is not a number"));
        }
        if sample.bucket_start.timestamp_subsec_nanos() != 0 {
            return Err(refuse("bucket_start is not a whole second"));
        }
        Ok(Self {
            camera_id: sample.camera_id.get(),
            bucket_start: sample.bucket_start.timestamp(),
            run_id: i64::try_from(sample.run.0).map_err(|_| refuse("run is too large"))?,
            seq: count(sample.seq, "seq")?,
            frames: count(sample.frames, "frames")?,
            people_last: count(sample.people_last, "people_last")?,
            people_min: count(sample.people_min, "people_min")?,
            people_max: count(sample.people_max, "people_max")?,
            people_sum: count(sample.people_sum, "people_sum")?,
            covered_ms: count(sample.covered_ms, "covered_ms")?,
            inference_ms_mean: sample.inference_ms_mean,
            worker_id: sample.worker_id.to_string(),
            scene: tally_to_text(&sample.scene).map_err(|reason| refuse(&reason))?,
        })
    }
}

impl TryFrom<SampleRow> for Sample {
    type Error = StoreError;

    fn try_from(row: SampleRow) -> Result<Self, StoreError> {
        let foreign = Foreign { what: "sample", camera: row.camera_id, bucket: row.bucket_start };
        Ok(Self {
            camera_id: foreign.camera_id()?,
            run: RunId(foreign.number(row.run_id, "run_id")?),
            seq: foreign.number(row.seq, "seq")?,
            bucket_start: foreign.bucket_start()?,
            frames: foreign.number(row.frames, "frames")?,
            people_last: foreign.number(row.people_last, "people_last")?,
            people_min: foreign.number(row.people_min, "people_min")?,
            people_max: foreign.number(row.people_max, "people_max")?,
            people_sum: foreign.number(row.people_sum, "people_sum")?,
            covered_ms: foreign.number(row.covered_ms, "covered_ms")?,
            inference_ms_mean: row.inference_ms_mean,
            worker_id: row.worker_id.parse().map_err(|e| foreign.refuse(&format!("{e}")))?,
            scene: tally_from_text(row.scene.as_deref())
                .map_err(|reason| foreign.refuse(&format!("scene: {reason}")))?,
        })
    }
}

/// A row of `rollups`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = rollups)]
pub(super) struct RollupRow {
    pub camera_id: i32,
    pub bucket_start: i64,
    pub frames: i64,
    pub people_sum: i64,
    pub people_min: i32,
    pub people_max: i32,
    pub covered_ms: i64,
}

impl TryFrom<RollupRow> for Rollup {
    type Error = StoreError;

    fn try_from(row: RollupRow) -> Result<Self, StoreError> {
        let foreign = Foreign { what: "rollup", camera: row.camera_id, bucket: row.bucket_start };
        Ok(Self {
            camera_id: foreign.camera_id()?,
            bucket_start: foreign.bucket_start()?,
            totals: Totals {
                frames: foreign.number(row.frames, "frames")?,
                people_sum: foreign.number(row.people_sum, "people_sum")?,
                people_min: foreign.number(row.people_min, "people_min")?,
                people_max: foreign.number(row.people_max, "people_max")?,
                covered_ms: foreign.number(row.covered_ms, "covered_ms")?,
            },
        })
    }
}

/// A stored row on its way back; only a foreign hand in the database can make it fail.
pub(super) struct Foreign {
    pub what: &'static str,
    pub camera: i32,
    pub bucket: i64,
}

impl Foreign {
    pub fn refuse(&self, why: &str) -> StoreError {
        let Self { what, camera, bucket } = self;
        StoreError::Rejected(format!("stored {what} of camera {camera} at {bucket}: {why}"))
    }

    pub fn camera_id(&self) -> Result<CameraId, StoreError> {
        CameraId::try_from(i64::from(self.camera)).map_err(|error| self.refuse(&error.to_string()))
    }

    pub fn bucket_start(&self) -> Result<DateTime<Utc>, StoreError> {
        DateTime::from_timestamp(self.bucket, 0)
            .ok_or_else(|| self.refuse("bucket_start is out of range"))
    }

    pub fn number<T, U: TryFrom<T>>(&self, value: T, name: &str) -> Result<U, StoreError> {
        U::try_from(value).map_err(|_| self.refuse(&format!("{name} is out of range")))
    }
}
