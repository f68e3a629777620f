//! Identifiers, each a type of its own so that a camera can't be taken for a worker.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidField;

/// A camera's number, given by the operator: 1 to 2,147,483,647 (what every database stores).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct CameraId(i32);

impl CameraId {
    /// The number as databases store it.
    pub fn get(self) -> i32 {
        self.0
    }
}

impl TryFrom<i64> for CameraId {
    type Error = InvalidField;

    fn try_from(id: i64) -> Result<Self, InvalidField> {
        match i32::try_from(id) {
            Ok(id) if id >= 1 => Ok(Self(id)),
            _ => Err(InvalidField::new("camera_id", format!("must be from 1 to {}", i32::MAX))),
        }
    }
}

impl From<CameraId> for i64 {
    fn from(id: CameraId) -> i64 {
        id.0.into()
    }
}

impl FromStr for CameraId {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let id: i64 = text.parse().map_err(|_| {
            InvalidField::new("camera_id", format!("must be a whole number from 1 to {}", i32::MAX))
        })?;
        Self::try_from(id)
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A worker slot's number, counted from 1; shown as `worker_1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(u16);

impl WorkerId {
    /// The worker of the slot with this zero-based index.
    pub fn from_index(index: usize) -> Self {
        Self(u16::try_from(index + 1).unwrap_or(u16::MAX))
    }

    /// The zero-based index of the worker's slot.
    pub fn index(self) -> usize {
        usize::from(self.0) - 1
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker_{}", self.0)
    }
}

impl FromStr for WorkerId {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        text.strip_prefix("worker_")
            .filter(|digits| !digits.starts_with(['0', '+']))
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| InvalidField::new("worker_id", "must look like worker_1"))
    }
}

impl Serialize for WorkerId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WorkerId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One attempt at reading one camera's stream. Unique across restarts of the service: the
/// upper bits are the second in which the service started, the lower 20 bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl RunId {
    /// The first run of a service that started at this time.
    pub fn first(started: chrono::DateTime<chrono::Utc>) -> Self {
        Self(u64::try_from(started.timestamp()).unwrap_or(0) << 20)
    }

    /// The run that follows this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camera_ids_have_bounds() {
        assert!("0".parse::<CameraId>().is_err());
        assert!("-1".parse::<CameraId>().is_err());
        assert!("2147483648".parse::<CameraId>().is_err());
        assert!("1x".parse::<CameraId>().is_err());
        assert_eq!("2147483647".parse::<CameraId>().unwrap().get(), i32::MAX);
    }

    #[test]
    fn worker_ids_round_trip_and_refuse_lookalikes() {
        let worker: WorkerId = "worker_12".parse().unwrap();
        assert_eq!((worker.index(), worker.to_string()), (11, "worker_12".into()));
        for bad in ["worker_0", "worker_01", "worker_+1", "worker_", "worker", "1", "worker_70000"]
        {
            assert!(bad.parse::<WorkerId>().is_err(), "{bad}");
        }
    }
}
