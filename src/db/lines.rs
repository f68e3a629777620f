//! The table of rollups of lines.

use becamera_actors::ports::StoreError;
use becamera_domain::{LineId, LineRollup, LineRollupQuery, LineTotals};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Integer, Text},
};

use super::{
    columns::{RowDecoder, big_integer, whole_second_after},
    connection::{DbConnection, on_either},
    insert::{Insert, ROWS},
    schema::line_rollups,
    sums::RollupKey,
};

pub(super) const ADD_LINE_ROLLUPS: Insert = Insert {
    into: "line_rollups (camera_id, level, bucket_start, line_id, crossed_in, crossed_out, \
           raw_in, raw_out)",
    values: 8,
    then: "ON CONFLICT (camera_id, level, bucket_start, line_id) DO UPDATE SET \
           crossed_in = line_rollups.crossed_in + excluded.crossed_in, \
           crossed_out = line_rollups.crossed_out + excluded.crossed_out, \
           raw_in = line_rollups.raw_in + excluded.raw_in, \
           raw_out = line_rollups.raw_out + excluded.raw_out",
};

/// A row of `line_rollups`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = line_rollups)]
pub(super) struct LineRollupRow {
    camera_id: i32,
    bucket_start: i64,
    line_id: String,
    crossed_in: i64,
    crossed_out: i64,
    raw_in: i64,
    raw_out: i64,
}

impl TryFrom<LineRollupRow> for LineRollup {
    type Error = StoreError;

    fn try_from(row: LineRollupRow) -> Result<Self, StoreError> {
        let decoder =
            RowDecoder { what: "line rollup", camera: row.camera_id, at: row.bucket_start };
        Ok(Self {
            camera_id: decoder.camera_id()?,
            bucket_start: decoder.bucket_start()?,
            line_id: decoder.name(row.line_id)?,
            totals: LineTotals {
                crossed_in: decoder.number(row.crossed_in, "crossed_in")?,
                crossed_out: decoder.number(row.crossed_out, "crossed_out")?,
                raw_in: decoder.number(row.raw_in, "raw_in")?,
                raw_out: decoder.number(row.raw_out, "raw_out")?,
            },
        })
    }
}

/// Adds sums to the rollups, in the order of their keys.
pub(super) fn add(
    connection: &mut DbConnection,
    rollups: &[(RollupKey<LineId>, LineTotals)],
) -> QueryResult<()> {
    for rollups in rollups.chunks(ROWS) {
        let sql = ADD_LINE_ROLLUPS.statement(rollups.len(), connection.dialect());
        on_either!(connection, c => {
            let mut query = diesel::sql_query(sql).into_boxed();
            for ((camera_id, level, bucket_start, line), totals) in rollups {
                query = query
                    .bind::<Integer, _>(*camera_id)
                    .bind::<Integer, _>(*level)
                    .bind::<BigInt, _>(*bucket_start)
                    .bind::<Text, _>(line.as_str())
                    .bind::<BigInt, _>(big_integer(totals.crossed_in))
                    .bind::<BigInt, _>(big_integer(totals.crossed_out))
                    .bind::<BigInt, _>(big_integer(totals.raw_in))
                    .bind::<BigInt, _>(big_integer(totals.raw_out));
            }
            query.execute(c)?;
        });
    }
    Ok(())
}

/// Rollups by camera and then by time.
pub(super) fn read(
    connection: &mut DbConnection,
    query: &LineRollupQuery,
) -> QueryResult<Vec<LineRollupRow>> {
    use line_rollups::{bucket_start, camera_id, level, line_id, table};
    let mut rows = Vec::new();
    // One contiguous read of the key per camera.
    for camera in &query.cameras {
        let mut select = table
            .filter(camera_id.eq(camera.get()))
            .filter(level.eq(query.level.seconds()))
            .filter(bucket_start.ge(whole_second_after(query.from)))
            .filter(bucket_start.lt(whole_second_after(query.to)))
            .select(LineRollupRow::as_select())
            .order((bucket_start.asc(), line_id.asc()))
            .into_boxed();
        if let Some(line) = &query.line_id {
            select = select.filter(line_id.eq(line.as_str()));
        }
        rows.append(&mut select.load(connection)?);
    }
    Ok(rows)
}
