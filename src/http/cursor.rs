//! Where a page of samples ended, as an opaque text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};

use super::error::ApiError;

/// Raised when the content changes, so that an old cursor is refused rather than misread.
const VERSION: u8 = 1;

/// The cursor of a page that ended with this bucket.
pub(super) fn encode(after: DateTime<Utc>) -> String {
    let mut bytes = [VERSION; 9];
    bytes[1..].copy_from_slice(&after.timestamp_millis().to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bucket that a cursor names.
pub(super) fn decode(text: &str) -> Result<DateTime<Utc>, ApiError> {
    let read = || {
        let bytes: [u8; 9] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (version, millis) = bytes.split_first_chunk::<1>()?;
        (*version == [VERSION]).then_some(())?;
        DateTime::from_timestamp_millis(i64::from_be_bytes(millis.try_into().ok()?))
    };
    read().ok_or_else(|| ApiError::InvalidField {
        field: "cursor".into(),
        reason: "must be a next_cursor of an earlier answer".into(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_bucket(seconds in -100_000_000_000i64..100_000_000_000) {
            let bucket = DateTime::from_timestamp(seconds, 0).unwrap();
            let text = encode(bucket);
            prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
            prop_assert_eq!(decode(&text).unwrap(), bucket);
        }

        #[test]
        fn any_other_text_is_refused_or_a_time(text in "\\PC{0,20}") {
            if let Ok(time) = decode(&text) {
                prop_assert_eq!(encode(time), text);
            }
        }
    }

    #[test]
    fn a_cursor_of_another_version_is_refused() {
        let other = URL_SAFE_NO_PAD.encode([2, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(decode(&other).is_err());
        assert!(decode("").is_err());
    }
}
