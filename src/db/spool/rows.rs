//! The spool's one table.

use std::path::Path;

use becamera_actors::ports::StoreError;
use becamera_domain::{AuditEntry, CameraId, Correction, Crossing, Sample, Site, SiteId, Write};
use chrono::{DateTime, Utc};
use diesel::{
    connection::SimpleConnection,
    dsl::count_star,
    prelude::*,
    sql_types::{BigInt, Bool, Text},
    sqlite::SqliteConnection,
};
use log::error;
use serde::{Deserialize, Serialize};

use crate::vault::Vault;

use super::{
    super::{
        connection::sqlite_uri,
        insert::{Insert, Kind},
        models::CameraRow,
    },
    time,
};

diesel::table! {
    writes (id) {
        id -> BigInt,
        is_sample -> Bool,
        added_at -> BigInt,
        thinned -> Integer,
        payload -> Text,
    }
}

const INSERT: Insert =
    Insert { into: "writes (is_sample, added_at, payload)", values: 3, then: "" };
const ROWS: usize = 1_000;
/// What a row takes besides its payload: its id, its length, its other columns, its place in the
/// indexes; and that pages are not full.
const ROW_OVERHEAD: usize = 64;

// One process at a time, so that nobody else's writes end up in our database. Each append reaches
// the disk before it counts as done.
const SETUP: &str = "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA locking_mode = EXCLUSIVE; \
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    CREATE TABLE IF NOT EXISTS writes (id INTEGER PRIMARY KEY AUTOINCREMENT, \
    is_sample INTEGER NOT NULL, added_at INTEGER NOT NULL, \
    thinned INTEGER NOT NULL DEFAULT 0, payload TEXT NOT NULL) STRICT; \
    CREATE INDEX IF NOT EXISTS others_than_samples ON writes (id) WHERE NOT is_sample;";

/// A write as it lies in the spool.
pub(super) struct StoredWrite {
    is_sample: bool,
    payload: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Payload {
    Sample(Sample),
    // `others_than_counts` knows it by its name.
    Crossing(Crossing),
    SaveCamera(CameraRow),
    ForgetCamera(CameraId),
    SaveSite(Box<Site>),
    ForgetSite(SiteId),
    Correct(Correction),
    Audit(Box<AuditEntry>),
}

impl StoredWrite {
    pub(super) fn of(write: &Write, vault: &Vault) -> Result<Self, StoreError> {
        let payload = match write {
            Write::Sample(sample) => Payload::Sample(sample.clone()),
            Write::Crossing(crossing) => Payload::Crossing(crossing.clone()),
            Write::SaveCamera(camera) => Payload::SaveCamera(CameraRow::seal(camera, vault)?),
            Write::ForgetCamera(camera) => Payload::ForgetCamera(*camera),
            Write::SaveSite(site) => Payload::SaveSite(site.clone()),
            Write::ForgetSite(id) => Payload::ForgetSite(id.clone()),
            Write::Correct(correction) => Payload::Correct(correction.clone()),
            Write::Audit(entry) => Payload::Audit(entry.clone()),
        };
        let payload = serde_json::to_string(&payload)
            .map_err(|error| StoreError::Rejected(format!("{write}: {error}")))?;
        Ok(Self { is_sample: write.is_sample(), payload })
    }
}

/// A row on its way back.
#[derive(Queryable)]
pub(super) struct Row {
    pub id: i64,
    payload: String,
}

/// Opens the file and checks all of it. The error is what SQLite says.
pub(super) fn open(path: &Path) -> Result<SqliteConnection, String> {
    let uri = sqlite_uri(path, true).ok_or("the path is not UTF-8")?;
    let mut connection = SqliteConnection::establish(&uri).map_err(|error| error.to_string())?;
    connection.batch_execute(SETUP).map_err(|error| match error.to_string() {
        text if text.contains("locked") => "another process uses it".into(),
        text => text,
    })?;
    #[derive(QueryableByName)]
    struct Check {
        #[diesel(sql_type = Text)]
        quick_check: String,
    }
    let check: Check = diesel::sql_query("PRAGMA quick_check(1)")
        .get_result(&mut connection)
        .map_err(|error| error.to_string())?;
    match check.quick_check.as_str() {
        "ok" => Ok(connection),
        what => Err(format!("{DAMAGED}: {what}")),
    }
}

const DAMAGED: &str = "the file is damaged";

/// Whether what [`open`] says means that the file's content is of no use.
pub(super) fn is_damage(reason: &str) -> bool {
    [DAMAGED, "malformed", "not a database"].iter().any(|text| reason.contains(text))
}

/// The write of a row; one that can't be read is lost, and said.
pub(super) fn read(row: &Row, vault: &Vault) -> Option<Write> {
    let write = match serde_json::from_str(&row.payload) {
        Ok(Payload::Sample(sample)) => Ok(Write::Sample(sample)),
        Ok(Payload::Crossing(crossing)) => Ok(Write::Crossing(crossing)),
        Ok(Payload::SaveCamera(camera)) => {
            camera.open(vault).map(|camera| Write::SaveCamera(Box::new(camera)))
        }
        Ok(Payload::ForgetCamera(camera)) => Ok(Write::ForgetCamera(camera)),
        Ok(Payload::SaveSite(site)) => Ok(Write::SaveSite(site)),
        Ok(Payload::ForgetSite(id)) => Ok(Write::ForgetSite(id)),
        Ok(Payload::Correct(correction)) => Ok(Write::Correct(correction)),
        Ok(Payload::Audit(entry)) => Ok(Write::Audit(entry)),
        Err(error) => Err(error.to_string()),
    };
    write.inspect_err(|reason| error!("spool: write {} can't be read: {reason}", row.id)).ok()
}

/// The camera of a registration whose stream URL is sealed under a key that is not given, and the
/// key's id.
pub(super) fn sealed_under_unknown_key(row: &Row, vault: &Vault) -> Option<(i32, String)> {
    let Ok(Payload::SaveCamera(camera)) = serde_json::from_str(&row.payload) else { return None };
    camera.unknown_key(vault).map(|key| (camera.id, key))
}

pub(super) fn estimated_bytes(stored: &[StoredWrite]) -> u64 {
    stored.iter().map(|write| (write.payload.len() + ROW_OVERHEAD) as u64).sum()
}

/// What the rows take, in whole pages; freed pages are used again.
pub(super) fn used_bytes(connection: &mut SqliteConnection) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Used {
        #[diesel(sql_type = BigInt)]
        bytes: i64,
    }
    let sql = "SELECT (page_count - freelist_count) * page_size AS bytes \
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let used: Used = diesel::sql_query(sql).get_result(connection)?;
    Ok(u64::try_from(used.bytes).unwrap_or(0))
}

