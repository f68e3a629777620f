//! Stream URLs: untrusted text in, a checked URL out, and no way to print its secrets.
//!
//! FFmpeg opens far more than cameras (`concat:`, `subfile:`, `%02d.jpg`, FIFOs, …) and OpenCV's
//! other backends run pipeline strings, so a URL is taken only when it is plainly a camera or a
//! regular file below a configured media root.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::{InvalidField, special_address::refused_kind};

const MAX_CHARS: usize = 2048;
const FIELD: &str = "stream_url";

/// A checked stream URL. `Debug` and `Display` show it without credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamUrl(Url);

impl StreamUrl {
    /// Takes back a URL that a policy has checked before (from the database or the supervisor).
    pub fn trusted(text: &str) -> Result<Self, InvalidField> {
        parse(text).map(Self)
    }

    /// The whole URL with its credentials: only for the store, the worker and the camera itself.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// Host (a name, or an address without brackets) and port of a stream that is not a file.
    pub fn host_and_port(&self) -> (&str, u16) {
        let host = self.0.host_str().unwrap_or_default();
        (host.trim_matches(['[', ']']), port_of(&self.0))
    }

    /// The parsed URL with its credentials.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The file that a `file:` URL names.
    pub fn file_path(&self) -> Option<PathBuf> {
        (self.0.scheme() == "file").then(|| PathBuf::from(self.0.path()))
    }

    /// Whether it names a recording rather than a live stream.
    pub fn is_file(&self) -> bool {
        self.0.scheme() == "file"
    }

    /// User name and password, percent-decoded.
    pub fn credentials(&self) -> Option<(String, String)> {
        if self.0.username().is_empty() && self.0.password().is_none() {
            return None;
        }
        Some((percent_decode(self.0.username()), percent_decode(self.0.password().unwrap_or(""))))
    }

    /// The same URL without user name and password.
    pub fn without_credentials(&self) -> Url {
        let mut url = self.0.clone();
        // These fail only on URLs without a host, which have no credentials either.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }

    /// Removes this URL's secrets, and those of any other URL, from a text of foreign origin.
    pub fn redact_in(&self, text: &str) -> String {
        let mut clean = redact_urls(text);
        let raw = self.0.password().map(str::to_owned);
        let decoded = self.credentials().map(|(_, password)| password);
        for secret in [raw, decoded].into_iter().flatten().filter(|secret| !secret.is_empty()) {
            clean = clean.replace(&secret, "***");
        }
        clean
    }
}

impl fmt::Display for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_url(&self.0))
    }
}

impl fmt::Debug for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamUrl({self})")
    }
}

/// Serde of the whole URL, credentials included: for the worker's job alone.
pub mod exposed {
    use crate::stream_url::{Deserialize, Serialize, StreamUrl};

    /// Writes the URL with its credentials.
    pub fn serialize<S: serde::Serializer>(url: &StreamUrl, to: S) -> Result<S::Ok, S::Error> {
        url.expose().serialize(to)
    }

