//! Reads a query string, with errors that name the parameter.

use std::{borrow::Cow, str::FromStr};

use chrono::{DateTime, Utc};
use url::form_urlencoded;

use super::error::ApiError;

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
        let text = "from=2026-01-31T12:00:00%2B02:00&limit=5&cursor=a%20b";
        let query = Query::parse(text, &["from", "to", "limit", "cursor"]).unwrap();
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
        let time = |text: &str| reason(Query::parse(text, &["from"]).unwrap().time("from"));
        assert!(time("from=yesterday").contains("RFC 3339"));
        assert!(time("from=2026-01-31").contains("RFC 3339"));
        assert!(time("from=2026-01-31T12:00:00+02:00").contains("%2B"));
    }
}
