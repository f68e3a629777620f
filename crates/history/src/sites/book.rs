//! Every site and its day. No actor, no clock, no I/O: every method takes the time.

use std::collections::BTreeMap;

use becamera_domain::{
    CameraId, Correction, Crossing, Direction, InvalidField, LiveSite, MAX_OCCUPANCY, MAX_SITES,
    Member, Site, SiteId, SiteSettings,
};
use chrono::{DateTime, Utc};

use crate::sites::{
    SiteError, SiteView,
    ledger::{Change, ChangeId, Ledger, Place},
    recent::Recent,
    reset,
};

/// The sites and what happened lately.
#[derive(Debug, Default)]
pub struct Book {
    sites: BTreeMap<SiteId, Page>,
    recent: Recent,
}

/// A site and its day.
#[derive(Debug)]
struct Page {
    site: Site,
    day: Ledger,
    /// When it last changed.
    at: DateTime<Utc>,
}

impl Book {
    /// The sites as they were stored, with what happened since their resets.
    pub fn new(
        sites: Vec<Site>,
        corrections: &[Correction],
        crossings: impl IntoIterator<Item = Crossing>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut book = Self::default();
        crossings.into_iter().for_each(|crossing| book.recent.add_crossing(&crossing));
        corrections.iter().for_each(|correction| book.recent.add_correction(correction));
        book.recent.prune(now);
        for site in sites {
            let day = book.day_of(&site, now);
            book.sites.insert(site.id.clone(), Page { site, day, at: now });
        }
        book
    }

    /// Every site, by name.
    pub fn sites(&self, now: DateTime<Utc>) -> Vec<SiteView> {
        self.sites.values().map(|page| page.view(now)).collect()
    }

    /// One site.
    pub fn site(&self, id: &SiteId, now: DateTime<Utc>) -> Result<SiteView, SiteError> {
        let page = self.sites.get(id).ok_or_else(|| SiteError::NotFound(id.clone()))?;
        Ok(page.view(now))
    }

    /// Makes a site or replaces what is said of it; its day is counted anew from its lines. Answers
    /// what it was before.
    pub fn put(
        &mut self,
        id: &SiteId,
        settings: SiteSettings,
        now: DateTime<Utc>,
    ) -> Result<Option<Site>, SiteError> {
        settings.validate()?;
        let before = self.sites.get(id).map(|page| page.site.clone());
        if before.is_none() && self.sites.len() >= MAX_SITES {
            return Err(SiteError::TooMany(MAX_SITES));
        }
        let created_at = before.as_ref().map_or(now, |site| site.created_at);
        let site = Site { id: id.clone(), settings, created_at, updated_at: now };
        let day = self.day_of(&site, now);
        self.sites.insert(id.clone(), Page { site, day, at: now });
        Ok(before)
    }

    /// Deletes a site and its corrections.
    pub fn delete(&mut self, id: &SiteId) -> Result<Site, SiteError> {
        let page = self.sites.remove(id).ok_or_else(|| SiteError::NotFound(id.clone()))?;
        self.recent.forget_site(id);
        Ok(page.site)
    }

    /// Takes a correction in. Answers how many people there were and are.
    pub fn correct(&mut self, correction: &Correction) -> Result<(u32, u32), SiteError> {
        use becamera_domain::CorrectionChange::{Add, Set};
        let id = &correction.site_id;
        let page = self.sites.get_mut(id).ok_or_else(|| SiteError::NotFound(id.clone()))?;
        let (field, size) = match correction.change {
            Set(people) => ("occupancy", people),
            Add(more) => ("delta", more.unsigned_abs()),
        };
        if size > MAX_OCCUPANCY {
            let reason = format!("must not be beyond {MAX_OCCUPANCY}");
            return Err(InvalidField::new(field, reason).into());
        }
        let before = page.day.people();
        let (at_micros, id) = (correction.at.timestamp_micros(), correction.id);
        let place = Place { at_micros, id: ChangeId::Correction(id) };
        page.day.add(place, Change::Correct(correction.change));
        page.at = correction.at;
        let after = page.day.people();
        self.recent.add_correction(correction);
        Ok((before, after))
    }

