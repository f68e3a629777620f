//! Reading crossings, and rollups of lines and zones.

use becamera_actors::ports::StoreError;
use becamera_domain::{Crossing, CrossingPage, CrossingQuery, LineRollupQuery, ZoneRollupQuery};
use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::{
    connection::DbConnection,
    count_store::whole_second_after,
    scene_rows::{CrossingRow, LineRollupRow, ZoneRollupRow},
    schema::{crossings, line_rollups, zone_rollups},
};

/// A bound within a microsecond starts with the next whole one.
pub(super) fn micros_after(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros() + i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000))
}

pub(super) fn line_rollups(
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

pub(super) fn zone_rollups(
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

/// Rows of a page and one more, oldest first.
pub(super) fn crossings(
    connection: &mut DbConnection,
    query: &CrossingQuery,
) -> QueryResult<Vec<CrossingRow>> {
    use crossings::{at, camera_id, direction, line_id, run_id, seq, table};
    let mut select = table
        .filter(camera_id.eq(query.camera_id.get()))
        .select(CrossingRow::as_select())
        .order((at.asc(), run_id.asc(), seq.asc()))
        .limit(i64::from(query.limit) + 1)
        .into_boxed();
    if let Some(line) = &query.line_id {
        select = select.filter(line_id.eq(line.as_str()));
    }
    if let Some(way) = query.direction {
        select = select.filter(direction.eq(way.as_str()));
    }
    if let Some(from) = query.from {
        select = select.filter(at.ge(micros_after(from)));
    }
    if let Some(to) = query.to {
        select = select.filter(at.lt(micros_after(to)));
    }
    if let Some(after) = query.after {
        let run = i64::try_from(after.id.run.0).unwrap_or(i64::MAX);
        let last = i32::try_from(after.id.seq).unwrap_or(i32::MAX);
        let same_run = run_id.eq(run).and(seq.gt(last));
        let same_moment = at.eq(after.at_micros).and(run_id.gt(run).or(same_run));
        // The first condition is for the index, which can't use the second.
        select =
            select.filter(at.ge(after.at_micros)).filter(at.gt(after.at_micros).or(same_moment));
    }
    select.load(connection)
}

/// The page that the rows of [`crossings`] make.
pub(super) fn page(rows: Vec<CrossingRow>, limit: u32) -> Result<CrossingPage, StoreError> {
    let limit = limit as usize;
    let more = rows.len() > limit;
    let crossings =
        rows.into_iter().take(limit).map(Crossing::try_from).collect::<Result<_, _>>()?;
    Ok(CrossingPage { crossings, more })
}
