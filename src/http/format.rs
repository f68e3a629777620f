//! JSON or CSV: what the caller wants an answer to be.

use actix_web::{
    HttpRequest,
    http::header::{self, Header},
};

use super::{error::ApiError, query::Query};

/// What an answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// In the envelope, in pages.
    Json,
    /// The whole span, streamed.
    Csv,
}

/// What `format` names; without it, whichever of the two the `Accept` header prefers, and JSON
/// where it has no preference.
pub(super) fn wanted(query: &Query, request: &HttpRequest) -> Result<Format, ApiError> {
    let named = query.word("format", &[("json", Format::Json), ("csv", Format::Csv)])?;
    Ok(named.unwrap_or_else(|| accepted(request)))
}

fn accepted(request: &HttpRequest) -> Format {
    // A header that can't be read is as good as none.
    let Ok(accept) = header::Accept::parse(request) else { return Format::Json };
    let ranked = accept.ranked();
    let first = ranked.iter().find_map(|kind| match kind.essence_str() {
        "text/csv" | "text/*" => Some(Format::Csv),
        "application/json" | "application/*" | "*/*" => Some(Format::Json),
        _ => None,
    });
    first.unwrap_or(Format::Json)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn format(query: &str, accept: Option<&str>) -> Result<Format, ApiError> {
        let request = TestRequest::get();
        let request = match accept {
            Some(accept) => request.insert_header((header::ACCEPT, accept)),
            None => request,
        };
        wanted(&Query::parse(query, &["format"]).unwrap(), &request.to_http_request())
    }

    #[test]
    fn the_parameter_decides_then_the_header() {
        use Format::{Csv, Json};
        for (query, accept, expected) in [
            ("", None, Json),
            ("", Some("*/*"), Json),
            ("", Some("text/csv"), Csv),
            ("", Some("text/csv; charset=utf-8"), Csv),
            ("", Some("application/json, text/csv;q=0.5"), Json),
            ("", Some("application/json;q=0.5, text/csv"), Csv),
            ("", Some("text/html, */*;q=0.1"), Json),
            ("", Some("text/html"), Json),
            ("", Some("nonsense"), Json),
            ("format=csv", Some("application/json"), Csv),
            ("format=json", Some("text/csv"), Json),
        ] {
            assert_eq!(format(query, accept).unwrap(), expected, "{query} {accept:?}");
        }
        let refusal = format("format=xml", None).unwrap_err().to_string();
        assert_eq!(refusal, "format: must be one of json, csv");
    }
}
