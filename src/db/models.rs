//! Rows, and their way from and to the domain.

use becamera_actors::{
    domain::{Camera, CameraId, DesiredState, Sample, StreamUrl},
    ports::StoreError,
};
use chrono::DateTime;
use diesel::prelude::*;

use super::schema::{cameras, samples};

/// A row of `cameras`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
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

impl TryFrom<&Camera> for CameraRow {
    type Error = StoreError;

    fn try_from(camera: &Camera) -> Result<Self, StoreError> {
        let settings = serde_json::to_string(&camera.settings).map_err(|error| {
            StoreError::Rejected(format!("settings of camera {}: {error}", camera.id))
        })?;
        Ok(Self {
            id: camera.id.get(),
            name: camera.name.clone(),
            stream_url: camera.stream_url.expose().to_owned(),
            settings,
            desired_state: camera.desired.as_str().to_owned(),
            created_at: camera.created_at.timestamp_micros(),
            updated_at: camera.updated_at.timestamp_micros(),
        })
    }
}

impl TryFrom<CameraRow> for Camera {
    type Error = String;

    fn try_from(row: CameraRow) -> Result<Self, String> {
        let time = |micros| DateTime::from_timestamp_micros(micros).ok_or("a time out of range");
        Ok(Self {
            id: CameraId::try_from(i64::from(row.id)).map_err(|error| error.to_string())?,
            name: row.name,
            stream_url: StreamUrl::trusted(&row.stream_url).map_err(|error| error.to_string())?,
            settings: serde_json::from_str(&row.settings)
                .map_err(|error| format!("settings: {error}"))?,
            desired: match row.desired_state.as_str() {
                "running" => DesiredState::Running,
                "stopped" => DesiredState::Stopped,
                _ => return Err("desired_state: neither running nor stopped".into()),
            },
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

/// A row of `samples`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = samples, treat_none_as_default_value = false)]
pub(super) struct SampleRow {
    pub camera_id: i32,
    pub bucket_start: i64,
    pub frames: i32,
    pub people_last: i32,
    pub people_max: i32,
    pub people_mean: f32,
    pub inference_ms_mean: f32,
    pub worker_id: String,
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
        if !sample.people_mean.is_finite() || !sample.inference_ms_mean.is_finite() {
            return Err(refuse("a mean is not a number"));
        }
        if sample.bucket_start.timestamp_subsec_nanos() != 0 {
            return Err(refuse("bucket_start is not a whole second"));
        }
        Ok(Self {
            camera_id: sample.camera_id.get(),
            bucket_start: sample.bucket_start.timestamp(),
            frames: count(sample.frames, "frames")?,
            people_last: count(sample.people_last, "people_last")?,
            people_max: count(sample.people_max, "people_max")?,
            people_mean: sample.people_mean,
            inference_ms_mean: sample.inference_ms_mean,
            worker_id: sample.worker_id.to_string(),
        })
    }
}

impl TryFrom<SampleRow> for Sample {
    type Error = StoreError;

    // Only a foreign hand in the database can make these fail.
    fn try_from(row: SampleRow) -> Result<Self, StoreError> {
        let refuse = |what: String| {
            let (camera, bucket) = (row.camera_id, row.bucket_start);
            StoreError::Rejected(format!("stored sample of camera {camera} at {bucket}: {what}"))
        };
        let count = |value: i32, name: &str| {
            u32::try_from(value).map_err(|_| refuse(format!("{name} is negative")))
        };
        Ok(Self {
            camera_id: CameraId::try_from(i64::from(row.camera_id))
                .map_err(|error| refuse(error.to_string()))?,
            bucket_start: DateTime::from_timestamp(row.bucket_start, 0)
                .ok_or_else(|| refuse("bucket_start is out of range".into()))?,
            frames: count(row.frames, "frames")?,
            people_last: count(row.people_last, "people_last")?,
            people_max: count(row.people_max, "people_max")?,
            people_mean: row.people_mean,
            inference_ms_mean: row.inference_ms_mean,
            worker_id: row.worker_id.parse().map_err(|e| refuse(format!("{e}")))?,
        })
    }
}
