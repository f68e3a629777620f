//! The table of rollups of zones.

use becamera_actors::ports::StoreError;
use becamera_domain::{DWELL_BOUNDS, ZoneId, ZoneRollup, ZoneRollupQuery, ZoneTotals};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Integer, Text},
};

use super::{
    columns::{RowDecoder, big_integer, integer, whole_second_after},
    connection::{DbConnection, on_either},
    insert::{Insert, ROWS},
    schema::zone_rollups,
    sums::RollupKey,
};

// CASE, since the two databases name the lesser of two values differently.
pub(super) const ADD_ZONE_ROLLUPS: Insert = Insert {
    into: "zone_rollups (camera_id, level, bucket_start, zone_id, frames, covered_ms, people_sum, \
           people_min, people_max, entries, exits, dwell_5, dwell_10, dwell_30, dwell_60, \
           dwell_120, dwell_300, dwell_600, dwell_1800, dwell_more, dwell_sum_ms)",
    values: 21,
    then: "ON CONFLICT (camera_id, level, bucket_start, zone_id) DO UPDATE SET \
           frames = zone_rollups.frames + excluded.frames, \
           covered_ms = zone_rollups.covered_ms + excluded.covered_ms, \
           people_sum = zone_rollups.people_sum + excluded.people_sum, \
           people_min = CASE WHEN excluded.people_min < zone_rollups.people_min \
           THEN excluded.people_min ELSE zone_rollups.people_min END, \
           people_max = CASE WHEN excluded.people_max > zone_rollups.people_max \
           THEN excluded.people_max ELSE zone_rollups.people_max END, \
           entries = zone_rollups.entries + excluded.entries, \
           exits = zone_rollups.exits + excluded.exits, \
           dwell_5 = zone_rollups.dwell_5 + excluded.dwell_5, \
           dwell_10 = zone_rollups.dwell_10 + excluded.dwell_10, \
           dwell_30 = zone_rollups.dwell_30 + excluded.dwell_30, \
           dwell_60 = zone_rollups.dwell_60 + excluded.dwell_60, \
           dwell_120 = zone_rollups.dwell_120 + excluded.dwell_120, \
           dwell_300 = zone_rollups.dwell_300 + excluded.dwell_300, \
           dwell_600 = zone_rollups.dwell_600 + excluded.dwell_600, \
           dwell_1800 = zone_rollups.dwell_1800 + excluded.dwell_1800, \
           dwell_more = zone_rollups.dwell_more + excluded.dwell_more, \
           dwell_sum_ms = zone_rollups.dwell_sum_ms + excluded.dwell_sum_ms",
};

/// A row of `zone_rollups`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = zone_rollups)]
pub(super) struct ZoneRollupRow {
    camera_id: i32,
    bucket_start: i64,
    zone_id: String,
    frames: i64,
    covered_ms: i64,
    people_sum: i64,
    people_min: i32,
    people_max: i32,
    entries: i64,
    exits: i64,
    dwell_5: i64,
    dwell_10: i64,
    dwell_30: i64,
    dwell_60: i64,
    dwell_120: i64,
    dwell_300: i64,
    dwell_600: i64,
    dwell_1800: i64,
    dwell_more: i64,
    dwell_sum_ms: i64,
}

// The columns are named after them.
const _: () = assert!(matches!(DWELL_BOUNDS, [5, 10, 30, 60, 120, 300, 600, 1800]));

impl TryFrom<ZoneRollupRow> for ZoneRollup {
    type Error = StoreError;

    fn try_from(row: ZoneRollupRow) -> Result<Self, StoreError> {
        let decoder =
            RowDecoder { what: "zone rollup", camera: row.camera_id, at: row.bucket_start };
        let columns = [
            row.dwell_5,
            row.dwell_10,
            row.dwell_30,
            row.dwell_60,
            row.dwell_120,
            row.dwell_300,
            row.dwell_600,
            row.dwell_1800,
            row.dwell_more,
        ];
        let mut dwell = [0; DWELL_BOUNDS.len() + 1];
        for (count, column) in dwell.iter_mut().zip(columns) {
            *count = decoder.number(column, "dwell")?;
        }
        Ok(Self {
            camera_id: decoder.camera_id()?,
            bucket_start: decoder.bucket_start()?,
            zone_id: decoder.name(row.zone_id)?,
            totals: ZoneTotals {
                frames: decoder.number(row.frames, "frames")?,
                covered_ms: decoder.number(row.covered_ms, "covered_ms")?,
                people_sum: decoder.number(row.people_sum, "people_sum")?,
                people_min: decoder.number(row.people_min, "people_min")?,
                people_max: decoder.number(row.people_max, "people_max")?,
                entries: decoder.number(row.entries, "entries")?,
                exits: decoder.number(row.exits, "exits")?,
                dwell,
                dwell_sum_ms: decoder.number(row.dwell_sum_ms, "dwell_sum_ms")?,
            },
        })
    }
}

/// Adds sums to the rollups, in the order of their keys.
pub(super) fn add(
    connection: &mut DbConnection,
    rollups: &[(RollupKey<ZoneId>, ZoneTotals)],
) -> QueryResult<()> {
    for rollups in rollups.chunks(ROWS) {
        let sql = ADD_ZONE_ROLLUPS.statement(rollups.len(), connection.dialect());
        on_either!(connection, c => {
            let mut query = diesel::sql_query(sql).into_boxed();
            for ((camera_id, level, bucket_start, zone), totals) in rollups {
                query = query
                    .bind::<Integer, _>(*camera_id)
                    .bind::<Integer, _>(*level)
                    .bind::<BigInt, _>(*bucket_start)
                    .bind::<Text, _>(zone.as_str())
                    .bind::<BigInt, _>(big_integer(totals.frames))
                    .bind::<BigInt, _>(big_integer(totals.covered_ms))
                    .bind::<BigInt, _>(big_integer(totals.people_sum))
                    .bind::<Integer, _>(integer(totals.people_min))
                    .bind::<Integer, _>(integer(totals.people_max))
                    .bind::<BigInt, _>(big_integer(totals.entries))
                    .bind::<BigInt, _>(big_integer(totals.exits));
                for stays in totals.dwell {
                    query = query.bind::<BigInt, _>(big_integer(stays));
                }
                query = query.bind::<BigInt, _>(big_integer(totals.dwell_sum_ms));
            }
            query.execute(c)?;
        });
    }
    Ok(())
}

/// Rollups by time.
pub(super) fn read(
    connection: &mut DbConnection,
    query: &ZoneRollupQuery,
) -> QueryResult<Vec<ZoneRollupRow>> {
    use zone_rollups::{bucket_start, camera_id, level, table, zone_id};
    table
        .filter(camera_id.eq(query.camera_id.get()))
        .filter(level.eq(query.level.seconds()))
        .filter(bucket_start.ge(whole_second_after(query.from)))
        .filter(bucket_start.lt(whole_second_after(query.to)))
        .filter(zone_id.eq(query.zone_id.as_str()))
        .select(ZoneRollupRow::as_select())
        .order(bucket_start.asc())
        .load(connection)
}
