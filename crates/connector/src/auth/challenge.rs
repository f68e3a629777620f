//! `WWW-Authenticate`, read more leniently than RFC 9110 has it: cameras quote what they like, and
//! several challenges may share a header.

/// One way to log in that a camera offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In lower case.
    scheme: String,
    /// Names in lower case, values without quotes.
    parameters: Vec<(String, Vec<u8>)>,
}

impl Challenge {
    /// `basic`, `digest`, …
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// A parameter's value.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The digest's algorithm in lower case; empty where none is named.
    pub fn algorithm(&self) -> String {
        lower(self.get("algorithm").unwrap_or_default())
    }

    /// The login was right, but for a nonce that is too old.
    pub fn is_stale(&self) -> bool {
        self.get("stale").is_some_and(|value| value.eq_ignore_ascii_case(b"true"))
    }
}

/// The challenges of one header.
pub(super) fn challenges(header: &[u8]) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    for item in split_at_commas(header) {
        let mut item = item.trim_ascii();
        if item.is_empty() {
            continue;
        }
        let word = item.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'='));
        let rest = word.map_or(&[][..], |at| item[at..].trim_ascii());
        // `name = value` and `name=value` go on with the challenge before; else a new one begins.
        if !rest.starts_with(b"=") {
            let scheme = lower(&item[..word.unwrap_or(item.len())]);
            found.push(Challenge { scheme, parameters: Vec::new() });
            item = rest;
        }
        if let (Some(challenge), Some(at)) =
            (found.last_mut(), item.iter().position(|byte| *byte == b'='))
        {
            let name = lower(item[..at].trim_ascii());
            challenge.parameters.push((name, unquoted(item[at + 1..].trim_ascii())));
        }
    }
    found
}

/// Pieces between commas that are not within quotes.
fn split_at_commas(header: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in header.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                pieces.push(&header[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&header[begin..]);
    pieces
}

fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"") else { return value.to_vec() };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => text.extend(bytes.next()),
            _ => text.push(*byte),
        }
    }
    text
}

fn lower(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parameters(header: &str) -> Vec<(String, Vec<(String, String)>)> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let of = |challenge: Challenge| {
            let pairs = challenge.parameters.iter();
            (challenge.scheme.clone(), pairs.map(|(n, v)| (n.clone(), text(v))).collect())
        };
        challenges(header.as_bytes()).into_iter().map(of).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn headers_are_read_as_cameras_write_them() {
        let digest = r#"Digest realm="a, \"b\"", nonce = n, qop="auth,auth-int", stale=FALSE"#;
        assert_eq!(
            parameters(&format!("{digest}, NTLM,Basic realm=IP Camera, , Negotiate")),
            [
                (
                    "digest".into(),
                    pairs(&[
                        ("realm", "a, \"b\""),
                        ("nonce", "n"),
                        ("qop", "auth,auth-int"),
                        ("stale", "FALSE")
                    ])
                ),
                ("ntlm".into(), vec![]),
                ("basic".into(), pairs(&[("realm", "IP Camera")])),
                ("negotiate".into(), vec![]),
            ]
        );
        assert_eq!(parameters("Basic realm=\"open")[0].1, pairs(&[("realm", "open")]));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            prop_assert!(challenges(&bytes).len() <= bytes.len() + 1);
        }
    }
}
