//! The spool's one table.

use becamera_domain::WriteKind;
use chrono::{DateTime, Utc};
use diesel::{
    connection::SimpleConnection,
    dsl::count_star,
    prelude::*,
    sql_types::{BigInt, Text},
    sqlite::SqliteConnection,
};

use super::{
    super::insert::{Dialect, Insert, ROWS},
    time,
};

diesel::table! {
    writes (id) {
        id -> BigInt,
        kind -> Text,
        added_at -> BigInt,
        thinned -> Integer,
        payload -> Text,
    }
}

const INSERT: Insert = Insert { into: "writes (kind, added_at, payload)", values: 3, then: "" };
/// What a row takes besides its payload: its id, its length, its other columns, its place in the
/// index; and that pages are not full.
const ROW_OVERHEAD: usize = 64;

/// A row to be added.
pub(super) struct NewRow {
    pub kind: WriteKind,
    pub payload: String,
}

/// A row on its way back.
#[derive(Queryable)]
pub(super) struct Row {
    pub id: i64,
    pub kind: String,
    pub payload: String,
}

/// What writes will take, rather too much than too little.
pub(super) fn estimated_bytes(stored: &[NewRow]) -> u64 {
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

/// Adds writes: all of them or none.
pub(super) fn insert(
    connection: &mut SqliteConnection,
    stored: &[NewRow],
    now: DateTime<Utc>,
) -> QueryResult<()> {
    connection.immediate_transaction(|connection| {
        for chunk in stored.chunks(ROWS) {
            let mut query =
                diesel::sql_query(INSERT.statement(chunk.len(), Dialect::Sqlite)).into_boxed();
            for write in chunk {
                query = query
                    .bind::<Text, _>(write.kind.as_str())
                    .bind::<BigInt, _>(now.timestamp())
                    .bind::<Text, _>(&write.payload);
            }
            query.execute(connection)?;
        }
        Ok(())
    })
}

/// The first rows beyond an id.
pub(super) fn oldest(
    connection: &mut SqliteConnection,
    beyond: i64,
    limit: usize,
) -> QueryResult<Vec<Row>> {
    writes::table
        .filter(writes::id.gt(beyond))
        .select((writes::id, writes::kind, writes::payload))
        .order(writes::id.asc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)
}

/// The rows of these kinds beyond an id, in the order of arrival.
pub(super) fn of_kinds(
    connection: &mut SqliteConnection,
    kinds: &[WriteKind],
    beyond: i64,
) -> QueryResult<Vec<Row>> {
    let kinds = kinds.iter().map(|kind| kind.as_str());
    writes::table
        .filter(writes::id.gt(beyond).and(writes::kind.eq_any(kinds)))
        .select((writes::id, writes::kind, writes::payload))
        .order(writes::id.asc())
        .load(connection)
}

/// Of the samples that were thinned out as often as most others were, the older half: their ids.
///
/// So the beginning of a long time is thinned no more than its middle, and the newest stay.
pub(super) fn to_thin_out(connection: &mut SqliteConnection, beyond: i64) -> QueryResult<Vec<i64>> {
    let is_sample = writes::kind.eq(WriteKind::Sample.as_str());
    let samples = writes::table.filter(writes::id.gt(beyond).and(is_sample));
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
