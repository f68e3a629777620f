//! How cameras prove that they are themselves.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::InvalidField;

/// `[stream.tls]`: what a camera's certificate is held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// Whether certificates are verified at all.
    pub verify: bool,
    /// File of certificates in PEM form that sign cameras' certificates, beside the public ones.
    /// Example: `"/etc/becamera/cameras.pem"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Hosts whose certificate is trusted by its SHA-256 fingerprint alone, as `host=fingerprint`.
    pub fingerprints: Vec<KnownCertificate>,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { verify: true, ca_file: None, fingerprints: Vec::new() }
    }
}

impl TlsSettings {
    /// The fingerprint that a host's certificate must have, if one is known.
    pub fn fingerprint_of(&self, host: &str) -> Option<Fingerprint> {
        let found = self.fingerprints.iter().find(|known| known.host.eq_ignore_ascii_case(host));
        found.map(|known| known.fingerprint)
    }

    pub(super) fn validate(&self) -> Result<(), InvalidField> {
        if self.ca_file.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err(InvalidField::new("stream.tls.ca_file", "must be an absolute path"));
        }
        Ok(())
    }
}

/// A host and the fingerprint of its certificate, written as `host=fingerprint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCertificate {
    /// A name, or an address without brackets.
    pub host: String,
    /// Of the certificate that it shows.
    pub fingerprint: Fingerprint,
}

impl KnownCertificate {
    /// Reads `host=fingerprint`; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, fingerprint) = text.split_once('=')?;
        let host = host.trim().trim_matches(['[', ']']);
        let fingerprint = Fingerprint::parse(fingerprint)?;
        (!host.is_empty()).then(|| Self { host: host.into(), fingerprint })
    }
}

impl fmt::Display for KnownCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.host, self.fingerprint)
    }
}

impl Serialize for KnownCertificate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KnownCertificate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).ok_or_else(|| {
            de::Error::custom(
                "must be host=fingerprint, the SHA-256 of a certificate in 64 hex digits",
            )
        })
    }
}

/// The SHA-256 of a certificate in DER form, written as 64 hex digits with or without colons.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads a fingerprint; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| !matches!(c, ':' | ' '))
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = pair[0] << 4 | pair[1];
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_tools_print_them() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(Fingerprint::parse(&plain), Some(Fingerprint([0xab; 32])));
        assert_eq!(Fingerprint::parse(&colons), Fingerprint::parse(&plain));
        assert_eq!(Fingerprint([0xab; 32]).to_string(), plain);
        assert_eq!(Fingerprint::parse("ab"), None);
        assert_eq!(Fingerprint::parse(&"xy".repeat(32)), None);
    }

    #[test]
    fn a_host_is_found_in_any_case() {
        let known = format!("Cam.lan = {}", Fingerprint([1; 32]));
        let fingerprints = vec![KnownCertificate::parse(&known).unwrap()];
        let settings = TlsSettings { fingerprints, ..TlsSettings::default() };
        assert!(settings.fingerprint_of("cam.LAN").is_some());
        assert!(settings.fingerprint_of("other").is_none());
        assert!(KnownCertificate::parse("cam.lan").is_none());
    }
}
