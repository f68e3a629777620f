//! What is asked of the history: which time, in which pieces, by which clock, of which cameras.

use std::collections::BTreeSet;

use becamera_actors::messages::{GetCameras, PoolError};
use becamera_domain::{CameraId, InvalidField};
use becamera_history::{Buckets, Calendar, Resolution, Span};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    super::{HttpState, ask::ask, cursor, error::ApiError, format::Format, query::Query},
    dto::Frame,
};

const DEFAULT_LIMIT: u32 = 1_000;
const MAX_LIMIT: u32 = 10_000;

/// What is asked.
#[derive(Debug)]
pub(in crate::http) struct Question {
    pub(in crate::http) calendar: Calendar,
    pub(in crate::http) resolution: Resolution,
    /// Whole minutes, none of them to come.
    pub(in crate::http) span: Span,
    /// Most buckets of a page.
    pub(in crate::http) limit: usize,
    pub(in crate::http) now: DateTime<Utc>,
}

impl Question {
    /// Reads `from`, `to`, `tz`, `limit` and `cursor`.
    pub(in crate::http) fn read(
        query: &Query,
        resolution: Resolution,
        format: Format,
        now: DateTime<Utc>,
    ) -> Result<Self, ApiError> {
        let (usual, most) = lengths(resolution);
        let calendar = query.calendar()?;
        let mut span = span(query, calendar, resolution, usual, now)?;
        let limit = query.count("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT) as usize;
        let cursor = query.text("cursor").map(cursor::decode).transpose()?;
        if format == Format::Csv {
            query.refuse(&["limit", "cursor"], "can't be used with CSV, which has no pages")?;
        }
        check_length(span, most, &format!("{}s", resolution.as_str()))?;
        if let Some(at) = cursor {
            if at < span.from || at >= span.to {
                let reason = "must be a next_cursor of an answer for the same span";
                return Err(InvalidField::new("cursor", reason).into());
            }
            span.from = at;
        }
        Ok(Self { calendar, resolution, span, limit, now })
    }

    /// The pieces of the span.
    pub(in crate::http) fn buckets(&self) -> Buckets {
        self.calendar.buckets(self.resolution, self.span)
    }

    /// The question as an answer repeats it.
    pub(super) fn frame(&self) -> Frame {
        Frame::new(self.resolution.as_str(), self.calendar, self.span)
    }

    /// A name for a file with the answer, without its extension.
    pub(in crate::http) fn file_name(&self, what: &str) -> String {
        let show = |at| self.calendar.local(at).format("%Y%m%dT%H%M").to_string();
        let (from, to) = (show(self.span.from), show(self.span.to));
        format!("becamera-{what}-{}-{from}-{to}", self.resolution.as_str())
    }
}

/// Which span is asked without `from`, and the longest: CSV streams and JSON comes in pages, but
/// a slip of the pen should not read the database for hours.
fn lengths(resolution: Resolution) -> (TimeDelta, TimeDelta) {
    match resolution {
        Resolution::Minute => (TimeDelta::hours(12), TimeDelta::days(400)),
        Resolution::Hour => (TimeDelta::days(30), TimeDelta::days(3_660)),
        Resolution::Day => (TimeDelta::days(365), TimeDelta::days(36_600)),
    }
}

/// Reads `from` and `to`. What is to come is left out: it has not been seen, but nobody was blind
/// either. Without `to` the span ends now, without `from` it has its usual length and starts with
/// a whole bucket.
pub(in crate::http) fn span(
    query: &Query,
    calendar: Calendar,
    first: Resolution,
    usual: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Span, ApiError> {
    let to = query.time("to")?;
    let end = to.unwrap_or(now);
    let from = match query.time("from")? {
        Some(from) if from >= end => {
            let to = if to.is_some() { "to" } else { "to, which is now where it is left out" };
            return Err(InvalidField::new("from", format!("must be before {to}")).into());
        }
        Some(from) => from,
        None => calendar.start_of(first, end - usual),
    };
    Ok(Span::widened(from, end.min(now).max(from)))
}

/// Refuses a span that is longer than this.
pub(in crate::http) fn check_length(span: Span, most: TimeDelta, of: &str) -> Result<(), ApiError> {
    if span.to - span.from <= most {
        return Ok(());
    }
    let reason = format!("{of} may span at most {} days", most.num_days());
    Err(InvalidField::new("from", reason).into())
}

/// The cameras that `cameras` names, by their number: `all` or some; all without it.
pub(in crate::http) async fn cameras_of(
    state: &HttpState,
    query: &Query<'_>,
) -> Result<Vec<CameraId>, ApiError> {
    let named = query.text("cameras").map(camera_list).transpose()?.flatten();
    let views = ask(&state.pool, GetCameras).await?;
    let registered: BTreeSet<_> = views.into_iter().map(|view| view.camera.id).collect();
    let Some(named) = named else { return Ok(registered.into_iter().collect()) };
    match named.difference(&registered).next() {
        Some(unknown) => Err(PoolError::CameraNotFound(*unknown).into()),
        None => Ok(named.into_iter().collect()),
    }
}

fn camera_list(text: &str) -> Result<Option<BTreeSet<CameraId>>, InvalidField> {
    if text == "all" {
        return Ok(None);
    }
    let ids: Result<_, _> = text.split(',').map(str::parse).collect();
    ids.map(Some).map_err(|error: InvalidField| {
        let reason = format!("must be all, or numbers such as 1,2; each {}", error.reason);
        InvalidField::new("cameras", reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 6] = ["from", "to", "tz", "limit", "cursor", "cameras"];

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn ask(text: &str, resolution: Resolution, format: Format) -> Result<Question, ApiError> {
        let query = Query::parse(text, &KNOWN).unwrap();
        Question::read(&query, resolution, format, utc("2026-06-15T10:20:30Z"))
    }

    fn span_of(text: &str, resolution: Resolution) -> (String, String) {
        let Span { from, to } = ask(text, resolution, Format::Json).unwrap().span;
        let show = |at: DateTime<Utc>| at.format("%m-%dT%H:%M").to_string();
        (show(from), show(to))
    }

    fn refusal(text: &str, resolution: Resolution) -> String {
        ask(text, resolution, Format::Json).unwrap_err().to_string()
    }

    #[test]
    fn spans_have_defaults_and_end_now() {
        use Resolution::{Day, Hour, Minute};
        let is = |text, resolution, from: &str, to: &str| {
            assert_eq!(span_of(text, resolution), (from.into(), to.into()), "{text}");
        };
        is("", Minute, "06-14T22:20", "06-15T10:21");
        is("", Hour, "05-16T10:00", "06-15T10:21");
        is("tz=Asia/Kolkata", Hour, "05-16T09:30", "06-15T10:21");
        is("tz=Asia/Kolkata", Day, "06-14T18:30", "06-15T10:21");
        is("to=2026-03-31T00:00:00Z", Hour, "03-01T00:00", "03-31T00:00");
        is("from=2026-06-15T00:00:30Z", Hour, "06-15T00:00", "06-15T10:21");
        is("from=2026-06-15T00:00:00Z&to=2026-06-16T00:00:00Z", Hour, "06-15T00:00", "06-15T10:21");
        let to_come = "from=2026-07-01T00:00:00Z&to=2026-07-02T00:00:00Z";
        assert_eq!(ask(to_come, Hour, Format::Json).unwrap().buckets().count(), 0);
    }

    #[test]
    fn what_can_not_be_asked_is_named() {
        use Resolution::{Day, Hour, Minute};
        let same = "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z";
        assert_eq!(refusal(same, Hour), "from: must be before to");
        let late = refusal("from=2026-06-16T00:00:00Z", Hour);
        assert_eq!(late, "from: must be before to, which is now where it is left out");
        assert!(refusal("tz=Mars", Hour).starts_with("tz: is not a time zone"));
        assert!(refusal("limit=10001", Hour).starts_with("limit: "));
        assert!(refusal("cursor=AgAA", Hour).starts_with("cursor: "));
        let long = refusal("from=2025-05-01T00:00:00Z", Minute);
        assert_eq!(long, "from: minutes may span at most 400 days");
        assert!(refusal("from=2016-01-01T00:00:00Z", Hour).contains("hours may span at most"));
        assert!(ask("from=2016-01-01T00:00:00Z", Day, Format::Json).is_ok());
        for page in [
            "limit=5".to_owned(),
            format!("cursor={}", cursor::encode(&utc("2026-06-01T00:00:00Z"))),
        ] {
            let refused = ask(&page, Hour, Format::Csv).unwrap_err().to_string();
            assert!(refused.contains("can't be used with CSV"), "{refused}");
        }
    }

    #[test]
    fn a_cursor_goes_on_within_the_span() {
        let span = "from=2026-06-01T00:00:00Z&to=2026-06-02T00:00:00Z";
        let at = |text| format!("{span}&cursor={}", cursor::encode(&utc(text)));
        let (from, to) = span_of(&at("2026-06-01T05:00:00Z"), Resolution::Hour);
        assert_eq!((from.as_str(), to.as_str()), ("06-01T05:00", "06-02T00:00"));
        for outside in ["2026-05-31T23:00:00Z", "2026-06-02T00:00:00Z"] {
            assert!(refusal(&at(outside), Resolution::Hour).contains("same span"), "{outside}");
        }
    }

    #[test]
    fn cameras_are_named_by_number() {
        let list = |text: &str| {
            let ids = camera_list(text)?;
            Ok::<_, InvalidField>(
                ids.map(|ids| ids.into_iter().map(CameraId::get).collect::<Vec<_>>()),
            )
        };
        assert_eq!(list("all").unwrap(), None);
        assert_eq!(list("7,2,7").unwrap(), Some(vec![2, 7]));
        for bad in ["", "1,", "0", "1,x", "1 2"] {
            let refusal = list(bad).unwrap_err();
            assert_eq!(refusal.field, "cameras", "{bad}");
            assert!(refusal.reason.contains("1,2"), "{}", refusal.reason);
        }
    }

    #[test]
    fn files_are_named_by_the_zones_clock() {
        let text = "from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&tz=Asia/Tokyo";
        let question = ask(text, Resolution::Hour, Format::Csv).unwrap();
        let name = question.file_name("camera-1");
        assert_eq!(name, "becamera-camera-1-hour-20260101T0900-20260201T0900");
    }
}
