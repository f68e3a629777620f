//! The shape of every JSON answer.

use actix_web::{HttpResponse, http::StatusCode};
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Serialize)]
struct Success<T> {
    success: bool,
    data: T,
}

/// The shape of every refusal.
#[derive(Debug, Serialize)]
pub(super) struct Failure<'a> {
    success: bool,
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Value::is_null")]
    details: Value,
}

/// 200 with this data.
pub(super) fn ok<T: Serialize>(data: T) -> HttpResponse {
    success(StatusCode::OK, data)
}

/// 201 with this data.
pub(super) fn created<T: Serialize>(data: T) -> HttpResponse {
    success(StatusCode::CREATED, data)
}

fn success<T: Serialize>(status: StatusCode, data: T) -> HttpResponse {
    HttpResponse::build(status).json(Success { success: true, data })
}

/// A refusal: a sentence, a stable code, details or null.
pub(super) fn failure<'a>(error: &'a str, code: &'a str, details: Value) -> Failure<'a> {
    Failure { success: false, error, code, details }
}
