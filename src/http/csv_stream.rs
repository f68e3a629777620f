//! CSV answers (RFC 4180) that are streamed: never more than a few rows are in memory.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::Bytes,
};
use becamera_domain::stream_url::redact_urls;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::error::ApiError;

/// What gives the rows of an answer, some at a time.
pub(super) trait RowSource: Sized + 'static {
    /// The columns' names.
    const HEADER: &'static [&'static str];

    /// The next rows as CSV, written by [`write`]; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError>;
}

/// Answers with all rows of a source, as a file of this name. What goes wrong before the first
/// row is answered as ever; afterwards it ends the connection before the answer is complete, so
/// that nobody takes a part for the whole.
pub(super) async fn answer<R: RowSource>(
    request: &HttpRequest,
    file_name: &str,
    mut source: R,
) -> Result<HttpResponse, ApiError> {
    let mut first = header(R::HEADER)?;
    if let Some(rows) = source.next().await? {
        first.extend(rows);
    }
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/csv; charset=utf-8; header=present")
        .insert_header((header::VARY, "Accept"))
        // Made of words and numbers of ours: nothing to quote.
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{file_name}.csv\""),
        ));
    // The server would read a body to its end only to throw it away.
    if request.method() == Method::HEAD {
        return Ok(response.streaming(stream::empty::<Result<Bytes, ApiError>>()));
    }
    let first = stream::once(async { Ok(Bytes::from(first)) });
    Ok(response.streaming(first.chain(rest(source))))
}

fn rest<R: RowSource>(source: R) -> impl Stream<Item = Result<Bytes, ApiError>> {
    stream::try_unfold(source, async |mut source| {
        let rows = source.next().await?;
        Ok(rows.map(|rows| (Bytes::from(rows), source)))
    })
    .inspect_err(|error: &ApiError| {
        log::error!("a CSV answer was cut off: {}", redact_urls(&error.to_string()));
    })
}

/// Rows as CSV.
pub(super) fn write(rows: impl IntoIterator<Item = impl Serialize>) -> Result<Vec<u8>, ApiError> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(defect)?;
    }
    writer.into_inner().map_err(|error| defect(error.into_error().into()))
}

fn header(names: &[&str]) -> Result<Vec<u8>, ApiError> {
    write([names])
}

// Writing plain rows to memory can't fail.
fn defect(error: csv::Error) -> ApiError {
    log::error!("rows can't be written as CSV: {error}");
    ApiError::Internal
}

#[cfg(test)]
mod tests {
    use actix_web::{
        body::{BodySize, MessageBody, to_bytes},
        test::TestRequest,
    };

    use super::*;

    /// Two pieces of rows, and a failure instead of the piece of this number.
    struct Pieces {
        given: usize,
        fails_at: usize,
    }

    impl RowSource for Pieces {
        const HEADER: &'static [&'static str] = &["number", "text"];

        async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
            self.given += 1;
            match self.given {
                given if given == self.fails_at => Err(ApiError::Timeout),
                given if given <= 2 => write([(given, "a \"quoted\", text")]).map(Some),
                _ => Ok(None),
            }
        }
    }

    async fn ask(method: Method, fails_at: usize) -> Result<HttpResponse, ApiError> {
        let request = TestRequest::default().method(method).to_http_request();
        answer(&request, "name", Pieces { given: 0, fails_at }).await
    }

    #[actix_web::test]
    async fn the_header_comes_first_and_texts_are_quoted() {
        let body = to_bytes(ask(Method::GET, 0).await.unwrap().into_body()).await.unwrap();
        let rows = "number,text\n1,\"a \"\"quoted\"\", text\"\n2,\"a \"\"quoted\"\", text\"\n";
        assert_eq!(body, rows);
    }

    #[actix_web::test]
    async fn a_failure_is_an_answer_before_the_first_row_and_an_end_after_it() {
        assert!(matches!(ask(Method::GET, 1).await, Err(ApiError::Timeout)));
        for fails_at in [2, 3] {
            let response = ask(Method::GET, fails_at).await.unwrap();
            assert!(to_bytes(response.into_body()).await.is_err(), "{fails_at}");
        }
    }

    #[actix_web::test]
    async fn head_reads_no_more_than_it_must() {
        let response = ask(Method::HEAD, 2).await.unwrap();
        assert_eq!(response.body().size(), BodySize::Stream);
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), "");
    }
}
