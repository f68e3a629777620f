//! The crossings of every line and the corrections of every site since well before any reset: what a
//! site that is made or changed is counted from.

use std::collections::BTreeMap;

use becamera_domain::{
    AuditId, CameraId, Correction, CorrectionChange, Crossing, CrossingPosition, Direction, LineId,
    SiteId,
};
use chrono::{DateTime, TimeDelta, Utc};

/// Longer than any day is, from reset to reset.
const KEEP: TimeDelta = TimeDelta::hours(26);
/// Most crossings of a line that are kept.
const MAX_OF_LINE: usize = 200_000;

/// What happened lately.
#[derive(Debug, Default)]
pub struct Recent {
    crossings: BTreeMap<(CameraId, LineId), BTreeMap<CrossingPosition, Direction>>,
    corrections: BTreeMap<SiteId, BTreeMap<(i64, AuditId), CorrectionChange>>,
}

/// Since when things are to be known.
pub fn horizon(now: DateTime<Utc>) -> DateTime<Utc> {
    now - KEEP
}

impl Recent {
    /// Takes a crossing in.
    pub fn add_crossing(&mut self, crossing: &Crossing) {
        let key = (crossing.camera_id, crossing.line_id.clone());
        let of_line = self.crossings.entry(key).or_default();
        of_line.insert(crossing.position(), crossing.direction);
        if of_line.len() > MAX_OF_LINE {
            of_line.pop_first();
        }
    }

    /// Takes a correction in.
    pub fn add_correction(&mut self, correction: &Correction) {
        let of_site = self.corrections.entry(correction.site_id.clone()).or_default();
        of_site.insert((correction.at.timestamp_micros(), correction.id), correction.change);
    }

    /// A line's crossings, oldest first.
    pub fn of_line(
        &self,
        camera: CameraId,
        line: &LineId,
    ) -> impl Iterator<Item = (CrossingPosition, Direction)> {
        let found = self.crossings.get(&(camera, line.clone()));
        found.into_iter().flatten().map(|(position, direction)| (*position, *direction))
    }

    /// A site's corrections, oldest first.
    pub fn of_site(&self, site: &SiteId) -> impl Iterator<Item = (i64, AuditId, CorrectionChange)> {
        let found = self.corrections.get(site);
        found.into_iter().flatten().map(|((at, id), change)| (*at, *id, *change))
    }

    /// Forgets all that was counted on a camera.
    pub fn forget_camera(&mut self, camera: CameraId) {
        self.crossings.retain(|(id, _), _| *id != camera);
    }

    /// Forgets a site's corrections.
    pub fn forget_site(&mut self, site: &SiteId) {
        self.corrections.remove(site);
    }

    /// Drops what is older than any day.
    pub fn prune(&mut self, now: DateTime<Utc>) {
        let oldest = horizon(now).timestamp_micros();
        self.crossings.retain(|_, of_line| {
            while of_line.first_key_value().is_some_and(|(first, _)| first.at_micros < oldest) {
                of_line.pop_first();
            }
            !of_line.is_empty()
        });
        self.corrections.retain(|_, of_site| {
            of_site.retain(|(at, _), _| *at >= oldest);
            !of_site.is_empty()
        });
    }
}
