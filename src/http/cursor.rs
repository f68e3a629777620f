//! Where a page ended, as an opaque text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use becamera_domain::{AuditId, CrossingId, CrossingPosition, RunId, SamplePosition};
use chrono::{DateTime, Utc};

use super::error::ApiError;

/// What a cursor begins with says what it holds: another one whenever the content changes, so that
/// an old or foreign cursor is refused rather than misread.
const SAMPLE: u8 = 2;
const MOMENT: u8 = 3;
const AUDIT: u8 = 4;
const CROSSING: u8 = 5;

/// The cursor of a page that ended with this sample.
pub(super) fn encode(after: SamplePosition) -> String {
    let mut bytes = vec![SAMPLE];
    bytes.extend(after.bucket_start.timestamp().to_be_bytes());
    bytes.extend(after.run.0.to_be_bytes());
    bytes.extend(after.seq.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The sample that a cursor names.
pub(super) fn decode(text: &str) -> Result<SamplePosition, ApiError> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes = bytes.strip_prefix(&[SAMPLE])?;
        let (seconds, bytes) = bytes.split_first_chunk()?;
        let (run, seq) = bytes.split_first_chunk()?;
        Some(SamplePosition {
            bucket_start: DateTime::from_timestamp(i64::from_be_bytes(*seconds), 0)?,
            run: RunId(u64::from_be_bytes(*run)),
            seq: u32::from_be_bytes(seq.try_into().ok()?),
        })
    };
    read().ok_or_else(refusal)
}

/// The cursor of a page that goes on at this moment, in whole seconds.
pub(super) fn encode_moment(at: DateTime<Utc>) -> String {
    let mut bytes = vec![MOMENT];
    bytes.extend(at.timestamp().to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The moment that a cursor names.
pub(super) fn decode_moment(text: &str) -> Result<DateTime<Utc>, ApiError> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let seconds = bytes.strip_prefix(&[MOMENT])?.try_into().ok()?;
        DateTime::from_timestamp(i64::from_be_bytes(seconds), 0)
    };
    read().ok_or_else(refusal)
}

/// The cursor of a page that ended with this entry of the audit trail.
pub(super) fn encode_audit(after: AuditId) -> String {
    let mut bytes = vec![AUDIT];
    bytes.extend(after.0.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The entry that a cursor names.
pub(super) fn decode_audit(text: &str) -> Result<AuditId, ApiError> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let id = bytes.strip_prefix(&[AUDIT])?.try_into().ok()?;
        Some(AuditId(i64::from_be_bytes(id)))
    };
    read().ok_or_else(refusal)
}

/// The cursor of a page that ended with this crossing.
pub(super) fn encode_crossing(after: CrossingPosition) -> String {
    let mut bytes = vec![CROSSING];
    bytes.extend(after.at_micros.to_be_bytes());
    bytes.extend(after.id.run.0.to_be_bytes());
    bytes.extend(after.id.seq.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The crossing that a cursor names.
pub(super) fn decode_crossing(text: &str) -> Result<CrossingPosition, ApiError> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes = bytes.strip_prefix(&[CROSSING])?;
        let (micros, bytes) = bytes.split_first_chunk()?;
        let (run, seq) = bytes.split_first_chunk()?;
        let (run, seq) =
            (RunId(u64::from_be_bytes(*run)), u32::from_be_bytes(seq.try_into().ok()?));
        let at_micros = i64::from_be_bytes(*micros);
        Some(CrossingPosition { at_micros, id: CrossingId { run, seq } })
    };
    read().ok_or_else(refusal)
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
            let text = encode(position);
            prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
            prop_assert_eq!(decode(&text).unwrap(), position);
            prop_assert!(decode_moment(&text).is_err());
            let text = encode_moment(bucket_start);
            prop_assert_eq!(decode_moment(&text).unwrap(), bucket_start);
            prop_assert!(decode(&text).is_err());
        }

        #[test]
        fn any_other_text_is_refused_or_a_position(text in "\\PC{0,40}") {
            if let Ok(position) = decode(&text) {
                prop_assert_eq!(encode(position), text.as_str());
            }
            if let Ok(at) = decode_moment(&text) {
                prop_assert_eq!(encode_moment(at), text.as_str());
            }
            if let Ok(id) = decode_audit(&text) {
                prop_assert_eq!(encode_audit(id), text);
            }
        }

        #[test]
        fn a_cursor_leads_back_to_its_crossing(
            at_micros in any::<i64>(),
            run in any::<u64>(),
            seq in any::<u32>(),
        ) {
            let position = CrossingPosition { at_micros, id: CrossingId { run: RunId(run), seq } };
            let text = encode_crossing(position);
            prop_assert_eq!(decode_crossing(&text).unwrap(), position);
            prop_assert!(decode(&text).is_err() && decode_audit(&text).is_err());
        }

        #[test]
        fn a_cursor_of_the_audit_trail_leads_back_to_its_entry(id in any::<i64>()) {
            let text = encode_audit(AuditId(id));
            prop_assert_eq!(decode_audit(&text).unwrap(), AuditId(id));
            prop_assert!(decode(&text).is_err());
        }
    }

    #[test]
    fn a_cursor_of_another_version_is_refused() {
        let other = URL_SAFE_NO_PAD.encode([1; 21]);
        assert!(decode(&other).is_err());
        assert!(decode("").is_err());
    }
}