    /// Takes a crossing in. Answers the sites that it changed.
    pub fn cross(&mut self, crossing: &Crossing, now: DateTime<Utc>) -> Vec<LiveSite> {
        self.recent.add_crossing(crossing);
        let mut changed = Vec::new();
        for page in self.sites.values_mut() {
            let of_line = |member: &&Member| {
                member.camera_id == crossing.camera_id && member.line_id == crossing.line_id
            };
            let Some(member) = page.site.settings.members.iter().find(of_line) else { continue };
            let change = change(crossing.direction, member.invert);
            if page.day.add(place(crossing.position()), change) {
                page.at = now;
                changed.push(page.live());
            }
        }
        changed
    }

    /// Forgets what was counted on a camera that was deleted. Answers the sites that this changed.
    pub fn forget_camera(&mut self, camera: CameraId, now: DateTime<Utc>) -> Vec<LiveSite> {
        self.recent.forget_camera(camera);
        let of_camera = |member: &Member| member.camera_id == camera;
        let ids: Vec<_> = self
            .sites
            .iter()
            .filter(|(_, page)| page.site.settings.members.iter().any(of_camera))
            .map(|(id, _)| id.clone())
            .collect();
        let mut changed = Vec::new();
        for id in ids {
            let Some(page) = self.sites.get(&id) else { continue };
            let day = self.day_of(&page.site, now);
            let Some(page) = self.sites.get_mut(&id) else { continue };
            if page.day != day {
                (page.day, page.at) = (day, now);
                changed.push(page.live());
            }
        }
        changed
    }

    /// Begins the days that are due. Answers their sites.
    pub fn tick(&mut self, now: DateTime<Utc>) -> Vec<LiveSite> {
        let mut changed = Vec::new();
        for page in self.sites.values_mut() {
            let SiteSettings { timezone, reset_at, .. } = page.site.settings;
            let reset = reset::around(timezone, reset_at, now).0;
            // A clock that is set back brings no old day back.
            if reset.timestamp_micros() > page.day.reset_micros() {
                page.day.begin(reset.timestamp_micros());
                page.at = now;
                changed.push(page.live());
            }
        }
        changed
    }

    /// Drops what is older than any day.
    pub fn prune(&mut self, now: DateTime<Utc>) {
        self.recent.prune(now);
    }

    /// A site as subscribers see it.
    pub fn live(&self, id: &SiteId) -> Option<LiveSite> {
        self.sites.get(id).map(Page::live)
    }

    /// Every site as subscribers see it.
    pub fn all_live(&self) -> Vec<LiveSite> {
        self.sites.values().map(Page::live).collect()
    }

    /// A site's day, counted from what happened lately.
    fn day_of(&self, site: &Site, now: DateTime<Utc>) -> Ledger {
        let SiteSettings { timezone, reset_at, members, .. } = &site.settings;
        let reset = reset::around(*timezone, *reset_at, now).0;
        let mut day = Ledger::new(reset.timestamp_micros());
        for Member { camera_id, line_id, invert } in members {
            for (position, direction) in self.recent.of_line(*camera_id, line_id) {
                day.add(place(position), change(direction, *invert));
            }
        }
        for (at_micros, id, change) in self.recent.of_site(&site.id) {
            day.add(Place { at_micros, id: ChangeId::Correction(id) }, Change::Correct(change));
        }
        day
    }
}

fn place(position: becamera_domain::CrossingPosition) -> Place {
    Place { at_micros: position.at_micros, id: ChangeId::Crossing(position.id) }
}

fn change(direction: Direction, invert: bool) -> Change {
    match (direction, invert) {
        (Direction::In, false) | (Direction::Out, true) => Change::Enter,
        (Direction::Out, false) | (Direction::In, true) => Change::Leave,
    }
}

impl Page {
    fn since(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.day.reset_micros()).unwrap_or_default()
    }

    fn live(&self) -> LiveSite {
        LiveSite {
            site_id: self.site.id.clone(),
            occupancy: self.day.people(),
            capacity: self.site.settings.capacity,
            entered: self.day.entered(),
            left: self.day.left(),
            since: self.since(),
            at: self.at,
        }
    }

    fn view(&self, now: DateTime<Utc>) -> SiteView {
        let SiteSettings { timezone, reset_at, .. } = self.site.settings;
        SiteView {
            site: self.site.clone(),
            live: self.live(),
            next_reset_at: reset::around(timezone, reset_at, now).1,
        }
    }
}

#[cfg(test)]
mod tests;
