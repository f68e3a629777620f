//! The caller of each request, for the audit trail.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::{
    HttpRequest,
    http::header::{HeaderMap, HeaderName},
};
use becamera_domain::{InvalidField, Requester, settings::ServerSettings};
use ipnet::IpNet;

/// How callers are told apart.
#[derive(Debug, Clone, Default)]
pub struct Callers {
    user_header: Option<HeaderName>,
    trusted_proxies: Vec<IpNet>,
}

impl Callers {
    /// As the settings say.
    ///
    /// # Errors
    /// When `server.user_header` is not the name of a header.
    pub fn new(settings: &ServerSettings) -> Result<Self, InvalidField> {
        let name = settings.user_header.as_deref().map(str::parse).transpose();
        let user_header = name
            .map_err(|_| InvalidField::new("server.user_header", "is not the name of a header"))?;
        Ok(Self { user_header, trusted_proxies: settings.trusted_proxies.clone() })
    }

    /// The sender of a request: the user that a trusted proxy names, else the address.
    pub(super) fn requester(&self, request: &HttpRequest) -> Requester {
        // Only a test's request has no peer.
        let peer = request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
        self.of(peer, request.headers())
    }

    fn of(&self, peer: IpAddr, headers: &HeaderMap) -> Requester {
        let peer = peer.to_canonical();
        let trusted = self.trusted_proxies.iter().any(|net| net.contains(&peer));
        let header = self.user_header.as_ref().filter(|_| trusted);
        // A proxy that adds the header to one of the client's own adds it at the end.
        let user = header.and_then(|name| headers.get_all(name).last());
        let user = user.map(|user| String::from_utf8_lossy(user.as_bytes()));
        Requester::caller(peer, user.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn who(callers: &Callers, peer: &str, users: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for user in users {
            let name = HeaderName::from_static("x-forwarded-user");
            headers.append(name, HeaderValue::from_static(user));
        }
        callers.of(peer.parse().unwrap(), &headers).who
    }

    #[test]
    fn only_a_trusted_proxy_names_the_user() {
        let user_header = Some("X-Forwarded-User".into());
        let settings = ServerSettings { user_header, ..ServerSettings::default() };
        let callers = Callers::new(&settings).unwrap();
        assert_eq!(who(&callers, "127.0.0.1", &["alice"]), "alice");
        assert_eq!(who(&callers, "::ffff:127.0.0.1", &["alice"]), "alice");
        assert_eq!(who(&callers, "::1", &["alice"]), "alice");
        assert_eq!(who(&callers, "127.0.0.1", &["mallory", "alice"]), "alice");
        assert_eq!(who(&callers, "127.0.0.1", &[" "]), "127.0.0.1");
        assert_eq!(who(&callers, "192.0.2.7", &["mallory"]), "192.0.2.7");
    }

    #[test]
    fn without_the_setting_the_header_means_nothing() {
        let callers = Callers::new(&ServerSettings::default()).unwrap();
        assert_eq!(who(&callers, "127.0.0.1", &["mallory"]), "127.0.0.1");
    }
}
