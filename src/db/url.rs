//! Database URLs: the scheme chooses the database, and passwords are never shown.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use percent_encoding::percent_decode_str;
use url::Url;

/// Why a text is no URL of a database. It does not repeat the text, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("storage.database_url: {0}")]
pub struct InvalidDatabaseUrl(String);

/// Where the database is: `sqlite:PATH` or `postgres://user:password@host:port/name?…`.
/// `Debug` and `Display` show it without credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Sqlite(PathBuf),
    Postgres(Url),
}

impl DatabaseUrl {
    /// The file of an SQLite database.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }

    /// What libpq is given: the URL with its credentials, and limits where it names none, so
    /// that an unreachable or frozen server is noticed in seconds.
    pub(super) fn libpq_url(&self) -> Option<String> {
        let Place::Postgres(url) = &self.0 else { return None };
        const LIMITS: [(&str, &str); 5] = [
            ("connect_timeout", "2"),
            ("tcp_user_timeout", "5000"),
            ("keepalives_idle", "5"),
            ("keepalives_interval", "2"),
            ("application_name", "becamera"),
        ];
        let given: Vec<_> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
        let limits = LIMITS.iter().filter(|(key, _)| !given.iter().any(|name| name == key));
        let mut text = url.to_string();
        for (key, value) in limits {
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(&format!("{key}={value}"));
        }
        Some(text)
    }

    /// Removes this URL and its secrets from a text that a library made.
    pub(super) fn redact_in(&self, text: &str) -> String {
        let Place::Postgres(url) = &self.0 else { return text.trim().to_owned() };
        let mut clean = text.trim().to_owned();
        if let Some(whole) = self.libpq_url() {
            clean = clean.replace(&whole, &self.to_string());
        }
        clean = clean.replace(url.as_str(), &self.to_string());
        let decoded = url.password().map(percent_decode);
        let in_query = url.query_pairs().find(|(key, _)| key == "password");
        let secrets = [
            url.password().map(str::to_owned),
            decoded,
            in_query.map(|(_, value)| value.into_owned()),
        ];
        for secret in secrets.into_iter().flatten().filter(|secret| !secret.is_empty()) {
            clean = clean.replace(&secret, "***");
        }
        clean
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        let invalid = |reason: &str| Err(InvalidDatabaseUrl(reason.into()));
        if text.contains('\0') {
            return invalid("must not contain NUL characters");
        }
        match text.split_once(':') {
            Some(("sqlite", rest)) => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() || path.ends_with('/') {
                    return invalid("must name a file, as in sqlite:becamera.sqlite3");
                }
                if path == ":memory:" {
                    return invalid("must name a file: an SQLite database in memory keeps nothing");
                }
                if path.starts_with("file:") || path.contains('?') {
                    return invalid("takes a plain path after sqlite:, without file: and ?");
                }
                Ok(Self(Place::Sqlite(path.into())))
            }
            Some(("postgres" | "postgresql", _)) => match Url::parse(text) {
                Ok(url) if url.cannot_be_a_base() => {
                    invalid("must look like postgres://user:password@host/database")
                }
                Ok(url) => Ok(Self(Place::Postgres(url))),
                Err(url::ParseError::InvalidPort) => invalid(
                    "has an invalid port; in a password write @ as %40, / as %2F, # as %23 and ? as %3F",
                ),
                Err(error) => invalid(&format!("is not a URL: {error}")),
            },
            _ => invalid("must begin with sqlite: or postgres://"),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres(url) => {
                f.write_str("postgres://")?;
                if !url.username().is_empty() || url.password().is_some() {
                    f.write_str("***@")?;
                }
                f.write_str(url.host_str().unwrap_or_default())?;
                if let Some(port) = url.port() {
                    write!(f, ":{port}")?;
                }
                f.write_str(url.path())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

fn percent_decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        text.parse::<DatabaseUrl>().unwrap_err().to_string()
    }

    #[test]
    fn the_scheme_chooses_the_database() {
        let file: DatabaseUrl = "sqlite:data/b.sqlite3".parse().unwrap();
        assert_eq!(file.sqlite_path().unwrap(), Path::new("data/b.sqlite3"));
        let file: DatabaseUrl = "sqlite:///var/b.sqlite3".parse().unwrap();
        assert_eq!(file.sqlite_path().unwrap(), Path::new("/var/b.sqlite3"));
        for text in ["postgres://u@h/d", "postgresql://u@h:5433/d?sslmode=require"] {
            assert!(text.parse::<DatabaseUrl>().unwrap().libpq_url().is_some());
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        assert!(reason("").contains("begin with"));
        assert!(reason("mysql://h/d").contains("begin with"));
        assert!(reason("becamera.sqlite3").contains("begin with"));
        assert!(reason("sqlite:").contains("name a file"));
        assert!(reason("sqlite:/tmp/").contains("name a file"));
        assert!(reason("sqlite::memory:").contains("in memory"));
        assert!(reason("sqlite:file:x?mode=memory").contains("plain path"));
        assert!(reason("postgres:x").contains("postgres://"));
        let wrong = reason("postgres://user:pa/hunter2@h/d");
        assert!(wrong.contains("%2F") && !wrong.contains("hunter2"), "{wrong}");
    }

    #[test]
    fn passwords_are_never_shown() {
        let url: DatabaseUrl = "postgres://me:s3%40cret@db:5432/b?password=other".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://***@db:5432/b");
        assert_eq!(format!("{url:?}"), "DatabaseUrl(postgres://***@db:5432/b)");
        let noise = format!("bad URI {} (s3@cret, s3%40cret, other)\n", url.libpq_url().unwrap());
        assert_eq!(url.redact_in(&noise), "bad URI postgres://***@db:5432/b (***, ***, ***)");
    }

    #[test]
    fn limits_are_added_where_none_are_given() {
        let url: DatabaseUrl = "postgres://h/d?connect_timeout=9".parse().unwrap();
        let text = url.libpq_url().unwrap();
        assert!(text.starts_with("postgres://h/d?connect_timeout=9&tcp_user_timeout=5000&"));
        assert_eq!(text.matches("connect_timeout").count(), 1);
    }
}
