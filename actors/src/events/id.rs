//! Event ids: unique across restarts of the service.

use std::{fmt, str::FromStr};

/// An event's id, written `{epoch}-{number}` in hexadecimal and decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// Drawn anew by every start of the service, so that ids of another start are recognised.
    pub epoch: u64,
    /// Counts the events of this start from 1; 0 stands before the first.
    pub number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.epoch, self.number)
    }
}

/// A text that is no event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no event id")]
pub struct NoEventId;

impl FromStr for EventId {
    type Err = NoEventId;

    fn from_str(text: &str) -> Result<Self, NoEventId> {
        let (epoch, number) = text.split_once('-').ok_or(NoEventId)?;
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| NoEventId)?;
        let number = number.parse().map_err(|_| NoEventId)?;
        Ok(Self { epoch, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_other_texts_are_none() {
        let id = EventId { epoch: 0xbeca, number: 42 };
        assert_eq!(id.to_string(), "000000000000beca-42");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "-", "1", "x-1", "1-x", "1--1", "12345678901234567-1"] {
            assert_eq!(text.parse::<EventId>(), Err(NoEventId), "{text}");
        }
    }
}
