//! Reads a query string, with errors that name the parameter.

use std::{borrow::Cow, str::FromStr};

use becamera_domain::LineId;
use becamera_history::Calendar;
use chrono::{DateTime, Utc};
use url::form_urlencoded;

use super::{
    cursor::{self, Place},
    error::ApiError,
};

/// Rows of a page where nothing else is asked for, and the most that may be.
const USUAL_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;

/// The parameters of a call.
#[derive(Debug)]
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Reads a query string; a parameter that is not `known`, or given twice, is an error.
    pub(super) fn parse(text: &'a str, known: &[&str]) -> Result<Self, ApiError> {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let name: String = name.chars().take(100).collect();
                let reason = format!("unknown parameter; known are {}", known.join(", "));
                return Err(ApiError::InvalidField { field: name, reason });
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(invalid(&name, "must be given once"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// A parameter's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_ref())
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count(&self, name: &str, most: u32) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match u32::from_str(text) {
            Ok(count) if (1..=most).contains(&count) => Ok(Some(count)),
            _ => Err(invalid(name, &format!("must be a whole number from 1 to {most}"))),
        }
    }

    /// A number above 0, at most `most`.
    pub(super) fn positive(&self, name: &str, most: f32) -> Result<Option<f32>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match f32::from_str(text) {
            Ok(number) if number > 0.0 && number <= most => Ok(Some(number)),
            _ => Err(invalid(name, &format!("must be a number above 0, at most {most}"))),
        }
    }

    /// A number from 0 to 1.
    pub(super) fn share(&self, name: &str) -> Result<Option<f64>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match f64::from_str(text) {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Some(share)),
            _ => Err(invalid(name, "must be a number from 0 to 1")),
        }
    }

    /// One of these words; the value beside it.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Err(invalid(name, &format!("must be one of {}", words.join(", "))))
            }
        }
    }

    /// The time zone that `tz` names; UTC without it.
    pub(super) fn calendar(&self) -> Result<Calendar, ApiError> {
        Ok(self.text("tz").map_or(Ok(Calendar::UTC), str::parse)?)
    }

    /// The line that `line` names.
    pub(super) fn line(&self) -> Result<Option<LineId>, ApiError> {
        let line = self.text("line").map(str::parse::<LineId>).transpose();
        line.map_err(|error| invalid("line", &error.reason))
    }

    /// Refuses each of these parameters.
    pub(super) fn refuse(&self, names: &[&str], reason: &str) -> Result<(), ApiError> {
        match names.iter().find(|name| self.text(name).is_some()) {
            Some(name) => Err(invalid(name, reason)),
            None => Ok(()),
        }
    }

    /// How many rows a page may have, and where it goes on: `limit` and `cursor`.
    pub(super) fn page<P: Place>(&self) -> Result<(u32, Option<P>), ApiError> {
        let limit = self.count("limit", MAX_PAGE)?.unwrap_or(USUAL_PAGE);
        Ok((limit, self.text("cursor").map(cursor::decode).transpose()?))
    }

    /// The times `from` and `to`, which may be left out; `from` is the earlier one.
    pub(super) fn span(&self) -> Result<Span, ApiError> {
        let (from, to) = (self.time("from")?, self.time("to")?);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(invalid("from", "must be before to"));
        }
        Ok((from, to))
    }

    /// A time in RFC 3339.
    pub(super) fn time(&self, name: &str) -> Result<Option<DateTime<Utc>>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(Some(time.to_utc())),
            // A plus sign means a space in a query.
            Err(_) if DateTime::parse_from_rfc3339(&text.replacen(' ', "+", 1)).is_ok() => {
                Err(invalid(name, "write the + of the offset as %2B"))
            }
            Err(_) => {
                Err(invalid(name, "must be a time in RFC 3339, such as 2026-01-31T12:00:00Z"))
            }
        }
    }
}

/// The two ends of a span, each of which may be open.
type Span = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

fn invalid(field: &str, reason: &str) -> ApiError {
    ApiError::InvalidField { field: field.into(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn parameters_are_read() {
        let text = "from=2026-01-31T12:00:00%2B02:00&limit=5&cursor=a%20b&share=0.5";
        let query = Query::parse(text, &["from", "to", "limit", "cursor", "share"]).unwrap();
        assert_eq!(query.share("share").unwrap(), Some(0.5));
        assert_eq!(query.word("limit", &[("1", 'a'), ("5", 'b')]).unwrap(), Some('b'));
        let from = query.time("from").unwrap().unwrap();
        assert_eq!(from.to_rfc3339(), "2026-01-31T10:00:00+00:00");
        assert_eq!(query.count("limit", 10).unwrap(), Some(5));
        assert_eq!(query.text("cursor"), Some("a b"));
        assert!(query.time("to").unwrap().is_none());
        assert!(Query::parse("", &[]).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(reason(Query::parse("frm=1", &["from"])).starts_with("frm: unknown parameter"));
        assert!(
            reason(Query::parse("from=1&from=2", &["from"])).starts_with("from: must be given")
        );
        for bad in ["0", "11", "-1", "x", "", "1.5", "99999999999"] {
            let text = format!("limit={bad}");
            let query = Query::parse(&text, &["limit"]).unwrap();
            assert!(reason(query.count("limit", 10)).contains("limit: must be a whole"), "{bad}");
        }
        for bad in ["-0.1", "1.1", "NaN", "half", ""] {
            let text = format!("share={bad}");
            let query = Query::parse(&text, &["share"]).unwrap();
            assert!(reason(query.share("share")).contains("share: must be a number"), "{bad}");
        }
        for bad in ["0", "-1", "60.1", "NaN", "inf", "fast", ""] {
            let text = format!("fps={bad}");
            let query = Query::parse(&text, &["fps"]).unwrap();
            assert!(reason(query.positive("fps", 60.0)).contains("fps: must be a number"), "{bad}");
        }
        let query = Query::parse("group=x", &["group"]).unwrap();
        let words = query.word("group", &[("camera", 1), ("total", 2)]);
        assert_eq!(reason(words), "group: must be one of camera, total");
        let time = |text: &str| reason(Query::parse(text, &["from"]).unwrap().time("from"));
        assert!(time("from=yesterday").contains("RFC 3339"));
        assert!(time("from=2026-01-31").contains("RFC 3339"));
        assert!(time("from=2026-01-31T12:00:00+02:00").contains("%2B"));
    }
}