/// How many writes lie beyond an id, and when the oldest was added.
pub(super) fn count(
    connection: &mut SqliteConnection,
    beyond: i64,
) -> QueryResult<(usize, Option<DateTime<Utc>>)> {
    let rows = writes::table.filter(writes::id.gt(beyond));
    let count: i64 = rows.count().get_result(connection)?;
    let oldest: Option<i64> =
        rows.select(writes::added_at).order(writes::id.asc()).first(connection).optional()?;
    Ok((usize::try_from(count).unwrap_or(0), oldest.map(time)))
}

pub(super) fn insert(
    connection: &mut SqliteConnection,
    stored: &[StoredWrite],
    now: DateTime<Utc>,
) -> QueryResult<()> {
    connection.immediate_transaction(|connection| {
        for chunk in stored.chunks(ROWS) {
            let mut query =
                diesel::sql_query(INSERT.statement(chunk.len(), Kind::Sqlite)).into_boxed();
            for write in chunk {
                query = query
                    .bind::<Bool, _>(write.is_sample)
                    .bind::<BigInt, _>(now.timestamp())
                    .bind::<Text, _>(&write.payload);
            }
            query.execute(connection)?;
        }
        Ok(())
    })
}

pub(super) fn oldest(
    connection: &mut SqliteConnection,
    beyond: i64,
    limit: usize,
) -> QueryResult<Vec<Row>> {
    writes::table
        .filter(writes::id.gt(beyond))
        .select((writes::id, writes::payload))
        .order(writes::id.asc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)
}

/// How the payload of a crossing begins.
const CROSSING: &str = r#"{"crossing":%"#;

/// Everything but samples and crossings.
pub(super) fn others_than_counts(
    connection: &mut SqliteConnection,
    beyond: i64,
) -> QueryResult<Vec<Row>> {
    writes::table
        .filter(writes::id.gt(beyond).and(diesel::dsl::not(writes::is_sample)))
        .filter(writes::payload.not_like(CROSSING))
        .select((writes::id, writes::payload))
        .order(writes::id.asc())
        .load(connection)
}

pub(super) fn crossings(connection: &mut SqliteConnection, beyond: i64) -> QueryResult<Vec<Row>> {
    writes::table
        .filter(writes::id.gt(beyond).and(diesel::dsl::not(writes::is_sample)))
        .filter(writes::payload.like(CROSSING))
        .select((writes::id, writes::payload))
        .order(writes::id.asc())
        .load(connection)
}

/// Of the samples that were thinned out as often as most others were, the older half: their ids.
///
/// So the beginning of a long time is thinned no more than its middle, and the newest stay.
pub(super) fn to_thin_out(connection: &mut SqliteConnection, beyond: i64) -> QueryResult<Vec<i64>> {
    let samples = writes::table.filter(writes::id.gt(beyond).and(writes::is_sample));
    let most: Option<(i32, i64)> = samples
        .group_by(writes::thinned)
        .select((writes::thinned, count_star()))
        .order((count_star().desc(), writes::thinned.asc()))
        .first(connection)
        .optional()?;
    let Some((thinned, count)) = most else { return Ok(Vec::new()) };
    samples
        .filter(writes::thinned.eq(thinned))
        .select(writes::id)
        .order(writes::id.asc())
        .limit((count / 2).max(1))
        .load(connection)
}

/// Deletes samples, and notes of others that they were spared.
pub(super) fn thin_out(
    connection: &mut SqliteConnection,
    surplus: &[i64],
    spared: &[i64],
) -> QueryResult<usize> {
    connection.immediate_transaction(|connection| {
        for ids in spared.chunks(ROWS) {
            diesel::update(writes::table.filter(writes::id.eq_any(ids)))
                .set(writes::thinned.eq(writes::thinned + 1))
                .execute(connection)?;
        }
        surplus
            .chunks(ROWS)
            .map(|ids| {
                diesel::delete(writes::table.filter(writes::id.eq_any(ids))).execute(connection)
            })
            .sum()
    })
}

/// Deletes and gives the room back to the disk.
pub(super) fn remove_up_to(connection: &mut SqliteConnection, mark: i64) -> QueryResult<()> {
    diesel::delete(writes::table.filter(writes::id.le(mark))).execute(connection)?;
    // Best effort: what can't be given back is used again.
    let _ = connection.batch_execute("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);");
    Ok(())
}
