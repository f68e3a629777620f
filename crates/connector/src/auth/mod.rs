//! Logging in to a camera, with Basic and Digest.

mod challenge;
mod digest;

use base64::{Engine, engine::general_purpose::STANDARD};
use becamera_domain::{Failure, FailureCode, StreamUrl, settings::StreamSettings};

use self::{
    challenge::{Challenge, challenges},
    digest::Digest,
};
use crate::head::Head;

/// A request is sent again this often for another login.
pub(crate) const LOGINS: u32 = 5;

/// Ways to log in, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    DigestSha256,
    DigestMd5,
    Basic,
}

enum Method {
    Digest(Digest),
    Basic,
}

/// Answers a camera's challenges with one user name and password.
pub(crate) struct Login {
    credentials: Option<(String, String)>,
    /// Whether the password may be sent as it is.
    may_be_read: bool,
    method: Option<(Kind, Method)>,
    /// The method in use was accepted once.
    accepted: bool,
    refused: Vec<Kind>,
}

impl Login {
    /// With the URL's credentials, over a connection that is private or not.
    pub fn to(url: &StreamUrl, settings: &StreamSettings, is_private: bool) -> Self {
        Self::new(url.credentials(), is_private || settings.plain_basic_auth)
    }

    /// `may_be_read`: nobody can listen, or it does not matter.
    fn new(credentials: Option<(String, String)>, may_be_read: bool) -> Self {
        Self { credentials, may_be_read, method: None, accepted: false, refused: Vec::new() }
    }

    /// Whether there is a password to give.
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// The `Authorization` header's value for a request, once the camera has asked for it.
    pub fn authorization(&mut self, method: &str, uri: &str) -> Option<Vec<u8>> {
        let (user, password) = self.credentials.as_ref()?;
        match &mut self.method.as_mut()?.1 {
            Method::Digest(digest) => Some(digest.answer(user, password, method, uri)),
            Method::Basic => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))).into())
            }
        }
    }

    /// A request was answered with other than 401.
    pub fn accepted(&mut self) {
        self.accepted = self.method.is_some();
    }

    /// The connection is a new one: what the camera says next is its first word.
    pub fn reconnected(&mut self) {
        self.accepted = self.method.is_some();
    }

    /// Takes the challenges of a 401. `Ok` when the request should be sent again.
    pub fn challenged(&mut self, answer: &Head) -> Result<(), Failure> {
        if self.credentials.is_none() {
            return Err(unauthorized("The camera wants a user name and password"));
        }
        let offered: Vec<Challenge> = answer.raw("www-authenticate").flat_map(challenges).collect();
        let mut usable: Vec<(Kind, &Challenge)> =
            offered.iter().filter_map(|challenge| Some((kind(challenge)?, challenge))).collect();
        usable.sort_by_key(|(kind, _)| *kind);
        if let Some((current, _)) = self.method {
            let renewed = usable.iter().find(|(kind, _)| *kind == current);
            // Its nonce has become old; or else the password is wrong, or is wanted in another way.
            let stale = |challenge: &Challenge| self.accepted || challenge.is_stale();
            if !renewed.is_some_and(|(_, challenge)| stale(challenge)) {
                self.refused.push(current);
            }
            self.accepted = false;
        }
        let is_open = |kind: Kind| !self.refused.contains(&kind);
        let next = usable
            .iter()
            .find(|(kind, _)| is_open(*kind) && (*kind != Kind::Basic || self.may_be_read));
        let Some((kind, challenge)) = next else {
            return Err(self.gives_up(&offered, &usable));
        };
        let method = match kind {
            Kind::Basic => Method::Basic,
            _ => Method::Digest(Digest::new(challenge, *kind == Kind::DigestSha256)),
        };
        self.method = Some((*kind, method));
        Ok(())
    }

    fn gives_up(&self, offered: &[Challenge], usable: &[(Kind, &Challenge)]) -> Failure {
        if usable.is_empty() && !offered.is_empty() {
            let schemes: Vec<&str> = offered.iter().map(Challenge::scheme).collect();
            return unauthorized(format!(
                "The camera wants a login of a kind that is not supported ({})",
                schemes.join(", ")
            ));
        }
        if self.refused.is_empty() && usable.iter().any(|(kind, _)| *kind == Kind::Basic) {
            return unauthorized(
                "The camera takes its password only readable for everybody on the way (Basic \
                 without TLS); stream.plain_basic_auth allows it",
            );
        }
        unauthorized("The camera refuses this user name and password")
    }
}

