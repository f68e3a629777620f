//! TLS to a camera: its certificate must be signed by somebody who is trusted, or be the known one.

use std::sync::{Arc, Mutex, PoisonError};

use becamera_domain::{
    Failure, FailureCode,
    settings::{Fingerprint, TlsSettings},
};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::refusal::unsupported;

/// Whom to believe that it is the camera.
#[derive(Debug)]
enum Trust {
    /// Whose certificate is signed by one of these, or is one that the settings' own file has.
    Signed(Arc<WebPkiServerVerifier>, Vec<Fingerprint>),
    /// Whose certificate has this fingerprint.
    Known(Fingerprint),
    /// Everybody.
    All,
}

/// Judges a camera's certificate, and remembers its fingerprint for the message.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    shown: Mutex<Option<Fingerprint>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = fingerprint(certificate);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        match &self.trust {
            Trust::Signed(_, own) if own.contains(&shown) => Ok(ServerCertVerified::assertion()),
            Trust::Signed(roots, _) => {
                roots.verify_server_cert(certificate, intermediates, name, ocsp, now)
            }
            Trust::Known(known) if *known != shown => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            Trust::Known(_) | Trust::All => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// How to make TLS connections to one host.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
    name: ServerName<'static>,
}

impl Tls {
    /// For a host, which is a name or an address without brackets.
    pub fn new(host: &str, settings: &TlsSettings) -> Result<Self, Failure> {
        let provider = Arc::new(ring::default_provider());
        let trust = match settings.fingerprint_of(host) {
            Some(fingerprint) => Trust::Known(fingerprint),
            None if settings.verify => {
                let (roots, own) = roots(settings)?;
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
                let verifier = verifier
                    .build()
                    .map_err(|error| tls(format!("Certificates can't be verified: {error}")))?;
                Trust::Signed(verifier, own)
            }
            None => Trust::All,
        };
        let verifier =
            Arc::new(Verifier { trust, provider: provider.clone(), shown: Mutex::default() });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| tls(format!("TLS can't be used: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| tls("The host's name can't stand in a certificate"))?;
        Ok(Self { config: config.into(), verifier, name })
    }

    /// Greets the camera on an open connection.
    pub async fn greet(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let connector = TlsConnector::from(self.config.clone());
        connector.connect(self.name.clone(), stream).await.map_err(|error| {
            let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
            self.failure(cause)
        })
    }

    fn failure(&self, error: Option<&Error>) -> Failure {
        use rustls::{AlertDescription as Alert, PeerIncompatible as Incompatible};
        const OLD: &str = "The camera speaks only an old TLS (before 1.2), which is not safe: update \
                           its firmware, or use rtsp or http within a network of its own";
        match error {
            Some(Error::InvalidCertificate(cause)) => self.distrust(cause),
            Some(Error::AlertReceived(Alert::ProtocolVersion)) => tls(OLD),
            Some(Error::PeerIncompatible(
                Incompatible::ServerDoesNotSupportTls12Or13
                | Incompatible::ServerTlsVersionIsDisabledByOurConfig,
            )) => tls(OLD),
            Some(Error::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity)) => {
                tls("The camera's TLS has no cipher that is safe: update its firmware")
            }
            Some(Error::AlertReceived(alert)) => {
                tls(format!("The camera refuses the TLS connection ({alert:?})"))
            }
            Some(Error::PeerIncompatible(cause)) => {
                tls(format!("The camera's TLS can't be used ({cause:?})"))
            }
            _ => unsupported("The host answers on this port, but not with TLS"),
        }
    }

    fn distrust(&self, cause: &CertificateError) -> Failure {
        let reason = match cause {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet; are both clocks right?"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it is for another host"
            }
            CertificateError::ApplicationVerificationFailure => {
                "it is not the one in stream.tls.fingerprints"
            }
            _ => "nobody trusted has signed it",
        };
        let shown = self.verifier.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = shown.map(|fingerprint| fingerprint.to_string()).unwrap_or_default();
        tls(format!(
            "The camera's certificate is not trusted: {reason}. If it is the camera's own, name its \
             SHA-256 {shown} in stream.tls.fingerprints"
        ))
    }
}

fn tls(message: impl Into<String>) -> Failure {
    Failure::new(FailureCode::Tls, message)
}

/// Those who sign certificates: the public ones, and those of the settings' own file, which may be
/// cameras' own too.
fn roots(settings: &TlsSettings) -> Result<(RootCertStore, Vec<Fingerprint>), Failure> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut own = Vec::new();
    if let Some(path) = &settings.ca_file {
        let unreadable = || tls("stream.tls.ca_file can't be read");
        let certificates = CertificateDer::pem_file_iter(path).map_err(|_| unreadable())?;
        for certificate in certificates {
            let certificate = certificate.map_err(|_| unreadable())?;
            own.push(fingerprint(&certificate));
            // One that can sign nothing is no root.
            let _ = roots.add(certificate);
        }
    }
    Ok((roots, own))
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    Fingerprint(Sha256::digest(certificate).into())
}
