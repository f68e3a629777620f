//! `/metrics`: in Prometheus' text format, without the envelope.

use actix_web::{HttpResponse, http::header, web::Data};

use super::{HttpState, error::ApiError};

/// The media type of Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(state: Data<HttpState>) -> Result<HttpResponse, ApiError> {
    let text = state.metrics.render()?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, TEXT_FORMAT)).body(text))
}
