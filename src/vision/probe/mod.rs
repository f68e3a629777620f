//! Opens a stream up to where FFmpeg takes over: OpenCV never says why it could not open one, and
//! can't be cancelled.

use becamera_connector::Relay;
use becamera_domain::{Failure, FailureCode, StreamUrl, settings::StreamSettings};

pub use becamera_connector::StreamDescription;

/// A stream that is there: its description, and where it can be read.
pub struct Probed {
    /// Its server's description.
    pub description: StreamDescription,
    /// A camera's, which is read through it; a recording has none.
    pub relay: Option<Relay>,
}

/// Opens a stream. Takes at most the settings' probe timeout. Needs no async runtime and must not be
/// called from within one.
///
/// # Errors
/// The reason why the stream can't be had.
pub fn probe(url: &StreamUrl, settings: &StreamSettings) -> Result<Probed, Failure> {
    let probed = probe_while(url, settings, &mut || true)?;
    probed.ok_or_else(|| Failure::new(FailureCode::Timeout, "The probe was cancelled"))
}

/// As [`probe`], but asks `keep_going` every 50 ms and gives `None` soon after that answers no.
///
/// # Errors
/// The reason why the stream can't be had.
pub fn probe_while(
    url: &StreamUrl,
    settings: &StreamSettings,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Option<Probed>, Failure> {
    if url.is_file() {
        probe_file(url, settings)?;
        let description = StreamDescription::default();
        return Ok(Some(Probed { description, relay: None }));
    }
    let relay = Relay::open(url, settings, keep_going)?;
    Ok(relay.map(|relay| Probed { description: relay.description().clone(), relay: Some(relay) }))
}

fn probe_file(url: &StreamUrl, settings: &StreamSettings) -> Result<(), Failure> {
    let path = url.file_path().unwrap_or_default();
    if !path.exists() {
        return Err(Failure::new(FailureCode::NotFound, "The file is not there"));
    }
    // A link may lead elsewhere than when the camera was registered.
    settings
        .url_policy()
        .check(url.expose())
        .map_err(|error| unsupported(format!("The stream URL {}", error.reason)))?;
    match path.metadata() {
        Ok(metadata) if metadata.len() == 0 => {
            Err(Failure::new(FailureCode::NoFrames, "The file is empty"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(unsupported(format!("The file can't be read: {error}"))),
    }
}

fn unsupported(message: impl Into<String>) -> Failure {
    Failure::new(FailureCode::Unsupported, message)
}

#[cfg(test)]
mod tests;
