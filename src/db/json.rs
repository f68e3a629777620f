//! Values that are kept as JSON in a column, in a form that has a version of its own.
//!
//! Most of them have the form that the API shows. When a field of the API gets another name, what
//! is stored stays readable all the same: the type's list of upgrades grows by a function that
//! gives the field of an old value its new name. No stored row has to be changed.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Result, Value};

/// Brings a stored value from one version of its form to the next.
pub(super) type Upgrade = fn(&mut Value);

/// A value that is kept as JSON in a column.
pub(super) trait StoredJson: Serialize + DeserializeOwned {
    /// What leads from each version of the form to the next, from version 1 on.
    const UPGRADES: &'static [Upgrade] = &[];
}

/// A value of version 2 or later. Those of version 1 are written as they are, since they were so
/// before there were versions.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Versioned<T> {
    stored_version: usize,
    value: T,
}

/// The text that is stored.
pub(super) fn to_text<T: StoredJson>(value: &T) -> Result<String> {
    match T::UPGRADES.len() {
        0 => serde_json::to_string(value),
        upgrades => serde_json::to_string(&Versioned { stored_version: upgrades + 1, value }),
    }
}

/// The value of a text that this or an older version of becamera has stored.
pub(super) fn from_text<T: StoredJson>(text: &str) -> Result<T> {
    if T::UPGRADES.is_empty() {
        return serde_json::from_str(text);
    }
    let stored: Value = serde_json::from_str(text)?;
    let (version, mut value) = match Versioned::<Value>::deserialize(&stored) {
        Ok(Versioned { stored_version, value }) => (stored_version, value),
        Err(_) => (1, stored),
    };
    T::UPGRADES.iter().skip(version.saturating_sub(1)).for_each(|upgrade| upgrade(&mut value));
    serde_json::from_value(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its field was called `title` in version 1, and held no list in version 2.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Door {
        names: Vec<String>,
    }

    impl StoredJson for Door {
        const UPGRADES: &'static [Upgrade] = &[
            |door| door["name"] = door["title"].take(),
            |door| *door = serde_json::json!({ "names": [door["name"].take()] }),
        ];
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Gate {
        open: bool,
    }

    impl StoredJson for Gate {}

    #[test]
    fn every_older_form_is_read() {
        let door = Door { names: vec!["front".into()] };
        for old in [
            r#"{"title":"front"}"#,
            r#"{"stored_version":2,"value":{"name":"front"}}"#,
            r#"{"stored_version":3,"value":{"names":["front"]}}"#,
        ] {
            assert_eq!(from_text::<Door>(old).unwrap(), door, "{old}");
        }
        let text = to_text(&door).unwrap();
        assert_eq!(text, r#"{"stored_version":3,"value":{"names":["front"]}}"#);
        assert!(from_text::<Door>(r#"{"stored_version":3,"value":{"title":"x"}}"#).is_err());
    }

    #[test]
    fn the_first_form_has_no_number() {
        let text = r#"{"open":true}"#;
        assert_eq!(to_text(&Gate { open: true }).unwrap(), text);
        assert_eq!(from_text::<Gate>(text).unwrap(), Gate { open: true });
    }
}
