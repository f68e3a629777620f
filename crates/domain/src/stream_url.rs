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
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let byte = (bytes[i] == b'%')
            .then(|| text.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(byte.unwrap_or(bytes[i]));
        i += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(text: &str) -> String {
        StreamUrlPolicy::default().check(text).expect_err(text).reason
    }

    #[test]
    fn cameras_are_taken() {
        let policy = StreamUrlPolicy::default();
        for good in [
            "rtsp://192.168.1.100:554/stream1",
            "RTSP://cam.example/1?channel=2",
            "rtsps://user:pa%2Fss@[2001:db8::1]/x",
            "http://cam/video.mjpg",
            "https://cam/video.mjpg",
        ] {
            policy.check(good).unwrap();
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        assert!(reason("").contains("1 to 2048"));
        assert!(reason("videotestsrc ! appsink").contains("spaces"));
        assert!(reason("rtsp://cam/\r\nHost:x").contains("control"));
        assert!(reason("rtsp://cam/%0d%0aHost:x").contains("line breaks"));
        assert!(reason("concat:a|b").contains("begin with"));
        assert!(reason("subfile,,start,0,end,0,,:/etc/passwd").contains("URL"));
        assert!(reason("rtmp://cam/x").contains("begin with"));
        assert!(reason("tcp://cam:1").contains("begin with"));
        assert!(reason("/etc/passwd").contains("URL"));
        assert!(reason("0").contains("URL"));
        assert!(reason("rtsp:///x").contains("host"));
        assert!(reason("rtsp://user:p/ss@cam/x").contains("%2F"));
        assert!(reason("rtsp://user:p#ss@cam/x").contains("%23"));
        assert!(reason("rtsp://cam:0/x").contains("port 0"));
        assert!(reason("file:///etc/passwd").contains("media_roots"));
        assert!(reason("file://host/etc/passwd").contains("file:///"));
        assert!(reason("file:relative").contains("file:///"));
    }

    #[test]
    fn files_must_be_regular_and_below_a_media_root() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(root.path().join("a.mp4"), b"x").unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link.mp4")).unwrap();
        nix::unistd::mkfifo(&root.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let policy =
            StreamUrlPolicy { media_roots: vec![root.path().into()], ..Default::default() };
        let check = |name: &str| policy.check(&format!("file://{}/{name}", root.path().display()));
        assert!(check("a.mp4").is_ok());
        assert!(check("link.mp4").unwrap_err().reason.contains("outside"));
        assert!(check("fifo").unwrap_err().reason.contains("regular"));
        assert!(check("").unwrap_err().reason.contains("regular"));
        assert!(check("none.mp4").unwrap_err().reason.contains("not there"));
        assert!(check("%02d.jpg").unwrap_err().reason.contains("without %"));
        assert!(check("../../etc/passwd").is_err());
    }

    #[test]
    fn the_allow_list_names_hosts_and_networks() {
        let policy = StreamUrlPolicy {
            allowed_hosts: vec!["10.0.0.0/8".into(), "cam.lan".into(), "::1".into()],
            ..Default::default()
        };
        assert!(policy.check("rtsp://10.1.2.3/x").is_ok());
        assert!(policy.check("rtsp://[::1]/x").is_ok());
        assert!(policy.check("rtsp://127.0.0.1/x").is_err());
        assert!(policy.check("http://127.0.0.1/x").is_err());
        assert!(policy.check_address("CAM.lan", &["127.0.0.1".parse().unwrap()]).is_ok());
        assert!(policy.check_address("x", &["127.0.0.1".parse().unwrap()]).is_err());
        assert!(policy.check_address("x", &["::ffff:10.0.0.1".parse().unwrap()]).is_ok());
    }

    #[test]
    fn an_address_is_one_in_every_spelling() {
        let policy =
            StreamUrlPolicy { allowed_hosts: vec!["10.0.0.0/8".into()], ..Default::default() };
        for scheme in ["rtsp", "rtsps", "http", "https"] {
            let spellings =
                ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]"];
            for host in spellings {
                let text = format!("{scheme}://{host}/x");
                assert!(policy.check(&text).is_err(), "{text}");
            }
        }
        assert!(policy.check("rtsp://0xa.1/x").is_ok());
    }

    #[test]
    fn no_camera_is_at_special_addresses() {
        let check = |rules: &[&str], host: &str| {
            let allowed_hosts = rules.iter().map(|rule| (*rule).to_owned()).collect();
            let policy = StreamUrlPolicy { allowed_hosts, ..Default::default() };
            policy.check(&format!("http://{host}/x")).is_ok()
        };
        for host in [
            "169.254.169.254",
            "169.254.7.7",
            "0.0.0.0",
            "0",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[fe80::1]",
            "[ff02::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "2852039166",
        ] {
            assert!(!check(&[], host), "{host}");
            assert!(!check(&["0.0.0.0/0", "::/0"], host), "{host}");
        }
        assert!(check(&["169.254.7.0/24"], "169.254.7.7"), "it was meant");
        assert!(!check(&["169.254.0.0/16"], "169.254.169.254"));
        assert!(check(&["169.254.169.254"], "169.254.169.254"));
        assert!(check(&[], "127.0.0.1") && check(&[], "192.168.1.9"));
        let named = StreamUrlPolicy { allowed_hosts: vec!["cam.lan".into()], ..Default::default() };
        assert!(named.check_address("cam.lan", &["169.254.169.254".parse().unwrap()]).is_err());
    }

    #[test]
    fn the_service_itself_is_no_camera() {
        let policy =
            StreamUrlPolicy { own_address: "0.0.0.0:3002".parse().ok(), ..Default::default() };
        assert!(policy.check("http://127.0.0.1:3002/api/v1/cameras/1/live.mjpeg").is_err());
        assert!(policy.check("http://[::1]:3002/").is_err());
        assert!(policy.check("http://127.0.0.1:3003/").is_ok());
    }

    #[test]
    fn secrets_are_never_shown() {
        let url =
            StreamUrl::trusted("rtsp://admin:s3%40cret@cam:554/a/password=s3?token=s3").unwrap();
        assert_eq!(url.to_string(), "rtsp://***@cam:554/a/***?***");
        assert_eq!(format!("{url:?}"), "StreamUrl(rtsp://***@cam:554/a/***?***)");
        assert_eq!(url.credentials().unwrap(), ("admin".into(), "s3@cret".into()));
        let noise = "open rtsp://admin:s3%40cret@cam:554/a failed; auth s3@cret (s3%40cret)";
        assert_eq!(url.redact_in(noise), "open rtsp://***@cam:554/a failed; auth *** (***)");
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_shown_without_its_password(
            password in "[a-zA-Z0-9@:!$&*+=~._-]{6,20}", tail in "[ -~]{0,30}"
        ) {
            let text = format!("rtsp://user:{password}@camera.example/{tail}");
            match StreamUrlPolicy::default().check(&text) {
                Ok(url) => prop_assert!(!url.to_string().contains(&password)),
                Err(error) => prop_assert!(!error.to_string().contains(&password)),
            }
        }

        #[test]
        fn checking_never_panics(text in "\\PC{0,200}") {
            let _ = StreamUrlPolicy::default().check(&text);
            let _ = redact_urls(&text);
        }
    }
}
