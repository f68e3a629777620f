//! Names that operators give to what they draw: part of addresses, records and metrics.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidField;

/// Longest name, in characters.
const LONGEST: usize = 63;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        /// 1 to 63 lower-case letters, digits, `-` and `_`; the first is a letter or a digit.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidField;

            fn from_str(text: &str) -> Result<Self, InvalidField> {
                check($field, text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidField;

            fn try_from(text: String) -> Result<Self, InvalidField> {
                check($field, &text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A line's name, unique among those of its camera.
    LineId,
    "line_id"
);
name!(
    /// A zone's name, unique among those of its camera.
    ZoneId,
    "zone_id"
);
name!(
    /// A site's name, unique.
    SiteId,
    "site_id"
);

fn check(field: &'static str, text: &str) -> Result<(), InvalidField> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = (1..=LONGEST).contains(&text.len())
        && text.starts_with(plain)
        && text.chars().all(|c| plain(c) || "-_".contains(c));
    if fits {
        return Ok(());
    }
    let reason = "must be 1 to 63 lower-case letters, digits, - and _, a letter or digit first";
    Err(InvalidField::new(field, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_is_refused() {
        for good in ["door", "0", "front-door_2"] {
            assert_eq!(good.parse::<LineId>().unwrap().as_str(), good);
        }
        let long = "x".repeat(64);
        for bad in ["", "-door", "Door", "a b", "ä", "a/b", long.as_str()] {
            assert_eq!(bad.parse::<ZoneId>().unwrap_err().field, "zone_id", "{bad}");
            assert!(serde_json::from_value::<SiteId>(bad.into()).is_err());
        }
    }
}
