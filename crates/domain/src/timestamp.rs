//! Times as clients read them: RFC 3339 in UTC with milliseconds, `2026-11-25T13:04:28.534Z`.
//!
//! The one format of REST answers, of server-sent events and of Redis. Read is any RFC 3339, also what
//! versions before wrote with more digits.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time in UTC, written with milliseconds.
///
/// ```
/// use becamera_domain::Timestamp;
///
/// let at = Timestamp("2026-11-25T14:04:28.534999+01:00".parse().unwrap());
/// assert_eq!(serde_json::to_string(&at).unwrap(), r#""2026-11-25T13:04:28.534Z""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub DateTime<Utc>);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Writes a time, for `#[serde(with = "timestamp")]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    Timestamp(*at).serialize(to)
}

/// Reads a time, for `#[serde(with = "timestamp")]`.
///
/// # Errors
/// When the text is no RFC 3339 time.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    Timestamp::deserialize(from).map(|at| at.0)
}

/// The same for times that may be absent, for `#[serde(with = "timestamp::optional")]`.
pub mod optional {
    use super::{DateTime, Deserialize, Deserializer, Serialize, Serializer, Timestamp, Utc};

    /// Writes a time, or nothing.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(at: &Option<DateTime<Utc>>, to: S) -> Result<S::Ok, S::Error> {
        at.map(Timestamp).serialize(to)
    }

    /// Reads a time, or nothing.
    ///
    /// # Errors
    /// When there is a text that is no RFC 3339 time.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        Ok(Option::<Timestamp>::deserialize(from)?.map(|at| at.0))
    }
}
