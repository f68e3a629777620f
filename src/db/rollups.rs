//! The table of rollups: samples summed up per stretch of time.

use becamera_actors::ports::StoreError;
use becamera_domain::{Rollup, RollupQuery, Totals};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Integer},
};

use super::{
    columns::{RowDecoder, big_integer, integer, whole_second_after},
    connection::{DbConnection, on_either},
    insert::{Insert, ROWS},
    schema::rollups,
    sums::RollupKey,
};

// CASE, since the two databases name the lesser of two values differently.
pub(super) const ADD_ROLLUPS: Insert = Insert {
    into: "rollups (camera_id, level, bucket_start, frames, people_sum, people_min, people_max, \
           covered_ms)",
    values: 8,
    then: "ON CONFLICT (camera_id, level, bucket_start) DO UPDATE SET \
           frames = rollups.frames + excluded.frames, \
           people_sum = rollups.people_sum + excluded.people_sum, \
           people_min = CASE WHEN excluded.people_min < rollups.people_min \
           THEN excluded.people_min ELSE rollups.people_min END, \
           people_max = CASE WHEN excluded.people_max > rollups.people_max \
           THEN excluded.people_max ELSE rollups.people_max END, \
           covered_ms = rollups.covered_ms + excluded.covered_ms",
};

/// A row of `rollups`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = rollups)]
pub(super) struct RollupRow {
    camera_id: i32,
    bucket_start: i64,
    frames: i64,
    people_sum: i64,
    people_min: i32,
    people_max: i32,
    covered_ms: i64,
}

impl TryFrom<RollupRow> for Rollup {
    type Error = StoreError;

    fn try_from(row: RollupRow) -> Result<Self, StoreError> {
        let decoder = RowDecoder { what: "rollup", camera: row.camera_id, at: row.bucket_start };
        Ok(Self {
            camera_id: decoder.camera_id()?,
            bucket_start: decoder.bucket_start()?,
            totals: Totals {
                frames: decoder.number(row.frames, "frames")?,
                people_sum: decoder.number(row.people_sum, "people_sum")?,
                people_min: decoder.number(row.people_min, "people_min")?,
                people_max: decoder.number(row.people_max, "people_max")?,
                covered_ms: decoder.number(row.covered_ms, "covered_ms")?,
            },
        })
    }
}

/// Adds sums to the rollups, in the order of their keys.
pub(super) fn add(
    connection: &mut DbConnection,
    rollups: &[(RollupKey<()>, Totals)],
) -> QueryResult<()> {
    for rollups in rollups.chunks(ROWS) {
        let sql = ADD_ROLLUPS.statement(rollups.len(), connection.dialect());
        on_either!(connection, c => {
            let mut query = diesel::sql_query(sql).into_boxed();
            for ((camera_id, level, bucket_start, ()), totals) in rollups {
                query = query
                    .bind::<Integer, _>(*camera_id)
                    .bind::<Integer, _>(*level)
                    .bind::<BigInt, _>(*bucket_start)
                    .bind::<BigInt, _>(big_integer(totals.frames))
                    .bind::<BigInt, _>(big_integer(totals.people_sum))
                    .bind::<Integer, _>(integer(totals.people_min))
                    .bind::<Integer, _>(integer(totals.people_max))
                    .bind::<BigInt, _>(big_integer(totals.covered_ms));
            }
            query.execute(c)?;
        });
    }
    Ok(())
}

/// Rollups by camera and then by time.
pub(super) fn read(
    connection: &mut DbConnection,
    query: &RollupQuery,
) -> QueryResult<Vec<RollupRow>> {
    let mut rows: Vec<RollupRow> = Vec::new();
    // One contiguous read of the key per camera.
    for camera in &query.cameras {
        let select = rollups::table
            .filter(rollups::camera_id.eq(camera.get()))
            .filter(rollups::level.eq(query.level.seconds()))
            .filter(rollups::bucket_start.ge(whole_second_after(query.from)))
            .filter(rollups::bucket_start.lt(whole_second_after(query.to)))
            .select(RollupRow::as_select())
            .order(rollups::bucket_start.asc());
        rows.append(&mut select.load(connection)?);
    }
    Ok(rows)
}
