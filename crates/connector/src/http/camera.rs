//! One GET, with a login where that is asked for.

use std::{cell::Cell, io};

use becamera_domain::{Failure, StreamUrl, settings::StreamSettings};
use url::Url;

use super::body::Body;
use crate::{
    auth::{LOGINS, Login},
    description::StreamDescription,
    door::{Door, Phase},
    head::Head,
    refusal::{refusal, unsupported},
    wire::Wire,
};

/// How the body goes to the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// As JPEG pictures, found within it. Where it may be something else, what that is.
    Pictures { else_a: Option<&'static str> },
    /// As it is, of this type.
    Video(String),
}

/// An answered request.
pub(crate) struct Camera {
    pub(super) wire: Wire,
    pub(super) body: Body,
    pub(super) content: Content,
}

impl Camera {
    /// Connects and asks for the stream, up to the head of the answer.
    pub async fn open(
        url: &StreamUrl,
        settings: &StreamSettings,
        phase: &Cell<Phase>,
    ) -> Result<(Self, StreamDescription), Failure> {
        let door = Door::find(url, settings).await?;
        let mut login = Login::to(url, settings, door.is_private());
        let request = Request::new(url.as_url());
        let mut logins = 0;
        loop {
            let (mut wire, ..) = door.connect(settings.own_address, phase).await?;
            phase.set(Phase::Asking("GET"));
            let authorization = login.authorization("GET", &request.target);
            wire.write(&request.bytes(authorization.as_deref())).await.map_err(|_| not_http())?;
            let head = read_answer(&mut wire).await?;
            let status = head.status().ok_or_else(not_http)?;
            if status == 401 && logins < LOGINS {
                logins += 1;
                login.challenged(&head)?;
                continue;
            }
            if let Some(failure) = refusal("GET", status, login.has_credentials()) {
                return Err(failure);
            }
            let kind = head.get("content-type").unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let content = content(&kind, &head)?;
            let chunked = head
                .get("transfer-encoding")
                .is_some_and(|encoding| encoding.to_ascii_lowercase().contains("chunked"));
            let body = match head.content_length() {
                _ if chunked => Body::Chunked(0),
                // Some cameras put a length of nothing on a stream.
                Some(length @ 1..) => Body::Sized(length as u64),
                _ => Body::Open,
            };
            let codec = (!kind.is_empty()).then_some(kind);
            let description = StreamDescription { codec, ..StreamDescription::default() };
            return Ok((Self { wire, body, content }, description));
        }
    }
}

async fn read_answer(wire: &mut Wire) -> Result<Head, Failure> {
    loop {
        let begin = wire.buffer.trim_ascii_start();
        let known = ["HTTP/", "ICY "].map(str::as_bytes);
        let length = begin.len();
        if !known.iter().any(|name| begin.starts_with(&name[..name.len().min(length)])) {
            return Err(not_http());
        }
        match Head::take(&mut wire.buffer) {
            Ok(Some(head)) if head.status().is_some_and(|status| (100..200).contains(&status)) => {}
            Ok(Some(head)) => return Ok(head),
            Ok(None) => match wire.fill().await {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(not_http()),
                _ => return Err(not_http()),
            },
            Err(_) => return Err(not_http()),
        }
    }
}

fn not_http() -> Failure {
    unsupported("The host answers on this port, but does not speak HTTP")
}

/// What a content type stands for. Refuses what is no video.
fn content(kind: &str, head: &Head) -> Result<Content, Failure> {
    let refused = match kind {
        "text/html" | "application/xhtml+xml" => "a web page",
        "image/png" | "image/gif" | "image/webp" => "a single picture",
        "image/jpeg" | "image/jpg" if head.content_length().is_some() => "a single picture",
        // A playlist can lead anywhere.
        "application/vnd.apple.mpegurl"
        | "application/x-mpegurl"
        | "audio/mpegurl"
        | "application/dash+xml" => "a playlist",
        "application/json" | "application/xml" | "text/xml" => "a text",
        "text/plain" if head.content_length().is_some() => "a text",
        "text/plain" => return Ok(Content::Pictures { else_a: Some("text") }),
        "image/jpeg" | "image/jpg" => {
            return Ok(Content::Pictures { else_a: Some("single picture") });
        }
        _ if kind.starts_with("multipart/") || kind.contains("motion-jpeg") => {
            return Ok(Content::Pictures { else_a: None });
        }
        // What it is shows itself.
        _ => return Ok(Content::Video(kind.to_owned())),
    };
    Err(unsupported(format!("The address gives {refused}, not a video stream")))
}

/// A request that can be sent several times.
struct Request {
    target: String,
    host: String,
}

impl Request {
    fn new(url: &Url) -> Self {
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut host = url.host_str().unwrap_or_default().to_owned();
        if let Some(port) = url.port() {
            host.push_str(&format!(":{port}"));
        }
        Self { target, host }
    }

    fn bytes(&self, authorization: Option<&[u8]>) -> Vec<u8> {
        let version = env!("CARGO_PKG_VERSION");
        let mut bytes = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: becamera/{version}\r\nAccept: */*\r\n\
             Connection: close\r\n",
            self.target, self.host
        )
        .into_bytes();
        if let Some(value) = authorization {
            bytes.extend(b"Authorization: ");
            bytes.extend(value);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"\r\n");
        bytes
    }
}
