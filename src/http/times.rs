//! Times as the API shows them: RFC 3339, in UTC or by a zone's clock.

pub(super) use becamera_domain::Timestamp;
use becamera_history::Calendar;
use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since a time; 0 where the clock was set back meanwhile.
pub(super) fn age_ms(at: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - at).num_milliseconds()).unwrap_or(0)
}

/// In whole seconds with the zone's offset; `Z` for UTC.
pub(super) fn whole(calendar: Calendar, at: DateTime<Utc>) -> String {
    calendar.local(at).to_rfc3339_opts(SecondsFormat::Secs, calendar.is_utc())
}

/// The same with milliseconds.
pub(super) fn with_millis(calendar: Calendar, at: DateTime<Utc>) -> String {
    calendar.local(at).to_rfc3339_opts(SecondsFormat::Millis, calendar.is_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_the_zones() {
        let at: DateTime<Utc> = "2026-07-01T12:00:00Z".parse().unwrap();
        assert_eq!(whole(Calendar::UTC, at), "2026-07-01T12:00:00Z");
        assert_eq!(with_millis(Calendar::UTC, at), "2026-07-01T12:00:00.000Z");
        let zone = |name: &str| whole(name.parse().unwrap(), at);
        assert_eq!(zone("Asia/Kathmandu"), "2026-07-01T17:45:00+05:45");
        assert_eq!(zone("America/St_Johns"), "2026-07-01T09:30:00-02:30");
        assert_eq!(zone("Atlantic/Reykjavik"), "2026-07-01T12:00:00+00:00");
    }
}
