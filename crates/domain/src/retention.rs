//! How long what is stored is kept.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{InvalidField, RollupLevel};

/// `[storage.retention]`: how long what is stored is kept, a span such as `30d`, or `forever`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Samples, a row for each camera and second: at least 1 h.
    pub samples: KeepFor,
    /// Rollups by minute of cameras, lines and zones: at least 24 h. A camera needs about 25 MB of
    /// minutes in a year, and next to nothing of the other rollups.
    pub minutes: KeepFor,
    /// Rollups by quarter of an hour, of which hours and days in time zones off the whole hour are
    /// made: at least 24 h.
    pub quarter_hours: KeepFor,
    /// Rollups by hour: at least 48 h.
    pub hours: KeepFor,
    /// Rollups by day in UTC: at least 48 h.
    pub days: KeepFor,
    /// Crossings of lines, one by one; the occupancy of sites is computed from them, from reset to
    /// reset: at least 48 h.
    pub crossings: KeepFor,
    /// The audit trail, which says who changed what: at least 24 h.
    pub audit: KeepFor,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            samples: KeepFor::days(30),
            minutes: KeepFor::days(400),
            quarter_hours: KeepFor::Ever,
            hours: KeepFor::Ever,
            days: KeepFor::Ever,
            crossings: KeepFor::days(400),
            audit: KeepFor::days(400),
        }
    }
}

impl Retention {
    /// Checks every value: what is kept for less than a level's stretch would be cut while it is
    /// still added to.
    pub fn validate(&self) -> Result<(), InvalidField> {
        let least = [
            ("storage.retention.samples", self.samples, 3_600),
            ("storage.retention.minutes", self.minutes, 86_400),
            ("storage.retention.quarter_hours", self.quarter_hours, 86_400),
            ("storage.retention.hours", self.hours, 2 * 86_400),
            ("storage.retention.days", self.days, 2 * 86_400),
            // Sites count the crossings since their daily reset, also after a restart.
            ("storage.retention.crossings", self.crossings, 2 * 86_400),
            ("storage.retention.audit", self.audit, 86_400),
        ];
        for (field, keep, seconds) in least {
            if let KeepFor::Span(span) = keep
                && span < Duration::from_secs(seconds)
            {
                let reason = format!("must be at least {} h, or forever", seconds / 3_600);
                return Err(InvalidField::new(field, reason));
            }
        }
        Ok(())
    }

    /// Before which times rows are to be deleted, given the present.
    pub fn cutoffs(&self, now: DateTime<Utc>) -> Cutoffs {
        Cutoffs {
            samples: self.samples.cutoff(now),
            rollups: RollupLevel::ALL.map(|level| {
                let keep = match level {
                    RollupLevel::Minute => self.minutes,
                    RollupLevel::QuarterHour => self.quarter_hours,
                    RollupLevel::Hour => self.hours,
                    RollupLevel::Day => self.days,
                };
                (level, keep.cutoff(now).map(|cutoff| level.start_of(cutoff)))
            }),
            crossings: self.crossings.cutoff(now),
            audit: self.audit.cutoff(now),
        }
    }
}

/// Before which times rows are to be deleted; none: keep all.
#[derive(Debug, Clone, PartialEq)]
pub struct Cutoffs {
    /// Of samples.
    pub samples: Option<DateTime<Utc>>,
    /// Of crossings.
    pub crossings: Option<DateTime<Utc>>,
    /// Of rollups of each level: of cameras, lines and zones.
    pub rollups: [(RollupLevel, Option<DateTime<Utc>>); 4],
    /// Of the audit trail.
    pub audit: Option<DateTime<Utc>>,
}

/// A span such as `30d`, or `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum KeepFor {
    /// For this time.
    Span(Duration),
    /// Never deleted.
    Ever,
}

impl KeepFor {
    /// This number of days.
    pub const fn days(days: u64) -> Self {
        Self::Span(Duration::from_secs(days * 86_400))
    }

    fn cutoff(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Ever => None,
            Self::Span(span) => now.checked_sub_signed(TimeDelta::from_std(span).ok()?),
        }
    }
}

impl FromStr for KeepFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self::Ever);
        }
        let span = humantime_serde::re::humantime::parse_duration(text);
        span.map(Self::Span).map_err(|_| "must be a span such as 30d, or forever".into())
    }
}

impl TryFrom<String> for KeepFor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<KeepFor> for String {
    fn from(keep: KeepFor) -> Self {
        keep.to_string()
    }
}

impl fmt::Display for KeepFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ever => f.write_str("forever"),
            // Otherwise 400 days would be a year, a month, and odd hours.
            Self::Span(span) if span.as_secs().is_multiple_of(86_400) => {
                write!(f, "{}d", span.as_secs() / 86_400)
            }
            Self::Span(span) => humantime_serde::re::humantime::format_duration(*span).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown() {
        assert_eq!("forever".parse(), Ok(KeepFor::Ever));
        assert_eq!("30d".parse(), Ok(KeepFor::days(30)));
        assert_eq!("30days".parse::<KeepFor>().unwrap().to_string().parse(), Ok(KeepFor::days(30)));
        assert_eq!(KeepFor::days(400).to_string(), "400d");
        assert_eq!("90m".parse::<KeepFor>().unwrap().to_string(), "1h 30m");
        assert!("soon".parse::<KeepFor>().unwrap_err().contains("forever"));
    }

    #[test]
    fn what_is_still_added_to_can_not_be_cut() {
        Retention::default().validate().unwrap();
        let short = Retention { samples: "59m".parse().unwrap(), ..Retention::default() };
        assert_eq!(short.validate().unwrap_err().field, "storage.retention.samples");
    }

    #[test]
    fn cutoffs_lie_between_stretches() {
        let now: DateTime<Utc> = "2026-03-05T10:07:33Z".parse().unwrap();
        let retention = Retention { hours: KeepFor::days(2), ..Retention::default() };
        let cutoffs = retention.cutoffs(now);
        assert_eq!(cutoffs.samples.unwrap().to_rfc3339(), "2026-02-03T10:07:33+00:00");
        let hours = cutoffs.rollups[2].1.unwrap();
        assert_eq!(hours.to_rfc3339(), "2026-03-03T10:00:00+00:00");
        assert_eq!(cutoffs.rollups[3].1, None);
    }
}