    /// Reads the URL with its credentials.
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<StreamUrl, D::Error> {
        StreamUrl::trusted(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// Which streams may be opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamUrlPolicy {
    /// Folders whose regular files may be read; none by default.
    pub media_roots: Vec<PathBuf>,
    /// Hosts (names, addresses or networks in CIDR notation) that may be asked; empty: all.
    pub allowed_hosts: Vec<String>,
    /// Where this service itself listens: no camera is there.
    pub own_address: Option<SocketAddr>,
}

impl StreamUrlPolicy {
    /// Checks a text of unknown origin. The error names `stream_url` and the reason and repeats
    /// nothing of the text, since that may hold a password.
    pub fn check(&self, text: &str) -> Result<StreamUrl, InvalidField> {
        let url = parse(text)?;
        if url.scheme() == "file" {
            self.check_file(&url)?;
        } else {
            let host = url.host_str().unwrap_or_default();
            if let Some(address) = host_address(host) {
                self.check_address(host, &[address])?;
                if self.is_own(SocketAddr::new(address, port_of(&url))) {
                    return Err(refuse("leads to this service itself"));
                }
            }
        }
        Ok(StreamUrl(url))
    }

    /// Checks where a host name leads, after it was resolved. All of its addresses must be allowed
    /// unless its name is. No name makes a link-local, multicast or cloud metadata address a
    /// camera's: only a rule for just that address or a part of its network does.
    pub fn check_address(&self, host: &str, addresses: &[IpAddr]) -> Result<(), InvalidField> {
        for address in addresses {
            if let Some((kind, network)) = refused_kind(*address)
                && !self.allowed_hosts.iter().any(|rule| names_within(rule, network, *address))
            {
                return Err(refuse(format!("leads to {kind}, which is not a camera's")));
            }
        }
        let named = self.allowed_hosts.iter().any(|rule| rule.eq_ignore_ascii_case(host));
        let inside =
            |address: &IpAddr| self.allowed_hosts.iter().any(|rule| covers(rule, *address));
        if self.allowed_hosts.is_empty() || named || addresses.iter().all(inside) {
            Ok(())
        } else {
            Err(refuse("leads to a host that stream.allowed_hosts does not allow"))
        }
    }

    /// Whether this service itself listens there, as far as the address alone tells.
    pub fn is_own(&self, address: SocketAddr) -> bool {
        self.own_address.is_some_and(|own| {
            let ip = address.ip().to_canonical();
            own.port() == address.port() && (ip.is_loopback() || ip == own.ip().to_canonical())
        })
    }

    fn check_file(&self, url: &Url) -> Result<(), InvalidField> {
        let path = Path::new(url.path());
        if self.media_roots.is_empty() {
            return Err(refuse("files may not be read: stream.media_roots is empty"));
        }
        let real = path.canonicalize().map_err(|_| refuse("names a file that is not there"))?;
        let roots = self.media_roots.iter().filter_map(|root| root.canonicalize().ok());
        if !roots.into_iter().any(|root| real.starts_with(root)) {
            return Err(refuse("names a file outside stream.media_roots"));
        }
        match real.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(()),
            _ => Err(refuse("must name a regular file")),
        }
    }
}

fn parse(text: &str) -> Result<Url, InvalidField> {
    if text.is_empty() || text.len() > MAX_CHARS {
        return Err(refuse("must have 1 to 2048 characters"));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refuse("must not contain spaces or control characters"));
    }
    if text.contains("%0d") || text.contains("%0a") || text.contains("%0D") || text.contains("%0A")
    {
        return Err(refuse("must not contain encoded line breaks"));
    }
    if text.contains("%00") {
        return Err(refuse("must not contain encoded NUL characters"));
    }
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::InvalidPort => refuse(
            "has an invalid port; in a password write @ as %40, / as %2F, # as %23 and ? as %3F",
        ),
        url::ParseError::RelativeUrlWithoutBase => {
            refuse("must be a URL such as rtsp://host:554/stream")
        }
        other => refuse(format!("is not a URL: {other}")),
    })?;
    match url.scheme() {
        "rtsp" | "rtsps" | "http" | "https" => {
            if url.host_str().is_none_or(str::is_empty) {
                return Err(refuse("must name a host"));
            }
            if url.port() == Some(0) {
                return Err(refuse("must not name port 0"));
            }
            if url.fragment().is_some() {
                return Err(refuse("must not have a # part; in a password write # as %23"));
            }
        }
        "file" => {
            if url.host().is_some() || !text.to_ascii_lowercase().starts_with("file:///") {
                return Err(refuse("must give a file as file:///absolute/path"));
            }
            if text.contains(['%', '?', '#']) || url.path().contains('%') {
                return Err(refuse("must name a file without %, ?, # and non-ASCII characters"));
            }
        }
        _ => return Err(refuse("must begin with rtsp, rtsps, http, https or file")),
    }
    Ok(url)
}

fn refuse(reason: impl Into<String>) -> InvalidField {
    InvalidField::new(FIELD, reason)
}

/// The port of a stream's URL.
fn port_of(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(if url.scheme() == "rtsps" { 322 } else { 554 })
}

/// The address that a host is, in any spelling: `0x7f.1` is one too.
fn host_address(host: &str) -> Option<IpAddr> {
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) => Some(address.into()),
        Ok(Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    }
}

/// Whether a rule names this address, by itself or as a part of the refused network.
fn names_within(rule: &str, network: Option<IpNet>, address: IpAddr) -> bool {
    match (rule.parse::<IpNet>(), network) {
        (Ok(net), Some(network)) => network.contains(&net) && covers(rule, address),
        (Ok(_), None) => false,
        _ => covers(rule, address),
    }
}

fn covers(rule: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    match (rule.parse::<IpNet>(), rule.parse::<IpAddr>()) {
        (Ok(net), _) => net.contains(&address),
        (_, Ok(single)) => single.to_canonical() == address,
        _ => false,
    }
}

fn percent_decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn redact_url(url: &Url) -> String {
    let mut out = format!("{}://", url.scheme());
    if !url.username().is_empty() || url.password().is_some() {
        out.push_str("***@");
    }
    out.push_str(url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        out.push_str(&format!(":{port}"));
    }
    let segments: Vec<&str> = url.path().split('/').map(redact_segment).collect();
    out.push_str(&segments.join("/"));
    if url.query().is_some() {
        out.push_str("?***");
    }
    out
}

// Some cameras take the password in the path: /user=admin_password=x_channel=1.sdp
fn redact_segment(segment: &str) -> &str {
    let lower = segment.to_ascii_lowercase();
    let secret =
        ["pass", "pwd", "token", "secret", "auth", "key="].iter().any(|w| lower.contains(w));
    if secret { "***" } else { segment }
}

/// Removes credentials from every URL inside a text of foreign origin, such as a native
/// library's message.
pub fn redact_urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        out.push_str(before);
        let end = url
            .find(|c: char| {
                c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>' | '`' | ')' | ']')
            })
            .unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        let host = match url.rfind('@') {
            Some(sign) => {
                out.push_str("***@");
                &url[sign + 1..]
            }
            None => url,
        };
        match host.split_once('?') {
            Some((path, _)) => {
                out.push_str(path);
                out.push_str("?***");
            }
            None => out.push_str(host),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
