use proptest::prelude::*;

use super::*;

fn vault(keys: &[u8]) -> Vault {
    let keys: Vec<String> = keys.iter().map(|key| format!("{key:02x}").repeat(32)).collect();
    Vault::new(Some(&SecretKeys::parse(&keys.join(",")).unwrap()))
}

#[test]
fn without_keys_nothing_is_sealed_and_nothing_opened() {
    let none = Vault::new(None);
    assert_eq!(none.seal("rtsp://cam/", b"1"), "rtsp://cam/");
    assert_eq!(none.open("rtsp://cam/", b"1").unwrap(), "rtsp://cam/");
    assert!(none.is_current("rtsp://cam/"));
    let sealed = vault(&[1]).seal("rtsp://cam/", b"1");
    assert!(!none.is_current(&sealed) && Vault::is_sealed(&sealed));
    assert!(matches!(none.open(&sealed, b"1"), Err(VaultError::UnknownKey(_))));
}

#[test]
fn keys_rotate() {
    let (old, both, new) = (vault(&[1]), vault(&[2, 1]), vault(&[2]));
    let sealed = old.seal("secret", b"1");
    assert!(old.is_current(&sealed) && !both.is_current(&sealed));
    assert_eq!(both.open(&sealed, b"1").unwrap(), "secret");
    let again = both.seal("secret", b"1");
    assert!(both.is_current(&again) && new.is_current(&again));
    assert_eq!(new.open(&again, b"1").unwrap(), "secret");
    let Err(VaultError::UnknownKey(id)) = new.open(&sealed, b"1") else { panic!("opened") };
    assert!(sealed.starts_with(&format!("v1:{id}:")), "{id}");
}

/// What was sealed once must open for ever: made with libsodium.
#[test]
fn a_text_of_another_implementation_opens() {
    const SEALED: &str = "v1:9ce056bf:AAECAwQFBgcICQoLDA0ODxAREhMUFRYX2mPY9cAzdNNMovYilNjH2TGiXW\
        Umt1QQnjKGTuF/iSGC9x5bn4WxeH94Rg==";
    assert_eq!(vault(&[7]).open(SEALED, b"camera 1").unwrap(), "rtsp://viewer:hunter2@cam/1");
}

#[test]
fn no_key_and_no_content_is_shown() {
    let vault = vault(&[0xab]);
    let sealed = vault.seal("hunter2", b"1");
    let shown = format!("{vault:?} {:?}", vault.open(&sealed, b"2"));
    assert!(!shown.contains("abab") && !shown.contains("hunter2"), "{shown}");
    assert!(!sealed.contains("hunter2") && !sealed.contains(&STANDARD.encode("hunter2")));
}

proptest! {
    #[test]
    fn what_was_sealed_opens_and_twice_is_never_the_same(
        text in "\\PC{0,200}",
        aad in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let vault = vault(&[3, 4]);
        let sealed = vault.seal(&text, &aad);
        prop_assert!(Vault::is_sealed(&sealed) && vault.is_current(&sealed));
        prop_assert_eq!(vault.open(&sealed, &aad).unwrap(), text.clone());
        prop_assert_ne!(vault.seal(&text, &aad), sealed);
    }

    /// Whatever is done to it: any other nonce, ciphertext, tag, key id or context is refused.
    #[test]
    fn tampering_is_always_refused(
        text in "\\PC{0,60}",
        aad in prop::collection::vec(any::<u8>(), 0..10),
        other in prop::collection::vec(any::<u8>(), 0..10),
        place in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let vault = vault(&[5]);
        let sealed = vault.seal(&text, &aad);
        if other != aad {
            prop_assert_eq!(vault.open(&sealed, &other), Err(VaultError::Damaged));
        }
        let (id, body) = split(&sealed).unwrap();
        let bytes = STANDARD.decode(body).unwrap();
        let with = |bytes: &[u8]| format!("v1:{id}:{}", STANDARD.encode(bytes));
        let mut changed = bytes.clone();
        changed[place.index(bytes.len())] ^= flip;
        prop_assert_eq!(vault.open(&with(&changed), &aad), Err(VaultError::Damaged));
        let shorter = with(&bytes[..cut.index(bytes.len())]);
        prop_assert_eq!(vault.open(&shorter, &aad), Err(VaultError::Damaged));
        let longer = with(&[bytes.as_slice(), &[flip]].concat());
        prop_assert_eq!(vault.open(&longer, &aad), Err(VaultError::Damaged));
        let id = format!("{:08x}", u32::from_str_radix(id, 16).unwrap() ^ u32::from(flip));
        let foreign = format!("v1:{id}:{body}");
        prop_assert_eq!(vault.open(&foreign, &aad), Err(VaultError::UnknownKey(id)));
    }

    #[test]
    fn any_text_is_given_back_or_refused(text in "(v1:)?([0-9a-f]{8}:)?\\PC{0,60}") {
        let opened = vault(&[6]).open(&text, b"");
        match Vault::is_sealed(&text) {
            true => prop_assert!(opened.is_err()),
            false => prop_assert_eq!(opened.unwrap(), text),
        }
    }
}
