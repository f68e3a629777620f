//! Connecting: the host's name is resolved once, all its addresses are checked, and only these are
//! connected to, however often.

use std::{cell::Cell, io, net::SocketAddr, time::Duration};

use becamera_domain::{Failure, FailureCode, StreamUrl, settings::StreamSettings};
use tokio::net::TcpStream;

use crate::{tls::Tls, wire::Wire};

/// What an opening waits for, to say so when its time is up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Phase {
    #[default]
    Resolving,
    Connecting,
    /// Of this request, such as `DESCRIBE`.
    Asking(&'static str),
}

impl Phase {
    /// The failure of an opening that took too long.
    pub fn timeout(self, timeout: Duration) -> Failure {
        match self {
            Self::Resolving => {
                let message = format!("The host's name could not be resolved in {timeout:?}");
                Failure::new(FailureCode::Unresolvable, message)
            }
            Self::Connecting => {
                let message = format!(
                    "The camera could not be reached in {timeout:?} (stream.probe_timeout)"
                );
                Failure::new(FailureCode::Timeout, message)
            }
            Self::Asking(request) => {
                let message = format!(
                    "The camera did not answer {request} in {timeout:?} (stream.probe_timeout)"
                );
                Failure::new(FailureCode::Timeout, message)
            }
        }
    }
}

/// A camera's host: checked addresses and how to talk to them.
pub(crate) struct Door {
    addresses: Vec<SocketAddr>,
    tls: Option<Tls>,
    /// No more than this for each address.
    timeout: Duration,
}

impl Door {
    /// Resolves and checks the host of a stream.
    pub async fn find(url: &StreamUrl, settings: &StreamSettings) -> Result<Self, Failure> {
        let (host, port) = url.host_and_port();
        let addresses = resolve(host, port).await?;
        let policy = settings.url_policy();
        let ips: Vec<_> = addresses.iter().map(SocketAddr::ip).collect();
        let refused =
            |reason: String| Failure::new(FailureCode::HostNotAllowed, format!("The URL {reason}"));
        policy.check_address(host, &ips).map_err(|error| refused(error.reason))?;
        if addresses.iter().any(|address| policy.is_own(*address)) {
            return Err(refused("leads to this service itself".into()));
        }
        let tls = match url.as_url().scheme() {
            "rtsps" | "https" => Some(Tls::new(host, &settings.tls)?),
            _ => None,
        };
        let timeout = settings.probe_timeout / u32::try_from(addresses.len()).unwrap_or(1).max(1);
        Ok(Self { addresses, tls, timeout })
    }

    /// Whether nobody on the way can listen: the connection is encrypted, or goes nowhere.
    pub fn is_private(&self) -> bool {
        let local = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
        self.tls.is_some() || self.addresses.iter().all(local)
    }

    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Connects, to the address that answers first of those in order. Gives both ends' addresses.
    pub async fn connect(
        &self,
        own: Option<SocketAddr>,
        phase: &Cell<Phase>,
    ) -> Result<(Wire, SocketAddr, SocketAddr), Failure> {
        phase.set(Phase::Connecting);
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in &self.addresses {
            match tokio::time::timeout(self.timeout, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return self.welcome(stream, own, phase).await,
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(unreachable(&last, self.addresses.first().map_or(0, SocketAddr::port), self.timeout))
    }

    async fn welcome(
        &self,
        stream: TcpStream,
        own: Option<SocketAddr>,
        phase: &Cell<Phase>,
    ) -> Result<(Wire, SocketAddr, SocketAddr), Failure> {
        let gone = |error: io::Error| unreachable(&error, 0, self.timeout);
        let (near, far) = (stream.local_addr().map_err(gone)?, stream.peer_addr().map_err(gone)?);
        // Every address of this machine is the service's when it listens on all.
        if own.is_some_and(|own| {
            own.port() == far.port() && own.ip().is_unspecified() && near.ip() == far.ip()
        }) {
            let message = "The URL leads to this service itself";
            return Err(Failure::new(FailureCode::HostNotAllowed, message));
        }
        // Only small messages are sent.
        let _ = stream.set_nodelay(true);
        let wire = match &self.tls {
            Some(tls) => {
                phase.set(Phase::Asking("the TLS greeting"));
                Wire::new(tls.greet(stream).await?)
            }
            None => Wire::new(stream),
        };
        Ok((wire, near, far))
    }
}

fn unreachable(error: &io::Error, port: u16, timeout: Duration) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Failure::new(FailureCode::Refused, format!("Nobody listens on port {port} of the host"))
        }
        io::ErrorKind::TimedOut => Phase::Connecting.timeout(timeout),
        _ => Failure::new(FailureCode::Refused, format!("The host can't be reached: {error}")),
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let unresolvable = || {
        let message = format!("The host's name {host} has no address");
        Failure::new(FailureCode::Unresolvable, message)
    };
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| unresolvable())?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(unresolvable()) } else { Ok(addresses) }
}
