//! The tables of sites and their corrections.

use becamera_actors::ports::StoreError;
use becamera_domain::{AuditId, Correction, CorrectionChange, Site, SiteId, SiteSettings};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use log::error;

use super::{
    columns::micros_after,
    connection::{DbConnection, on_either},
    json::{self, StoredJson},
    schema::{site_corrections, sites},
};

impl StoredJson for SiteSettings {}

/// A row of `sites`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sites)]
pub(super) struct SiteRow {
    id: String,
    settings: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<&Site> for SiteRow {
    type Error = StoreError;

    fn try_from(site: &Site) -> Result<Self, StoreError> {
        let settings = json::to_text(&site.settings)
            .map_err(|error| StoreError::Rejected(format!("site {}: {error}", site.id)))?;
        Ok(Self {
            id: site.id.to_string(),
            settings,
            created_at: site.created_at.timestamp_micros(),
            updated_at: site.updated_at.timestamp_micros(),
        })
    }
}

impl TryFrom<SiteRow> for Site {
    type Error = String;

    fn try_from(row: SiteRow) -> Result<Self, String> {
        let time = |micros| DateTime::from_timestamp_micros(micros).ok_or("a time out of range");
        Ok(Self {
            id: row.id.parse().map_err(|error| format!("{error}"))?,
            settings: json::from_text(&row.settings)
                .map_err(|error| format!("settings: {error}"))?,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

/// A row of `site_corrections`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = site_corrections)]
pub(super) struct CorrectionRow {
    site_id: String,
    id: i64,
    at: i64,
    kind: String,
    amount: i64,
}

const SET: &str = "set";
const ADD: &str = "add";

impl From<&Correction> for CorrectionRow {
    fn from(correction: &Correction) -> Self {
        let (kind, amount) = match correction.change {
            CorrectionChange::Set(people) => (SET, i64::from(people)),
            CorrectionChange::Add(more) => (ADD, i64::from(more)),
        };
        Self {
            site_id: correction.site_id.to_string(),
            id: correction.id.0,
            at: correction.at.timestamp_micros(),
            kind: kind.into(),
            amount,
        }
    }
}

impl TryFrom<CorrectionRow> for Correction {
    type Error = StoreError;

    // It fails only where something other than becamera has changed the row.
    fn try_from(row: CorrectionRow) -> Result<Self, StoreError> {
        let refuse = |what: &str| {
            let (site, id) = (&row.site_id, row.id);
            StoreError::Rejected(format!("stored correction {id} of site {site}: {what}"))
        };
        let change = match row.kind.as_str() {
            SET => u32::try_from(row.amount).ok().map(CorrectionChange::Set),
            ADD => i32::try_from(row.amount).ok().map(CorrectionChange::Add),
            _ => None,
        };
        Ok(Self {
            id: AuditId(row.id),
            site_id: row.site_id.parse().map_err(|_| refuse("site_id can't be read"))?,
            at: DateTime::from_timestamp_micros(row.at)
                .ok_or_else(|| refuse("at is out of range"))?,
            change: change.ok_or_else(|| refuse("kind or amount can't be read"))?,
        })
    }
}

/// Keeps a site or replaces what is said of it.
pub(super) fn save(connection: &mut DbConnection, row: &SiteRow) -> QueryResult<()> {
    on_either!(connection, c => diesel::insert_into(sites::table)
        .values(row)
        .on_conflict(sites::id)
        .do_update()
        .set(row)
        .execute(c)
        .map(drop))
}

/// Forgets a site. Its corrections go with it: ON DELETE CASCADE.
pub(super) fn forget(connection: &mut DbConnection, id: &SiteId) -> QueryResult<()> {
    diesel::delete(sites::table.find(id.as_str())).execute(connection).map(drop)
}

/// Adds a correction that is not there yet.
pub(super) fn correct(connection: &mut DbConnection, row: &CorrectionRow) -> QueryResult<()> {
    on_either!(connection, c => diesel::insert_into(site_corrections::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c)
        .map(drop))
}

/// Every site, by id.
pub(super) fn load(connection: &mut DbConnection) -> QueryResult<Vec<SiteRow>> {
    sites::table.select(SiteRow::as_select()).order(sites::id.asc()).load(connection)
}

/// The sites of rows. One that can't be read is said, and must not keep the others away.
pub(super) fn read_all(rows: Vec<SiteRow>) -> Vec<Site> {
    let read = |row: SiteRow| {
        let id = row.id.clone();
        Site::try_from(row)
            .inspect_err(|reason| error!("site {id}: its stored row can't be read: {reason}"))
            .ok()
    };
    rows.into_iter().filter_map(read).collect()
}

/// Corrections made at or after a time, by time.
pub(super) fn corrections(
    connection: &mut DbConnection,
    from: DateTime<Utc>,
) -> QueryResult<Vec<CorrectionRow>> {
    site_corrections::table
        .filter(site_corrections::at.ge(micros_after(from)))
        .select(CorrectionRow::as_select())
        .order((site_corrections::at.asc(), site_corrections::id.asc()))
        .load(connection)
}

/// Deletes corrections of before a time; there are few.
pub(super) fn delete_old(connection: &mut DbConnection, cutoff: i64) -> QueryResult<usize> {
    diesel::delete(site_corrections::table.filter(site_corrections::at.lt(cutoff)))
        .execute(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a field of the API has changed: see [`json`] for how old rows stay readable.
    #[test]
    fn settings_have_the_form_of_version_1() {
        let stored = concat!(
            r#"{"name":"Shop","timezone":"Europe/Berlin","reset_at":"04:30","capacity":80,"#,
            r#""members":[{"camera_id":7,"line_id":"door","invert":true}]}"#
        );
        let settings: SiteSettings = json::from_text(stored).unwrap();
        assert_eq!(json::to_text(&settings).unwrap(), stored);
    }
}
