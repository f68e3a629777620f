//! Reads what sites are counted from, at the start of the service. Blocking.

use std::collections::BTreeSet;

use becamera_domain::{Camera, CameraId, Crossing, CrossingQuery, Write, WriteKind};
use becamera_history::sites::{book::Book, recent::horizon};
use chrono::{DateTime, Utc};

use crate::ports::{CrossingReader, SiteReader, Spool, StoreError};

/// Crossings that are read at once.
const PAGE: u32 = 10_000;
/// What changes sites, their corrections and their doors.
const REGISTRATIONS: [WriteKind; 4] =
    [WriteKind::SaveSite, WriteKind::ForgetSite, WriteKind::Correct, WriteKind::ForgetCamera];

/// The sites as they are once the spool is replayed, and what happened in them since their resets: in
/// the database, and in the spool where the database was away.
///
/// # Errors
/// When the store or the spool can't be read.
pub fn load_book(
    store: &(impl SiteReader + CrossingReader),
    spool: &dyn Spool,
    cameras: &[Camera],
    now: DateTime<Utc>,
) -> Result<Book, StoreError> {
    let since = horizon(now);
    let mut sites = store.load_sites()?;
    let mut corrections = store.read_corrections(since)?;
    let mut forgotten: BTreeSet<CameraId> = BTreeSet::new();
    for write in spool.waiting(&REGISTRATIONS)? {
        match write {
            Write::SaveSite(site) => {
                sites.retain(|other| other.id != site.id);
                sites.push(*site);
            }
            Write::ForgetSite(id) => {
                sites.retain(|other| other.id != id);
                corrections.retain(|correction| correction.site_id != id);
            }
            Write::Correct(correction) => corrections.push(correction),
            Write::ForgetCamera(id) => _ = forgotten.insert(id),
            // Not asked for.
            _ => {}
        }
    }
    let mut crossings = Vec::new();
    // What the database has of a camera that was deleted meanwhile is about to go.
    for camera in cameras.iter().filter(|camera| !forgotten.contains(&camera.id)) {
        read_crossings(store, camera.id, since, &mut crossings)?;
    }
    let registered: BTreeSet<_> = cameras.iter().map(|camera| camera.id).collect();
    let spooled = spool.waiting(&[WriteKind::Crossing])?.into_iter();
    let spooled = spooled.filter_map(|write| match write {
        Write::Crossing(crossing) => registered.contains(&crossing.camera_id).then_some(crossing),
        _ => None,
    });
    Ok(Book::new(sites, &corrections, crossings.into_iter().chain(spooled), now))
}

fn read_crossings(
    store: &impl CrossingReader,
    camera_id: CameraId,
    since: DateTime<Utc>,
    into: &mut Vec<Crossing>,
) -> Result<(), StoreError> {
    let mut query = CrossingQuery {
        camera_id,
        line_id: None,
        direction: None,
        from: Some(since),
        to: None,
        after: None,
        limit: PAGE,
    };
    loop {
        let page = store.read_crossings(&query)?;
        query.after = page.items.last().map(Crossing::position);
        into.extend(page.items);
        if !page.more {
            return Ok(());
        }
    }
}
