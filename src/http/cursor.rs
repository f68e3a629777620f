//! Where a page ended, as an opaque text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use becamera_domain::{AuditId, CrossingId, CrossingPosition, RunId, SamplePosition};
use chrono::{DateTime, Utc};

use super::error::ApiError;

/// A place at which a page can go on, as it is written into a cursor.
pub(super) trait Place: Sized {
    /// The first byte, which says what a cursor holds: another one whenever the content changes, so
    /// that an old or foreign cursor is refused rather than misread.
    const KIND: u8;

    /// The place's own bytes.
    fn to_bytes(&self) -> Vec<u8>;

    /// The place that these bytes hold; none when they hold none.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// The cursor of a page that goes on after (a moment: at) this place.
pub(super) fn encode(place: &impl Place) -> String {
    fn kind<P: Place>(_: &P) -> u8 {
        P::KIND
    }
    let mut bytes = vec![kind(place)];
    bytes.extend(place.to_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor names.
pub(super) fn decode<P: Place>(text: &str) -> Result<P, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let own = bytes.as_deref().and_then(|bytes| bytes.strip_prefix(&[P::KIND]));
    own.and_then(P::from_bytes).ok_or_else(refusal)
}

/// The last sample of a page.
impl Place for SamplePosition {
    const KIND: u8 = 2;

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.bucket_start.timestamp().to_be_bytes().to_vec();
        bytes.extend(self.run.0.to_be_bytes());
        bytes.extend(self.seq.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (seconds, bytes) = bytes.split_first_chunk()?;
        let (run, seq) = bytes.split_first_chunk()?;
        Some(Self {
            bucket_start: DateTime::from_timestamp(i64::from_be_bytes(*seconds), 0)?,
            run: RunId(u64::from_be_bytes(*run)),
            seq: u32::from_be_bytes(seq.try_into().ok()?),
        })
    }
}

/// The moment at which the next page begins, in whole seconds.
impl Place for DateTime<Utc> {
    const KIND: u8 = 3;

    fn to_bytes(&self) -> Vec<u8> {
        self.timestamp().to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_timestamp(i64::from_be_bytes(bytes.try_into().ok()?), 0)
    }
}

/// The last audit entry of a page.
impl Place for AuditId {
    const KIND: u8 = 4;

    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(i64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

/// The last crossing of a page.
impl Place for CrossingPosition {
    const KIND: u8 = 5;

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.at_micros.to_be_bytes().to_vec();
        bytes.extend(self.id.run.0.to_be_bytes());
        bytes.extend(self.id.seq.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (micros, bytes) = bytes.split_first_chunk()?;
        let (run, seq) = bytes.split_first_chunk()?;
        let run = RunId(u64::from_be_bytes(*run));
        let seq = u32::from_be_bytes(seq.try_into().ok()?);
        Some(Self { at_micros: i64::from_be_bytes(*micros), id: CrossingId { run, seq } })
    }
}

fn refusal() -> ApiError {
    ApiError::InvalidField {
        field: "cursor".into(),
        reason: "must be a next_cursor of an earlier answer".into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_sample(
            seconds in -100_000_000_000i64..100_000_000_000,
            run in 0..i64::MAX as u64,
            seq in any::<u32>(),
        ) {
            let bucket_start = DateTime::from_timestamp(seconds, 0).unwrap();
            let position = SamplePosition { bucket_start, run: RunId(run), seq };
            let text = encode(&position);
            prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
            prop_assert_eq!(decode::<SamplePosition>(&text).unwrap(), position);
            prop_assert!(decode::<DateTime<Utc>>(&text).is_err());
            let text = encode(&bucket_start);
            prop_assert_eq!(decode::<DateTime<Utc>>(&text).unwrap(), bucket_start);
            prop_assert!(decode::<SamplePosition>(&text).is_err());
        }

        #[test]
        fn any_other_text_is_refused_or_a_position(text in "\\PC{0,40}") {
            if let Ok(position) = decode::<SamplePosition>(&text) {
                prop_assert_eq!(encode(&position), text.as_str());
            }
            if let Ok(at) = decode::<DateTime<Utc>>(&text) {
                prop_assert_eq!(encode(&at), text.as_str());
            }
            if let Ok(id) = decode::<AuditId>(&text) {
                prop_assert_eq!(encode(&id), text);
            }
        }

        #[test]
        fn a_cursor_leads_back_to_its_crossing(
            at_micros in any::<i64>(),
            run in any::<u64>(),
            seq in any::<u32>(),
        ) {
            let position = CrossingPosition { at_micros, id: CrossingId { run: RunId(run), seq } };
            let text = encode(&position);
            prop_assert_eq!(decode::<CrossingPosition>(&text).unwrap(), position);
            prop_assert!(decode::<SamplePosition>(&text).is_err());
            prop_assert!(decode::<AuditId>(&text).is_err());
        }

        #[test]
        fn a_cursor_of_the_audit_trail_leads_back_to_its_entry(id in any::<i64>()) {
            let text = encode(&AuditId(id));
            prop_assert_eq!(decode::<AuditId>(&text).unwrap(), AuditId(id));
            prop_assert!(decode::<SamplePosition>(&text).is_err());
        }
    }

    #[test]
    fn a_cursor_of_another_version_is_refused() {
        let other = URL_SAFE_NO_PAD.encode([1; 21]);
        assert!(decode::<SamplePosition>(&other).is_err());
        assert!(decode::<SamplePosition>("").is_err());
    }
}
