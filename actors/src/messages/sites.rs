//! What callers ask of sites.

use actix::prelude::*;
use becamera_domain::{CorrectionChange, Requester, SiteId, SiteSettings};
use becamera_history::sites::{SiteError, SiteView};

/// Makes a site or replaces what is said of it; its day is counted anew from its lines. Answers the
/// site and whether it is new.
#[derive(Debug, Message)]
#[rtype(result = "Result<(SiteView, bool), SiteError>")]
pub struct PutSite {
    /// The site.
    pub site_id: SiteId,
    /// What is said of it.
    pub settings: SiteSettings,
    /// The user or address behind it.
    pub by: Requester,
}

/// Deletes a site and its corrections.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), SiteError>")]
pub struct DeleteSite {
    /// The site.
    pub site_id: SiteId,
    /// The user or address behind it.
    pub by: Requester,
}

/// Corrects how many people are in a site. Answers the site as it is then.
#[derive(Debug, Message)]
#[rtype(result = "Result<SiteView, SiteError>")]
pub struct CorrectSite {
    /// The site.
    pub site_id: SiteId,
    /// What is true.
    pub change: CorrectionChange,
    /// The user or address behind it.
    pub by: Requester,
}

/// Asks for every site, by name.
#[derive(Debug, Message)]
#[rtype(result = "Vec<SiteView>")]
pub struct GetSites;

/// Asks for one site.
#[derive(Debug, Message)]
#[rtype(result = "Result<SiteView, SiteError>")]
pub struct GetSite(pub SiteId);
