//! Sites: how many people are in a place with several doors.
//!
//! [`reset`] says when a day begins, [`ledger`] counts a day in its order, [`recent`] is what a day is
//! counted from, [`Book`] is all of it as plain state and time.

pub mod book;
pub mod ledger;
pub mod recent;
pub mod reset;

use becamera_domain::{InvalidField, LiveSite, Site, SiteId};
use chrono::{DateTime, Utc};

pub use book::Book;

/// A site and how many people are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteView {
    /// What is said of it.
    pub site: Site,
    /// How many people are in it.
    pub live: LiveSite,
    /// When counting begins anew, UTC.
    pub next_reset_at: DateTime<Utc>,
}

/// Why a site could not be had or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// A field can't be taken.
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    /// There is no such site.
    #[error("There is no site {0}")]
    NotFound(SiteId),
    /// There are as many sites as there may be.
    #[error("There can be no more than {0} sites")]
    TooMany(usize),
}
