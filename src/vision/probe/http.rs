//! HTTP: one GET, of whose answer only the head is read.

use std::time::Duration;

use becamera_domain::{Failure, FailureCode, StreamUrl};
use http_auth::{PasswordClient, PasswordParams};
use ureq::{
    Agent, Body, Error,
    http::{Response, header},
    tls::TlsConfig,
};

use super::{StreamDescription, status_failure, unsupported};

/// Asks for a stream's content type.
pub async fn describe(url: &StreamUrl, timeout: Duration) -> Result<StreamDescription, Failure> {
    let url = url.clone();
    let blocking = tokio::task::spawn_blocking(move || describe_blocking(&url, timeout));
    blocking.await.unwrap_or_else(|_| Err(unsupported("The stream can't be probed")))
}

fn describe_blocking(url: &StreamUrl, timeout: Duration) -> Result<StreamDescription, Failure> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        // Cameras sign their own certificates, and FFmpeg, which reads the stream, does not check.
        .tls_config(TlsConfig::builder().disable_verification(true).build())
        .user_agent(concat!("becamera/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let target = url.without_credentials();
    let get = |authorization: Option<&str>| {
        let mut request = agent.get(target.as_str());
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        request.call().map_err(|error| failure(&error))
    };
    let mut answer = get(None)?;
    let authorization = (answer.status() == 401).then(|| authorization(url, &answer)).flatten();
    if let Some(value) = &authorization {
        answer = get(Some(value))?;
    }
    match status_failure(answer.status().as_u16(), authorization.is_some()) {
        Some(failure) => Err(failure),
        None => describe_content(&answer),
    }
}

/// Answers a 401's challenge, if there are credentials for it.
fn authorization(url: &StreamUrl, answer: &Response<Body>) -> Option<String> {
    let (username, password) = url.credentials()?;
    let challenge = answer.headers().get(header::WWW_AUTHENTICATE)?.to_str().ok()?;
    let uri = match url.as_url().query() {
        Some(query) => format!("{}?{query}", url.as_url().path()),
        None => url.as_url().path().to_owned(),
    };
    let parameters = PasswordParams {
        username: &username,
        password: &password,
        uri: &uri,
        method: "GET",
        body: None,
    };
    PasswordClient::try_from(challenge).ok()?.respond(&parameters).ok()
}

fn describe_content(answer: &Response<Body>) -> Result<StreamDescription, Failure> {
    let content = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = content.unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let refusal = match kind.as_str() {
        "text/html" | "application/xhtml+xml" => "a web page",
        "image/jpeg" | "image/png" | "image/gif" | "image/webp" => "a single picture",
        // A playlist can lead anywhere.
        "application/vnd.apple.mpegurl"
        | "application/x-mpegurl"
        | "audio/mpegurl"
        | "application/dash+xml" => "a playlist",
        "application/json" | "text/plain" | "application/xml" | "text/xml" => "a text",
        _ => {
            let codec = (!kind.is_empty()).then_some(kind);
            return Ok(StreamDescription { codec, ..StreamDescription::default() });
        }
    };
    Err(unsupported(format!("The address gives {refusal}, not a video stream")))
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::Timeout(_) => {
            Failure::new(FailureCode::Timeout, "The camera did not answer in time")
        }
        Error::HostNotFound => {
            Failure::new(FailureCode::Unresolvable, "The host's name has no address")
        }
        Error::ConnectionFailed => Failure::new(FailureCode::Refused, "The host can't be reached"),
        Error::Tls(_) | Error::Rustls(_) => {
            unsupported("The host answers on this port, but not with TLS")
        }
        // The library's text may repeat what the server sent: not for showing.
        _ => unsupported("The host answers on this port, but does not speak HTTP"),
    }
}
