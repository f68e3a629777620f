//! Deletes what is older than it is to be kept, in small batches.
//!
//! Samples, crossings and rollups have no index by time alone, which every insert would pay for; so each
//! camera's rows, which lie in the order of time, are cut off at their old end.

use becamera_domain::Cutoffs;
use diesel::prelude::*;

use super::{
    audit,
    connection::DbConnection,
    schema::{cameras, crossings, line_rollups, rollups, samples, zone_rollups},
    sites,
};

/// Rows deleted at once: some milliseconds of work.
const BATCH: i64 = 5_000;

/// Deletes about [`BATCH`] rows at most. Answers whether more may be left.
pub(super) fn delete_batch(connection: &mut DbConnection, cutoffs: &Cutoffs) -> QueryResult<bool> {
    let ids: Vec<i32> = cameras::table.select(cameras::id).load(connection)?;
    let mut deleted = match cutoffs.audit {
        Some(cutoff) => audit::delete_old(connection, cutoff, BATCH)?,
        None => 0,
    };
    if deleted >= BATCH as usize {
        return Ok(true);
    }
    if let Some(cutoff) = cutoffs.crossings {
        deleted += sites::delete_old(connection, cutoff.timestamp_micros())?;
    }
    for camera in ids {
        if let Some(cutoff) = cutoffs.samples {
            deleted += delete_samples(connection, camera, cutoff.timestamp())?;
        }
        if let Some(cutoff) = cutoffs.crossings {
            deleted += delete_crossings(connection, camera, cutoff.timestamp_micros())?;
        }
        for (level, cutoff) in &cutoffs.rollups {
            let Some(cutoff) = cutoff.map(|cutoff| cutoff.timestamp()) else { continue };
            let level = level.seconds();
            deleted += delete_rollups(connection, camera, level, cutoff)?;
        }
        if deleted >= BATCH as usize {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes the oldest [`BATCH`] of `$rows`, of one camera and one table, that begin before the
/// cutoff; and those that begin in the same second as the last of them.
macro_rules! cut_off {
    ($connection:expr, $rows:expr, $bucket_start:expr, $cutoff:expr) => {{
        let last_of_batch: Option<i64> = $rows
            .filter($bucket_start.lt($cutoff))
            .select($bucket_start)
            .order($bucket_start.asc())
            .offset(BATCH - 1)
            .first($connection)
            .optional()?;
        let last = last_of_batch.unwrap_or($cutoff - 1);
        diesel::delete($rows.filter($bucket_start.le(last))).execute($connection)
    }};
}

fn delete_samples(connection: &mut DbConnection, camera: i32, cutoff: i64) -> QueryResult<usize> {
    use samples::{bucket_start, camera_id, table};
    let of_camera = table.filter(camera_id.eq(camera));
    cut_off!(connection, of_camera, bucket_start, cutoff)
}

fn delete_crossings(connection: &mut DbConnection, camera: i32, cutoff: i64) -> QueryResult<usize> {
    use crossings::{at, camera_id, table};
    let of_camera = table.filter(camera_id.eq(camera));
    cut_off!(connection, of_camera, at, cutoff)
}

/// Of one level of the rollups of people, lines and zones each.
fn delete_rollups(
    connection: &mut DbConnection,
    camera: i32,
    of_level: i32,
    cutoff: i64,
) -> QueryResult<usize> {
    macro_rules! cut_off_level {
        ($rollups:ident) => {{
            use $rollups::{bucket_start, camera_id, level, table};
            let of_camera = table.filter(camera_id.eq(camera).and(level.eq(of_level)));
            cut_off!(connection, of_camera, bucket_start, cutoff)?
        }};
    }
    Ok(cut_off_level!(rollups) + cut_off_level!(line_rollups) + cut_off_level!(zone_rollups))
}
