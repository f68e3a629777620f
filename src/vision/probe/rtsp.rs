//! RTSP: one DESCRIBE over TCP, with credentials when the server wants them.

use std::time::Duration;

use becamera_domain::{Failure, FailureCode, FrameSize, StreamUrl};
use retina::{
    client::{Credentials, Described, Session, SessionOptions, Stream},
    codec::ParametersRef,
};

use super::{StreamDescription, status_failure, unsupported};

/// 503: a server answers this for some tenths of a second while it prepares the stream for another
/// client, or is still ending a session.
const BUSY: u16 = 503;
const BUSY_ATTEMPTS: u32 = 6;
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// Asks for the description of a stream; a busy server a few times.
pub async fn describe(url: &StreamUrl) -> Result<StreamDescription, Failure> {
    let credentials =
        url.credentials().map(|(username, password)| Credentials { username, password });
    let with_credentials = credentials.is_some();
    let mut attempt = 1;
    let described = loop {
        let options = SessionOptions::default()
            .creds(credentials.clone())
            .user_agent(concat!("becamera/", env!("CARGO_PKG_VERSION")).into());
        let described = Session::describe(url.without_credentials(), options).await;
        let busy = described.as_ref().is_err_and(|error| error.status_code() == Some(BUSY));
        if !busy || attempt == BUSY_ATTEMPTS {
            break described;
        }
        attempt += 1;
        tokio::time::sleep(BUSY_PAUSE).await;
    };
    let session = described.map_err(|error| failure(&error, with_credentials))?;
    video(&session)
        .map(describe_stream)
        .ok_or_else(|| unsupported("The camera's stream has no video"))
}

fn video(session: &Session<Described>) -> Option<&Stream> {
    session.streams().iter().find(|stream| stream.media() == "video")
}

fn describe_stream(stream: &Stream) -> StreamDescription {
    let mut description = StreamDescription {
        codec: Some(stream.encoding_name().to_owned()),
        fps: stream.framerate(),
        ..StreamDescription::default()
    };
    if let Some(ParametersRef::Video(parameters)) = stream.parameters() {
        let (width, height) = parameters.pixel_dimensions();
        description.size = Some(FrameSize::new(width, height));
        // The length of a frame in seconds, as a fraction.
        let rate = parameters.frame_rate().filter(|(length, _)| *length > 0);
        description.fps =
            description.fps.or(rate.map(|(length, clock)| clock as f32 / length as f32));
    }
    description
}

fn failure(error: &retina::Error, with_credentials: bool) -> Failure {
    match error.status_code() {
        Some(status) => status_failure(status, with_credentials).unwrap_or_else(|| {
            unsupported("The camera's description of the stream can't be understood")
        }),
        // The library's text names addresses and repeats what the server sent: not for showing.
        None => Failure::new(
            FailureCode::NotRtsp,
            "The host answers on this port, but does not speak RTSP",
        ),
    }
}