fn kind(challenge: &Challenge) -> Option<Kind> {
    match challenge.scheme() {
        "basic" => Some(Kind::Basic),
        "digest" if !challenge.has("nonce") => None,
        "digest" => match challenge.algorithm().as_str() {
            "" | "md5" | "md5-sess" => Some(Kind::DigestMd5),
            "sha-256" | "sha-256-sess" | "sha256" => Some(Kind::DigestSha256),
            _ => None,
        },
        _ => None,
    }
}

fn unauthorized(message: impl Into<String>) -> Failure {
    Failure::new(FailureCode::Unauthorized, message)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    fn answer(challenges: &[&str]) -> Head {
        let lines = challenges.iter().map(|text| format!("WWW-Authenticate: {text}\r\n"));
        let text = format!("RTSP/1.0 401 No\r\n{}\r\n", lines.collect::<String>());
        Head::take(&mut BytesMut::from(text.as_str())).unwrap().unwrap()
    }

    fn login() -> Login {
        Login::new(Some(("admin".into(), "secret".into())), true)
    }

    fn sent(login: &mut Login) -> String {
        String::from_utf8(login.authorization("DESCRIBE", "rtsp://cam/x").unwrap()).unwrap()
    }

    const MD5: &str = r#"Digest realm="cam", nonce="n""#;
    const SHA256: &str = r#"Digest realm="cam", nonce="n", algorithm="SHA-256", stale="FALSE""#;
    const BASIC: &str = r#"Basic realm="cam""#;

    #[test]
    fn the_best_is_taken_first_in_every_order_and_then_the_others() {
        for order in [[MD5, SHA256, BASIC], [BASIC, MD5, SHA256], [SHA256, BASIC, MD5]] {
            for joined in [false, true] {
                let answer = if joined { answer(&[&order.join(", ")]) } else { answer(&order) };
                let mut login = login();
                assert!(login.authorization("DESCRIBE", "x").is_none(), "nothing unasked");
                login.challenged(&answer).unwrap();
                assert!(sent(&mut login).contains("algorithm=SHA-256"), "also without qop");
                login.challenged(&answer).unwrap();
                assert!(sent(&mut login).starts_with("Digest"));
                assert!(!sent(&mut login).contains("SHA-256"));
                login.challenged(&answer).unwrap();
                assert_eq!(sent(&mut login), "Basic YWRtaW46c2VjcmV0");
                let failure = login.challenged(&answer).unwrap_err();
                assert!(failure.message.contains("refuses this user"), "{}", failure.message);
            }
        }
    }

    #[test]
    fn a_stale_nonce_is_replaced() {
        let mut login = login();
        login.challenged(&answer(&[MD5])).unwrap();
        login.accepted();
        login.challenged(&answer(&[r#"Digest realm="cam", nonce="m""#])).unwrap();
        assert!(sent(&mut login).contains(r#"nonce="m""#));
        login.challenged(&answer(&[r#"Digest realm="cam", nonce="o", stale=TRUE"#])).unwrap();
        assert!(login.challenged(&answer(&[MD5])).is_err());
    }

    #[test]
    fn a_readable_password_is_not_sent_unless_that_is_allowed() {
        let mut login = Login::new(Some(("admin".into(), "secret".into())), false);
        let failure = login.challenged(&answer(&[BASIC])).unwrap_err();
        assert!(failure.message.contains("plain_basic_auth"), "{}", failure.message);
        assert!(login.authorization("GET", "/").is_none());
        login.challenged(&answer(&[BASIC, MD5])).unwrap();
        assert!(sent(&mut login).starts_with("Digest"));
        assert!(login.challenged(&answer(&[BASIC, MD5])).is_err());
    }

    #[test]
    fn other_kinds_are_passed_over_or_named() {
        let mut login = login();
        login.challenged(&answer(&["Negotiate", "NTLM", "Bearer realm=\"x\"", "Basic"])).unwrap();
        assert_eq!(sent(&mut login), "Basic YWRtaW46c2VjcmV0");
        let failure = self::login().challenged(&answer(&["NTLM"])).unwrap_err();
        assert!(failure.message.contains("ntlm"), "{}", failure.message);
        let missing = Login::new(None, true).challenged(&answer(&[MD5])).unwrap_err();
        assert!(missing.message.contains("wants"), "{}", missing.message);
    }

    #[test]
    fn passwords_may_be_empty_or_long() {
        let long = "x".repeat(500);
        for password in ["", &long] {
            let mut login = Login::new(Some(("admin".into(), password.into())), true);
            login.challenged(&answer(&[BASIC])).unwrap();
            let encoded = STANDARD.encode(format!("admin:{password}"));
            assert_eq!(sent(&mut login), format!("Basic {encoded}"));
        }
    }
}
