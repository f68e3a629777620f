//! Asks a camera for a description of its stream before FFmpeg touches it: OpenCV never says why it
//! could not open a stream, follows redirects, and can't be cancelled.

mod http;
mod rtsp;

use std::{cell::Cell, future::Future, io, net::IpAddr, time::Duration};

use becamera_domain::{Failure, FailureCode, FrameSize, StreamUrl, settings::StreamSettings};
use tokio::net::TcpStream;

/// How often a probe asks whether it should go on.
const POLL: Duration = Duration::from_millis(50);

/// A stream as its server describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamDescription {
    /// The video's encoding, such as `h264`, or the server's name for the content.
    pub codec: Option<String>,
    /// The size of its pictures.
    pub size: Option<FrameSize>,
    /// Frames per second.
    pub fps: Option<f32>,
}

/// Asks for a stream's description. Takes at most the settings' probe timeout. Needs no async
/// runtime and must not be called from within one.
///
/// # Errors
/// The reason why the stream can't be had.
pub fn probe(url: &StreamUrl, settings: &StreamSettings) -> Result<StreamDescription, Failure> {
    let described = probe_while(url, settings, &mut || true)?;
    described.ok_or_else(|| Failure::new(FailureCode::Timeout, "The probe was cancelled"))
}

/// As [`probe`], but asks `keep_going` every 50 ms and gives `None` soon after that answers no.
///
/// # Errors
/// The reason why the stream can't be had.
pub fn probe_while(
    url: &StreamUrl,
    settings: &StreamSettings,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Option<StreamDescription>, Failure> {
    if url.is_file() {
        return probe_file(url, settings).map(Some);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unsupported(format!("The stream can't be probed: {error}")))?;
    let cancelled = async {
        while keep_going() {
            tokio::time::sleep(POLL).await;
        }
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            biased;
            () = cancelled => None,
            outcome = probe_network(url, settings) => Some(outcome),
        }
    });
    // A silent name server holds its lookup for 10 s, which is not awaited.
    runtime.shutdown_background();
    outcome.transpose()
}

fn probe_file(url: &StreamUrl, settings: &StreamSettings) -> Result<StreamDescription, Failure> {
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
        Ok(_) => Ok(StreamDescription::default()),
        Err(error) => Err(unsupported(format!("The file can't be read: {error}"))),
    }
}

/// What the probe waits for, for the failure when time is up.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Resolving,
    Connecting,
    Asking,
}

async fn probe_network(
    url: &StreamUrl,
    settings: &StreamSettings,
) -> Result<StreamDescription, Failure> {
    let phase = Cell::new(Phase::Resolving);
    let probe = probe_phases(url, settings, &phase);
    within(settings.probe_timeout, probe).await.unwrap_or_else(|| {
        let timeout = settings.probe_timeout;
        Err(match phase.get() {
            Phase::Resolving => {
                let message = format!("The host's name could not be resolved in {timeout:?}");
                Failure::new(FailureCode::Unresolvable, message)
            }
            Phase::Connecting => {
                let message = format!("The camera could not be reached in {timeout:?}");
                Failure::new(FailureCode::Timeout, message)
            }
            Phase::Asking => {
                let message = format!("The camera did not answer in {timeout:?}");
                Failure::new(FailureCode::Timeout, message)
            }
        })
    })
}

async fn within<T>(timeout: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(timeout, work).await.ok()
}

async fn probe_phases(
    url: &StreamUrl,
    settings: &StreamSettings,
    phase: &Cell<Phase>,
) -> Result<StreamDescription, Failure> {
    let parsed = url.as_url();
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = parsed.port_or_known_default().unwrap_or(match parsed.scheme() {
        "rtsps" => 322,
        _ => 554,
    });
    let addresses = resolve(host, port).await?;
    settings.url_policy().check_address(host, &addresses).map_err(|_| {
        let message = "The host's address is not in stream.allowed_hosts";
        Failure::new(FailureCode::HostNotAllowed, message)
    })?;
    phase.set(Phase::Connecting);
    connect(&addresses, port).await?;
    phase.set(Phase::Asking);
    match parsed.scheme() {
        "rtsp" => rtsp::describe(url).await,
        "http" | "https" => http::describe(url, settings.probe_timeout).await,
        // Nothing here speaks RTSP over TLS: that the port is open is all that can be found out.
        _ => Ok(StreamDescription::default()),
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<IpAddr>, Failure> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let unresolvable = || {
        let message = format!("The host's name {host} has no address");
        Failure::new(FailureCode::Unresolvable, message)
    };
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| unresolvable())?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    if addresses.is_empty() { Err(unresolvable()) } else { Ok(addresses) }
}

/// Connects and disconnects, for the precise reason when that fails.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<(), Failure> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect((*address, port)).await {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(match last.kind() {
        io::ErrorKind::ConnectionRefused => {
            Failure::new(FailureCode::Refused, format!("Nobody listens on port {port} of the host"))
        }
        io::ErrorKind::TimedOut => Failure::new(FailureCode::Timeout, "The host does not answer"),
        _ => Failure::new(FailureCode::Refused, format!("The host can't be reached: {last}")),
    })
}

fn unsupported(message: impl Into<String>) -> Failure {
    Failure::new(FailureCode::Unsupported, message)
}

/// The failure of a status code of RTSP or HTTP; `None` for success.
fn status_failure(status: u16, with_credentials: bool) -> Option<Failure> {
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
        404 | 410 | 454 => (FailureCode::NotFound, "The camera has no such stream".into()),
        other => (FailureCode::Unsupported, format!("The camera answers with status {other}")),
    };
    Some(Failure::new(code, message))
}

#[cfg(test)]
mod tests;
