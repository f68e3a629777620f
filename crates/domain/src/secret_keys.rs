//! The keys that stored stream URLs are sealed with, as an operator gives them.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

const FORM: &str = "each key must be 32 bytes, written as 64 hex digits or as base64; several are \
                    separated by commas (openssl rand -hex 32 makes one)";

/// One key or several: the first seals, all open. Wiped from memory when dropped. `Debug` and
/// serde's writing show `***`; only serde's reading and [`SecretKeys::parse`] make one.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKeys(Vec<Zeroizing<[u8; KEY_BYTES]>>);

impl SecretKeys {
    /// Reads keys separated by commas, each 64 hex digits or the base64 of 32 bytes. The error
    /// says the form and repeats nothing of the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let keys = text.split(',').map(|key| read_key(key.trim()).ok_or(FORM));
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// The keys, at least one.
    pub fn iter(&self) -> impl Iterator<Item = &[u8; KEY_BYTES]> {
        self.0.iter().map(|key| &**key)
    }
}

fn read_key(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if text.len() == 2 * KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        return Some(key);
    }
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    (bytes.len() == KEY_BYTES).then(|| key.copy_from_slice(&bytes))?;
    Some(key)
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKeys(***)")
    }
}

impl Serialize for SecretKeys {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for SecretKeys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(KeysVisitor)
    }
}

/// Serde's own errors would repeat a key that looks like a number.
struct KeysVisitor;

impl de::Visitor<'_> for KeysVisitor {
    type Value = SecretKeys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text of keys")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretKeys, E> {
        SecretKeys::parse(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretKeys, E> {
        Err(E::custom(FORM))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretKeys, E> {
        Err(E::custom(FORM))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretKeys, E> {
        Err(E::custom(FORM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    const BASE64: &str = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";

    #[test]
    fn both_forms_are_read_and_several_keys() {
        let keys = SecretKeys::parse(&format!("{HEX} , {BASE64}")).unwrap();
        let keys: Vec<_> = keys.iter().collect();
        assert_eq!(keys[0], keys[1]);
        assert_eq!((keys.len(), keys[0][1], keys[0][31]), (2, 0x11, 0xff));
    }

    #[test]
    fn everything_else_is_refused_without_being_repeated() {
        let short = &HEX[..62];
        let twice = format!("{HEX},");
        for bad in ["", ",", "hunter2", short, &HEX[1..], &twice, "é", &BASE64[4..]] {
            let reason = SecretKeys::parse(bad).unwrap_err();
            assert!(reason.contains("64 hex digits"), "{bad}");
        }
        for bad in ["1234567890", "1.5e300", "true", "[1]", "{\"a\":4711}", "\"hunter2\""] {
            let error = serde_json::from_str::<SecretKeys>(bad).unwrap_err().to_string();
            let told = ["1234567890", "1.5", "4711", "hunter2"].iter().any(|t| error.contains(t));
            assert!(!told, "{error}");
        }
    }

    #[test]
    fn keys_are_never_shown() {
        let keys = SecretKeys::parse(HEX).unwrap();
        assert_eq!(format!("{keys:?}"), "SecretKeys(***)");
        assert_eq!(serde_json::to_string(&keys).unwrap(), "\"***\"");
    }
}
