//! The table of the audit trail.

use becamera_actors::ports::StoreError;
use becamera_domain::{
    AuditAction, AuditEntry, AuditId, AuditQuery, CameraId, FieldChange, Requester,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::{
    columns::{micros_after, rows_for_page},
    connection::{DbConnection, on_either},
    json::{self, StoredJson},
    schema::audit,
};

impl StoredJson for Vec<FieldChange> {}

/// A row of `audit`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit)]
pub(super) struct AuditRow {
    id: i64,
    at: i64,
    who: String,
    address: Option<String>,
    action: String,
    camera_id: Option<i32>,
    worker_id: Option<String>,
    changes: String,
    site_id: Option<String>,
}

/// Adds an entry that is not there yet.
pub(super) fn insert(connection: &mut DbConnection, row: &AuditRow) -> QueryResult<()> {
    on_either!(connection, c => {
        diesel::insert_into(audit::table).values(row).on_conflict_do_nothing().execute(c).map(drop)
    })
}

/// Rows of a page and one more, newest first.
pub(super) fn read(
    connection: &mut DbConnection,
    query: &AuditQuery,
) -> QueryResult<Vec<AuditRow>> {
    let mut select = audit::table
        .select(AuditRow::as_select())
        .order(audit::id.desc())
        .limit(rows_for_page(query.limit))
        .into_boxed();
    if let Some(camera) = query.camera_id {
        select = select.filter(audit::camera_id.eq(camera.get()));
    }
    if let Some(from) = query.from {
        select = select.filter(audit::at.ge(micros_after(from)));
    }
    if let Some(to) = query.to {
        select = select.filter(audit::at.lt(micros_after(to)));
    }
    if let Some(before) = query.before {
        select = select.filter(audit::id.lt(before.0));
    }
    select.load(connection)
}

/// Deletes the oldest entries from before a time, at most `batch`. Answers how many.
pub(super) fn delete_old(
    connection: &mut DbConnection,
    cutoff: DateTime<Utc>,
    batch: i64,
) -> QueryResult<usize> {
    let old: Vec<i64> = audit::table
        .filter(audit::at.lt(cutoff.timestamp_micros()))
        .select(audit::id)
        .order(audit::at.asc())
        .limit(batch)
        .load(connection)?;
    diesel::delete(audit::table.filter(audit::id.eq_any(old))).execute(connection)
}

impl TryFrom<&AuditEntry> for AuditRow {
    type Error = StoreError;

    fn try_from(entry: &AuditEntry) -> Result<Self, StoreError> {
        let changes = json::to_text(&entry.changes).map_err(|error| {
            StoreError::Rejected(format!("audit entry {}: {error}", entry.id.0))
        })?;
        Ok(Self {
            id: entry.id.0,
            at: entry.at.timestamp_micros(),
            who: entry.by.who.clone(),
            address: entry.by.address.map(|address| address.to_string()),
            action: entry.action.as_str().to_owned(),
            camera_id: entry.camera_id.map(CameraId::get),
            worker_id: entry.worker_id.map(|worker| worker.to_string()),
            changes,
            site_id: entry.site_id.as_ref().map(ToString::to_string),
        })
    }
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = StoreError;

    // It fails only where something other than becamera has changed the row.
    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        let refuse = |what: &str| {
            StoreError::Rejected(format!("stored audit entry {}: {what} can't be read", row.id))
        };
        let action = AuditAction::ALL.into_iter().find(|action| action.as_str() == row.action);
        let address = row.address.as_deref().map(str::parse).transpose();
        let camera_id = row.camera_id.map(|id| CameraId::try_from(i64::from(id))).transpose();
        let worker_id = row.worker_id.as_deref().map(str::parse).transpose();
        let site_id = row.site_id.as_deref().map(str::parse).transpose();
        Ok(Self {
            id: AuditId(row.id),
            at: DateTime::from_timestamp_micros(row.at).ok_or_else(|| refuse("at"))?,
            action: action.ok_or_else(|| refuse("action"))?,
            camera_id: camera_id.map_err(|_| refuse("camera_id"))?,
            worker_id: worker_id.map_err(|_| refuse("worker_id"))?,
            site_id: site_id.map_err(|_| refuse("site_id"))?,
            changes: json::from_text(&row.changes).map_err(|_| refuse("changes"))?,
            by: Requester {
                who: row.who.clone(),
                address: address.map_err(|_| refuse("address"))?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a field of the API has changed: see [`json`] for how old rows stay readable.
    #[test]
    fn changes_have_the_form_of_version_1() {
        let stored = concat!(
            r#"[{"field":"name","from":null,"to":"Eingang"},"#,
            r#"{"field":"stream_url","from":"rtsp://***@c/","to":"rtsp://***@c/","#,
            r#""credentials_changed":true}]"#
        );
        let changes: Vec<FieldChange> = json::from_text(stored).unwrap();
        assert_eq!(json::to_text(&changes).unwrap(), stored);
    }
}
