//! The actor: takes crossings and corrections, watches the clock, tells what changed.

use std::time::Duration;

use actix::prelude::*;
use becamera_domain::{
    AuditAction, AuditEntry, AuditId, Correction, FieldChange, LiveEvent, LiveKey, LiveSite,
    Requester, SiteId, SiteSettings, Write, differences, written,
};
use becamera_history::sites::{Book, SiteError, SiteView};
use chrono::{DateTime, Utc};
use log::{info, warn};

use crate::{
    events::{Publish, Subscribers},
    messages::{CorrectSite, DeleteSite, GetSite, GetSites, PutSite},
    metrics::Metrics,
    storage::StoreWrite,
};

/// How late a reset may be.
const TICK: Duration = Duration::from_secs(1);
const PRUNE: Duration = Duration::from_secs(60);

/// What the actor is made of.
pub struct SitesConfig {
    /// The sites.
    pub book: Book,
    /// Keeps sites, corrections and the audit trail.
    pub storage: Recipient<StoreWrite>,
    /// Told how many people are in each site.
    pub subscribers: Subscribers,
    /// The service's metrics.
    pub metrics: Metrics,
}

/// Counts people in sites. One of the supervisor's subscribers.
pub struct SitesActor {
    config: SitesConfig,
}

impl SitesActor {
    /// An actor with these sites.
    pub fn new(config: SitesConfig) -> Self {
        Self { config }
    }

    fn tell(&self, sites: Vec<LiveSite>) {
        for site in sites {
            self.config.metrics.set_site(&site);
            self.config.subscribers.publish(&LiveEvent::changed(site));
        }
    }

    fn store(&self, write: Write) {
        self.config.storage.do_send(StoreWrite(write));
    }

    fn tick(&mut self, now: DateTime<Utc>) {
        let begun = self.config.book.tick(now);
        for site in &begun {
            info!("site {}: a new day begins", site.site_id);
        }
        self.tell(begun);
    }

    fn audit(
        &self,
        id: AuditId,
        site: &SiteId,
        action: AuditAction,
        changes: Vec<FieldChange>,
        by: Requester,
        at: DateTime<Utc>,
    ) {
        let (site_id, camera_id, worker_id) = (Some(site.clone()), None, None);
        let entry = AuditEntry { id, at, by, action, camera_id, worker_id, site_id, changes };
        self.store(Write::Audit(Box::new(entry)));
    }

    fn put(&mut self, message: PutSite) -> Result<(SiteView, bool), SiteError> {
        let PutSite { site_id, settings, by } = message;
        let now = Utc::now();
        let before = self.config.book.put(&site_id, settings, now)?;
        let view = self.config.book.site(&site_id, now)?;
        let changes =
            changes(before.as_ref().map(|site| &site.settings), Some(&view.site.settings));
        let action = match before {
            None => AuditAction::SiteCreated,
            Some(_) => AuditAction::SiteUpdated,
        };
        let is_new = before.is_none();
        if is_new || !changes.is_empty() {
            self.audit(AuditId::unique(now), &site_id, action, changes, by, now);
            self.store(Write::SaveSite(Box::new(view.site.clone())));
            self.tell(vec![view.live.clone()]);
        }
        Ok((view, is_new))
    }

    fn delete(&mut self, message: DeleteSite) -> Result<(), SiteError> {
        let DeleteSite { site_id, by } = message;
        let site = self.config.book.delete(&site_id)?;
        let (now, changes) = (Utc::now(), changes(Some(&site.settings), None));
        self.audit(AuditId::unique(now), &site_id, AuditAction::SiteDeleted, changes, by, now);
        self.store(Write::ForgetSite(site_id.clone()));
        self.config.metrics.forget_site(&site_id);
        info!("site {site_id}: deleted");
        self.config.subscribers.publish(&LiveEvent::Removed(LiveKey::Site(site_id)));
        Ok(())
    }

    fn correct(&mut self, message: CorrectSite) -> Result<SiteView, SiteError> {
        let CorrectSite { site_id, change, by } = message;
        let at = Utc::now();
        self.tick(at);
        let id = AuditId::unique(at);
        let correction = Correction { id, site_id: site_id.clone(), at, change };
        let (before, after) = self.config.book.correct(&correction)?;
        let changes = vec![FieldChange::new("occupancy", before, after)];
        info!("site {site_id}: corrected from {before} to {after} by {}", by.who);
        self.audit(id, &site_id, AuditAction::SiteCorrected, changes, by, at);
        self.store(Write::Correct(correction));
        self.tell(self.config.book.live(&site_id).into_iter().collect());
        self.config.book.site(&site_id, at)
    }
}

/// What changed between two definitions of a site, by field.
fn changes(before: Option<&SiteSettings>, after: Option<&SiteSettings>) -> Vec<FieldChange> {
    differences("", &written(&before), &written(&after))
}

impl Actor for SitesActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tell(self.config.book.all_live());
        ctx.run_interval(TICK, |actor, _| actor.tick(Utc::now()));
        ctx.run_interval(PRUNE, |actor, _| actor.config.book.prune(Utc::now()));
    }
}

impl Supervised for SitesActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        warn!("sites actor restarts; its counts are kept");
    }
}

impl Handler<Publish> for SitesActor {
    type Result = ();

    fn handle(&mut self, Publish(event): Publish, _: &mut Self::Context) {
        let now = Utc::now();
        match event {
            LiveEvent::Crossed(crossing) => {
                self.tick(now);
                let changed = self.config.book.cross(&crossing, now);
                self.tell(changed);
            }
            LiveEvent::Removed(LiveKey::Camera(id)) => {
                let changed = self.config.book.forget_camera(id, now);
                self.tell(changed);
            }
            // Sites consist of crossings.
            _ => {}
        }
    }
}

impl Handler<PutSite> for SitesActor {
    type Result = Result<(SiteView, bool), SiteError>;

    fn handle(&mut self, message: PutSite, _: &mut Self::Context) -> Self::Result {
        self.put(message)
    }
}

impl Handler<DeleteSite> for SitesActor {
    type Result = Result<(), SiteError>;

    fn handle(&mut self, message: DeleteSite, _: &mut Self::Context) -> Self::Result {
        self.delete(message)
    }
}

impl Handler<CorrectSite> for SitesActor {
    type Result = Result<SiteView, SiteError>;

    fn handle(&mut self, message: CorrectSite, _: &mut Self::Context) -> Self::Result {
        self.correct(message)
    }
}

impl Handler<GetSites> for SitesActor {
    type Result = MessageResult<GetSites>;

    fn handle(&mut self, _: GetSites, _: &mut Self::Context) -> Self::Result {
        let now = Utc::now();
        self.tick(now);
        MessageResult(self.config.book.sites(now))
    }
}

impl Handler<GetSite> for SitesActor {
    type Result = Result<SiteView, SiteError>;

    fn handle(&mut self, message: GetSite, _: &mut Self::Context) -> Self::Result {
        let now = Utc::now();
        self.tick(now);
        self.config.book.site(&message.0, now)
    }
}
