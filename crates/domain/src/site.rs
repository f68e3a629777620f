//! Sites: places with several doors, and how many people are in them.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{AuditId, CameraId, InvalidField, LineId, SiteId};

/// Most sites.
pub const MAX_SITES: usize = 1_000;
/// Most lines of a site.
pub const MAX_MEMBERS: usize = 100;
/// Most people that a site may hold, or be corrected to.
pub const MAX_OCCUPANCY: u32 = 10_000_000;

/// A place whose doors are lines of cameras.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its name in addresses.
    pub id: SiteId,
    /// What it is.
    pub settings: SiteSettings,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What an operator says of a site. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSettings {
    /// A name for people.
    pub name: Option<String>,
    /// Whose clock `reset_at` is read from.
    #[serde(with = "zone_name")]
    pub timezone: Tz,
    /// When the site is empty for sure, every day: counting begins anew.
    #[serde(with = "hour_and_minute")]
    pub reset_at: NaiveTime,
    /// How many people it may hold.
    pub capacity: Option<u32>,
    /// Its doors.
    pub members: Vec<Member>,
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self {
            name: None,
            timezone: Tz::UTC,
            // Late enough for the last guest, early enough for the first.
            reset_at: NaiveTime::from_hms_opt(4, 0, 0).unwrap_or_default(),
            capacity: None,
            members: Vec::new(),
        }
    }
}

/// A line of a camera that is a door of a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The camera.
    pub camera_id: CameraId,
    /// Its line.
    pub line_id: LineId,
    /// Whether the line's first direction leads out of the site.
    #[serde(default)]
    pub invert: bool,
}

impl SiteSettings {
    /// A time of day written as `04:00`.
    pub fn time_of_day(text: &str) -> Option<NaiveTime> {
        let time = NaiveTime::parse_from_str(text, "%H:%M").ok();
        time.filter(|_| text.len() == 5)
    }

    /// Checks every value.
    pub fn validate(&self) -> Result<(), InvalidField> {
        if let Some(name) = &self.name {
            if name.trim().is_empty() || name.chars().count() > 200 {
                return Err(InvalidField::new("name", "must have 1 to 200 characters"));
            }
            if name.chars().any(char::is_control) {
                return Err(InvalidField::new("name", "must not contain control characters"));
            }
        }
        if self.capacity.is_some_and(|most| !(1..=MAX_OCCUPANCY).contains(&most)) {
            let reason = format!("must be from 1 to {MAX_OCCUPANCY}");
            return Err(InvalidField::new("capacity", reason));
        }
        if self.members.len() > MAX_MEMBERS {
            let reason = format!("a site has at most {MAX_MEMBERS} lines");
            return Err(InvalidField::new("members", reason));
        }
        let mut seen = BTreeSet::new();
        for Member { camera_id, line_id, .. } in &self.members {
            if !seen.insert((camera_id, line_id)) {
                let reason = format!("line {line_id} of camera {camera_id} is named twice");
                return Err(InvalidField::new("members", reason));
            }
        }
        Ok(())
    }
}

/// Somebody counted the people of a site by other means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Number of the correction: that of its entry in the audit trail, which names the requester.
    pub id: AuditId,
    /// The site.
    pub site_id: SiteId,
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// What is true from then on.
    pub change: CorrectionChange,
}

/// How a site is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrectionChange {
    /// Number of people in the site.
    Set(u32),
    /// Number of people to add; negative: to take away.
    Add(i32),
}

/// A time zone by its name.
mod zone_name {
    use chrono_tz::Tz;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(zone: &Tz, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(zone.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Tz, D::Error> {
        let name = String::deserialize(from)?;
        name.parse().map_err(|_| {
            D::Error::custom("must be a time zone of the IANA database, such as Europe/Berlin")
        })
    }
}

/// A time of day as `04:00`.
mod hour_and_minute {
    use chrono::NaiveTime;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(time: &NaiveTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time.format("%H:%M").to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<NaiveTime, D::Error> {
        let text = String::deserialize(from)?;
        super::SiteSettings::time_of_day(&text)
            .ok_or_else(|| D::Error::custom("must be a time of day such as 04:00"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written_and_checked() {
        let text = r#"{"name":"Shop","timezone":"Europe/Berlin","reset_at":"03:30","capacity":80,
            "members":[{"camera_id":1,"line_id":"door"},
                       {"camera_id":1,"line_id":"gate","invert":true}]}"#;
        let settings: SiteSettings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.validate(), Ok(()));
        assert_eq!((settings.members[0].invert, settings.members[1].invert), (false, true));
        let again = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<SiteSettings>(&again).unwrap(), settings);
        assert!(again.contains(r#""reset_at":"03:30""#), "{again}");
        for bad in ["4:00", "24:00", "04:00:00", "noon", ""] {
            let text = format!(r#"{{"reset_at":"{bad}"}}"#);
            assert!(serde_json::from_str::<SiteSettings>(&text).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<SiteSettings>(r#"{"timezone":"Mars"}"#).is_err());

        let field = |settings: SiteSettings| settings.validate().unwrap_err().field;
        let twice = vec![settings.members[0].clone(), settings.members[0].clone()];
        assert_eq!(field(SiteSettings { members: twice, ..settings.clone() }), "members");
        assert_eq!(field(SiteSettings { capacity: Some(0), ..settings.clone() }), "capacity");
        assert_eq!(field(SiteSettings { name: Some(" ".into()), ..settings }), "name");
    }
}
