//! How values become columns, and how columns become values again.

use becamera_actors::ports::StoreError;
use becamera_domain::{CameraId, Page};
use chrono::{DateTime, Utc};

/// The first whole second at or after this time: where a span of seconds begins or ends.
pub(super) fn whole_second_after(time: DateTime<Utc>) -> i64 {
    time.timestamp() + i64::from(time.timestamp_subsec_nanos() > 0)
}

/// The first whole microsecond at or after this time: where a span of microseconds begins or ends.
pub(super) fn micros_after(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros() + i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000))
}

/// A sum as a column; those of one write are far below what it holds.
pub(super) fn big_integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The same, for a column of 32 bits.
pub(super) fn integer(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// How many rows to ask for, so that [`page`] knows whether more follow.
pub(super) fn rows_for_page(limit: u32) -> i64 {
    i64::from(limit) + 1
}

/// The page that rows make, of which [`rows_for_page`] were asked for.
pub(super) fn page<R, T>(rows: Vec<R>, limit: u32) -> Result<Page<T>, StoreError>
where
    T: TryFrom<R, Error = StoreError>,
{
    Page::of(rows, limit).try_map(T::try_from)
}

/// Turns the columns of a camera's stored row back into values. It fails only where something
/// other than becamera has changed the row.
pub(super) struct RowDecoder {
    /// What the row holds, for the error.
    pub what: &'static str,
    /// The row's `camera_id`.
    pub camera: i32,
    /// The row's time, in the unit of its column.
    pub at: i64,
}

impl RowDecoder {
    /// An error that names the row.
    pub fn refuse(&self, why: &str) -> StoreError {
        let Self { what, camera, at } = self;
        StoreError::Rejected(format!("stored {what} of camera {camera} at {at}: {why}"))
    }

    /// The row's camera.
    pub fn camera_id(&self) -> Result<CameraId, StoreError> {
        CameraId::try_from(i64::from(self.camera)).map_err(|error| self.refuse(&error.to_string()))
    }

    /// The row's time, where its column holds seconds.
    pub fn bucket_start(&self) -> Result<DateTime<Utc>, StoreError> {
        DateTime::from_timestamp(self.at, 0)
            .ok_or_else(|| self.refuse("bucket_start is out of range"))
    }

    /// A number; `name` is its column.
    pub fn number<T, U: TryFrom<T>>(&self, value: T, name: &str) -> Result<U, StoreError> {
        U::try_from(value).map_err(|_| self.refuse(&format!("{name} is out of range")))
    }

    /// The name of a line or zone.
    pub fn name<N>(&self, text: String) -> Result<N, StoreError>
    where
        N: TryFrom<String>,
        N::Error: ToString,
    {
        N::try_from(text).map_err(|error| self.refuse(&error.to_string()))
    }
}
