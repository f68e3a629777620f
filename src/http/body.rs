//! Reads a JSON body, with errors that name the field.

use std::{fmt, marker::PhantomData, time::Duration};

use actix_web::{HttpMessage, HttpRequest, http::header, web};
use becamera_domain::stream_url::redact_urls;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Value, error::Category};

use super::error::ApiError;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest text of a refusal, in characters: it may repeat what the caller wrote.
const MAX_REASON: usize = 300;

/// Reads the body as JSON; an empty one is an empty object. A body without a content type is
/// taken for JSON, one with another type is refused.
pub(super) async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
) -> Result<T, ApiError> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let body = match tokio::time::timeout(BODY_TIMEOUT, payload.to_bytes_limited(limit)).await {
        Ok(Ok(Ok(body))) => body,
        Ok(Ok(Err(error))) => return Err(ApiError::BodyUnreadable(error.to_string())),
        Ok(Err(_)) => return Err(ApiError::BodyTooLarge { limit }),
        Err(_) => return Err(ApiError::BodyTimeout),
    };
    if !body.is_empty() && !says_json(request) {
        return Err(ApiError::UnsupportedMediaType);
    }
    parse(&body)
}

fn says_json(request: &HttpRequest) -> bool {
    if !request.headers().contains_key(header::CONTENT_TYPE) {
        return true;
    }
    let kind = request.content_type().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::MalformedJson(shorten(&error.to_string())))?;
    if !value.is_object() {
        return Err(invalid("body", "must be a JSON object"));
    }
    // Parsed again from the text, so that a field given twice is an error.
    let text = &mut serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(text).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        match error.classify() {
            Category::Data => invalid(if path == "." { "body" } else { &path }, &reason(&error)),
            _ => ApiError::MalformedJson(shorten(&error.to_string())),
        }
    })
}

/// What is wrong, without the place in the text: the field is named.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// Serde of a group that may be absent and must be an object: serde's own derive would take an
/// array of its fields too.
pub(super) fn object<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    const NO_OBJECT: &str = "must be a JSON object";

    struct Object<T>(PhantomData<T>);

    macro_rules! refuse {
        ($($visit:ident($kind:ty)),*) => {$(
            fn $visit<E: Error>(self, _: $kind) -> Result<Self::Value, E> {
                Err(E::custom(NO_OBJECT))
            }
        )*};
    }

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        refuse! {
            visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(A::Error::custom(NO_OBJECT))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    from.deserialize_any(Object(PhantomData))
}

fn invalid(field: &str, reason: &str) -> ApiError {
    ApiError::InvalidField { field: shorten(field), reason: shorten(reason) }
}

/// A text that repeats what the caller wrote, without passwords and of bounded length.
fn shorten(text: &str) -> String {
    redact_urls(text).chars().take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::dto::CameraBody;

    fn refusal(body: &str) -> (String, String) {
        match parse::<CameraBody>(body.as_bytes()).unwrap_err() {
            ApiError::InvalidField { field, reason } => (field, reason),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn a_wrong_field_is_named_with_its_reason() {
        for (body, field, reason) in [
            (r#"{"name": 5}"#, "name", "invalid type: integer `5`, expected a string"),
            (r#"{"x": 1, "name": "a"}"#, "x", "unknown field `x`"),
            (r#"{"detect": {"fps": "fast"}}"#, "detect.fps", "invalid type: string"),
            (r#"{"detect": {"fsp": 5}}"#, "detect.fsp", "unknown field `fsp`"),
            (r#"{"detect": [5]}"#, "detect", "must be a JSON object"),
            (r#"{"detect": 5}"#, "detect", "must be a JSON object"),
            (r#"{"detector": {"fps": 5}}"#, "detector", "unknown field `detector`"),
            (r#"{"source": {"loop": "yes"}}"#, "source.loop", "invalid type"),
            (r#"{"camera_id": "1"}"#, "camera_id", "invalid type"),
            (r#"{"camera_id": 1.5}"#, "camera_id", "invalid type"),
            (r#"{"name": "a", "name": "b"}"#, "body", "duplicate field `name`"),
            ("[1]", "body", "must be a JSON object"),
            ("null", "body", "must be a JSON object"),
        ] {
            let (got_field, got_reason) = refusal(body);
            assert_eq!(got_field, field, "{body}");
            assert!(got_reason.contains(reason), "{body}: {got_reason}");
        }
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["{", "x", r#"{"name": NaN}"#, r#"{"name": 1e999}"#, "{}{}", "\u{0}", "{'a':1}"]
        {
            let error = parse::<CameraBody>(body.as_bytes()).unwrap_err();
            assert!(matches!(error, ApiError::MalformedJson(_)), "{body}: {error:?}");
        }
        let deep = "[".repeat(10_000);
        assert!(matches!(parse::<CameraBody>(deep.as_bytes()), Err(ApiError::MalformedJson(_))));
        assert!(matches!(parse::<CameraBody>(b"\"\xff\""), Err(ApiError::MalformedJson(_))));
    }

    #[test]
    fn nothing_is_an_empty_object() {
        for body in ["", " \n", "{}", r#"{"name": null, "detect": null}"#] {
            assert!(parse::<CameraBody>(body.as_bytes()).unwrap().name.is_none(), "{body}");
        }
    }

    #[test]
    fn a_refusal_repeats_no_password_and_not_all() {
        let (_, reason) = refusal(r#"{"detect": {"fps": "rtsp://u:hunter2@cam/x"}}"#);
        assert!(!reason.contains("hunter2"), "{reason}");
        let (field, _) = refusal(&format!(r#"{{"{}": 1}}"#, "x".repeat(10_000)));
        assert_eq!(field.len(), MAX_REASON);
    }
}
