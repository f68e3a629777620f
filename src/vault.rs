//! Seals secrets that are stored: XChaCha20-Poly1305 under keys that the operator keeps.
//!
//! A sealed text is `v1:<key id>:<base64 of nonce and ciphertext>`. The nonce is random: 24 bytes
//! are enough that none comes twice. The key id is a hash of the key, so that a missing key can be
//! told from a damaged text.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use becamera_domain::SecretKeys;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, Payload},
};
use sha2::{Digest, Sha256};

const VERSION: &str = "v1";
const KEY_ID_DIGITS: usize = 8;
const NONCE_BYTES: usize = 24;

/// Seals under its first key and opens under any. Without keys it leaves texts as they are.
#[derive(Default)]
pub struct Vault(Vec<Key>);

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// Why a sealed text can't be opened. Tells nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It is sealed under a key that is not given.
    #[error("it is sealed under key {0}, which storage.secret_key does not have")]
    UnknownKey(String),
    /// It was changed, belongs elsewhere, or only looks as if it were sealed under a known key.
    #[error("its sealed text is damaged or belongs elsewhere")]
    Damaged,
}

impl Vault {
    /// A vault with the keys of `storage.secret_key`; none: nothing is sealed.
    pub fn new(keys: Option<&SecretKeys>) -> Self {
        let keys = keys.into_iter().flat_map(SecretKeys::iter);
        let key = |bytes: &[u8; 32]| Key {
            id: key_id(bytes),
            cipher: XChaCha20Poly1305::new(&(*bytes).into()),
        };
        Self(keys.map(key).collect())
    }

    /// Seals a text under the first key. `aad` says what the text belongs to; it opens with the
    /// same alone. Without keys the text is given back as it is.
    ///
    /// # Panics
    /// When the system gives no random numbers.
    pub fn seal(&self, plaintext: &str, aad: &[u8]) -> String {
        let Some(key) = self.0.first() else { return plaintext.to_owned() };
        let nonce = XNonce::generate();
        let payload = Payload { msg: plaintext.as_bytes(), aad };
        #[expect(clippy::expect_used, reason = "the cipher refuses only more than 256 GiB")]
        let sealed = key.cipher.encrypt(&nonce, payload).expect("short enough");
        let bytes = [nonce.as_slice(), &sealed].concat();
        format!("{VERSION}:{}:{}", key.id, STANDARD.encode(bytes))
    }

    /// Opens a sealed text; one that is not sealed is given back as it is.
    ///
    /// # Errors
    /// When its key is not given, or when it or `aad` is not what was sealed.
    pub fn open(&self, text: &str, aad: &[u8]) -> Result<String, VaultError> {
        let Some((id, body)) = split(text) else { return Ok(text.to_owned()) };
        let mut keys = self.0.iter().filter(|key| key.id == id).peekable();
        if keys.peek().is_none() {
            return Err(VaultError::UnknownKey(id.to_owned()));
        }
        let bytes = STANDARD.decode(body).map_err(|_| VaultError::Damaged)?;
        let (nonce, sealed) =
            bytes.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::Damaged)?;
        let open = |key: &Key| {
            key.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad }).ok()
        };
        let plain = keys.find_map(open).ok_or(VaultError::Damaged)?;
        String::from_utf8(plain).map_err(|_| VaultError::Damaged)
    }

    /// Whether it has a key to seal with.
    pub fn has_key(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether a text looks sealed, under whatever key.
    pub fn is_sealed(text: &str) -> bool {
        split(text).is_some()
    }

    /// Whether a text is stored as this vault would store it now: sealed under its first key, or
    /// not sealed where it has none.
    pub fn is_current(&self, text: &str) -> bool {
        split(text).map(|(id, _)| id) == self.0.first().map(|key| key.id.as_str())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

/// Key id and body of a text that looks sealed.
fn split(text: &str) -> Option<(&str, &str)> {
    let (id, body) = text.strip_prefix(VERSION)?.strip_prefix(':')?.split_once(':')?;
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (id.len() == KEY_ID_DIGITS && id.bytes().all(is_digit)).then_some((id, body))
}

fn key_id(key: &[u8; 32]) -> String {
    let hash = Sha256::new().chain_update(b"becamera key id").chain_update(key).finalize();
    hash.iter().take(KEY_ID_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
