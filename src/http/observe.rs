//! What surrounds every call: metrics, the access log, and an answer even after a panic.

use std::{panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
    web::Data,
};
use futures_util::FutureExt;

use super::{HttpState, error::ApiError};

/// The label of routes that do not exist: their paths are the caller's choice and without bounds.
const UNMATCHED: &str = "unmatched";

pub(super) async fn observe(
    state: Data<HttpState>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let route = request.match_pattern().unwrap_or_else(|| UNMATCHED.into());
    let method = method_label(request.method());
    // What a handler leaves behind in the request dies with it, and shared state is the actors'.
    let call = AssertUnwindSafe(async { next.call(request).await });
    // The panic hook has logged what happened.
    let result = call.catch_unwind().await.unwrap_or_else(|_| Err(ApiError::Internal.into()));

    let status = match &result {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    let elapsed = started.elapsed();
    let metrics = &state.metrics;
    metrics.http_requests.with_label_values(&[route.as_str(), method, status.as_str()]).inc();
    metrics
        .http_request_seconds
        .with_label_values(&[route.as_str()])
        .observe(elapsed.as_secs_f64());
    log::debug!("{method} {route} {} {:.1} ms", status.as_str(), elapsed.as_secs_f64() * 1e3);
    result
}

/// A method's name; those that callers make up share one.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
