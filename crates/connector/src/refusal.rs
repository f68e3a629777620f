//! What a camera's refusal means, in words for people.

use becamera_domain::{Failure, FailureCode};

pub(crate) fn unsupported(message: impl Into<String>) -> Failure {
    Failure::new(FailureCode::Unsupported, message)
}

/// The failure that a status code means; `None` for success. `request` is what was asked for, such
/// as `SETUP`.
pub(crate) fn refusal(request: &str, status: u16, with_credentials: bool) -> Option<Failure> {
    let (code, message) = match status {
        200..=299 => return None,
        300..=399 => (
            FailureCode::Redirected,
            "The camera redirects elsewhere, which is not followed".into(),
        ),
        401 | 403 if with_credentials => {
            (FailureCode::Unauthorized, "The camera refuses this user name and password".into())
        }
        401 | 403 => {
            (FailureCode::Unauthorized, "The camera wants a user name and password".into())
        }
        404 | 410 => (FailureCode::NotFound, "The camera has no such stream".into()),
        454 if matches!(request, "DESCRIBE" | "GET") => {
            (FailureCode::NotFound, "The camera has no such stream".into())
        }
        other => {
            let meaning = meaning(other).map(|text| format!(": {text}")).unwrap_or_default();
            let message = format!("The camera answers {request} with status {other}{meaning}");
            (FailureCode::Unsupported, message)
        }
    };
    Some(Failure::new(code, message))
}

/// What to make of a status.
fn meaning(status: u16) -> Option<&'static str> {
    Some(match status {
        400 => "it does not understand the request; is the path right?",
        406 => "it can't describe this stream",
        415 => "it does not offer this stream as video",
        451 => "a parameter that it does not know",
        453 => "not enough bandwidth; it serves no further viewer, close another one",
        454 => "it has ended the session",
        455 | 405 => "it does not allow this now",
        457..=460 => "it does not play this stream as asked",
        461 => "it sends neither over TCP nor over UDP",
        500 | 501 | 502 | 551 => "its own fault; a restart of the camera may help",
        503 => "it is busy; has it too many viewers?",
        505 => "it speaks another version of the protocol",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_code() {
        let code = |request, status| refusal(request, status, true).map(|failure| failure.code);
        assert_eq!(code("DESCRIBE", 200), None);
        assert_eq!(code("DESCRIBE", 302), Some(FailureCode::Redirected));
        assert_eq!(code("SETUP", 401), Some(FailureCode::Unauthorized));
        assert_eq!(code("DESCRIBE", 454), Some(FailureCode::NotFound));
        assert_eq!(code("PLAY", 454), Some(FailureCode::Unsupported));
        let full = refusal("SETUP", 453, true).unwrap();
        assert!(full.message.contains("SETUP with status 453: not enough"), "{}", full.message);
    }
}
