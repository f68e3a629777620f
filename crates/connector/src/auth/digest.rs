//! Digest authentication (RFC 7616 and, without `qop`, RFC 2069), with MD5 and SHA-256.
//!
//! The crate `http-auth` does this too, but leaves `algorithm` off without `qop`: a camera that offers
//! both then takes a SHA-256 answer for a wrong MD5 one.

use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::challenge::Challenge;

/// A digest challenge and how often it was answered.
pub(super) struct Digest {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    /// As the camera wrote it.
    algorithm: Option<Vec<u8>>,
    sha256: bool,
    session: bool,
    with_qop: bool,
    count: u32,
}

impl Digest {
    pub fn new(challenge: &Challenge, sha256: bool) -> Self {
        let own = |name| challenge.get(name).map(<[u8]>::to_vec);
        let qop = challenge.get("qop").unwrap_or_default();
        Self {
            realm: own("realm").unwrap_or_default(),
            nonce: own("nonce").unwrap_or_default(),
            opaque: own("opaque"),
            algorithm: own("algorithm"),
            sha256,
            session: challenge.algorithm().ends_with("-sess"),
            with_qop: qop
                .split(|byte| matches!(byte, b',' | b' '))
                .any(|word| word.eq_ignore_ascii_case(b"auth")),
            count: 0,
        }
    }

    /// The value of `Authorization` for a request.
    pub fn answer(&mut self, user: &str, password: &str, method: &str, uri: &str) -> Vec<u8> {
        let client_nonce = format!("{:016x}", rand::random::<u64>());
        self.answer_with(user, password, method, uri, &client_nonce)
    }

    fn answer_with(
        &mut self,
        user: &str,
        password: &str,
        method: &str,
        uri: &str,
        client_nonce: &str,
    ) -> Vec<u8> {
        self.count = self.count.wrapping_add(1);
        let count = format!("{:08x}", self.count);
        let (nonce, client) = (self.nonce.as_slice(), client_nonce.as_bytes());
        let mut secret = self.hash(&[user.as_bytes(), &self.realm, password.as_bytes()]);
        if self.session {
            secret = self.hash(&[secret.as_bytes(), nonce, client]);
        }
        let request = self.hash(&[method.as_bytes(), uri.as_bytes()]);
        let (secret, request) = (secret.as_bytes(), request.as_bytes());
        let response = if self.with_qop {
            self.hash(&[secret, nonce, count.as_bytes(), client, b"auth", request])
        } else {
            self.hash(&[secret, nonce, request])
        };
        let mut value = b"Digest ".to_vec();
        let mut quoted = |name: &str, text: &[u8]| {
            value.extend(name.as_bytes());
            value.extend(b"=\"");
            for byte in text {
                if matches!(byte, b'"' | b'\\') {
                    value.push(b'\\');
                }
                value.push(*byte);
            }
            value.extend(b"\", ");
        };
        quoted("username", user.as_bytes());
        quoted("realm", &self.realm);
        quoted("nonce", nonce);
        quoted("uri", uri.as_bytes());
        quoted("response", response.as_bytes());
        if let Some(opaque) = &self.opaque {
            quoted("opaque", opaque);
        }
        if self.session && !self.with_qop {
            quoted("cnonce", client);
        }
        if let Some(algorithm) = &self.algorithm {
            value.extend(b"algorithm=");
            value.extend(algorithm);
            value.extend(b", ");
        }
        if self.with_qop {
            value.extend(format!("cnonce=\"{client_nonce}\", nc={count}, qop=auth, ").as_bytes());
        }
        value.truncate(value.len() - 2);
        value
    }

    /// Hex digits of the hash of parts that are joined by colons.
    fn hash(&self, parts: &[&[u8]]) -> String {
        let joined = parts.join(&b':');
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if self.sha256 { hex(&Sha256::digest(joined)) } else { hex(&Md5::digest(joined)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::challenge::challenges, *};

    fn digest(header: &str, sha256: bool) -> Digest {
        Digest::new(&challenges(header.as_bytes())[0], sha256)
    }

    /// The example of RFC 7616, section 3.9.1.
    #[test]
    fn the_standards_example_is_answered() {
        let client_nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let header = |algorithm| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        for (algorithm, sha256, response) in [
            ("MD5", false, "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", true, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let mut digest = digest(&header(algorithm), sha256);
            let answer = digest.answer_with(
                "Mufasa",
                "Circle of Life",
                "GET",
                "/dir/index.html",
                client_nonce,
            );
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
            assert!(answer.contains("nc=00000001, qop=auth"), "{answer}");
            assert!(answer.contains(&format!("algorithm={algorithm}")), "{answer}");
        }
    }

    /// The example of RFC 2069 with its erratum's answer.
    #[test]
    fn old_cameras_without_qop_are_answered() {
        let header = "Digest realm=\"testrealm@host.com\", \
                      nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let answer =
            digest(header, false).answer("Mufasa", "CircleOfLife", "GET", "/dir/index.html");
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("response=\"1949323746fe6a43ef61f9606e7febea\""), "{answer}");
        assert!(!answer.contains("qop") && !answer.contains("cnonce"), "{answer}");
    }
}
