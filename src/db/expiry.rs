//! Deletes what is older than it is to be kept, in small batches.
//!
//! Samples, crossings and rollups have no index by time alone, which every insert would pay for; so
//! each camera's rows, which lie in the order of time, are cut off at their old end.

use becamera_domain::Cutoffs;
use diesel::prelude::*;

use super::{
    audit, cameras,
    connection::DbConnection,
    schema::{crossings, line_rollups, rollups, samples, zone_rollups},
    sites,
};

/// Rows deleted at once: some milliseconds of work.
const BATCH: i64 = 5_000;

/// Deletes the oldest [`BATCH`] rows of a camera in one table, of those whose `$time` is before the
/// cutoff; and those of the same `$time` as the last of them. Answers how many.
macro_rules! cut_off {
    ($connection:expr, $table:ident.$time:ident, $camera:expr, $cutoff:expr) => {
        cut_off!($connection, $table.$time, $table::camera_id.eq($camera), $cutoff;)
    };
    ($connection:expr, $table:ident.$time:ident, $camera:expr, $level:expr, $cutoff:expr) => {{
        let of_level = $table::camera_id.eq($camera).and($table::level.eq($level.seconds()));
        cut_off!($connection, $table.$time, of_level, $cutoff;)
    }};
    ($connection:expr, $table:ident.$time:ident, $which:expr, $cutoff:expr;) => {{
        let rows = $table::table.filter($which);
        let last_of_batch: Option<i64> = rows
            .filter($table::$time.lt($cutoff))
            .select($table::$time)
            .order($table::$time.asc())
            .offset(BATCH - 1)
            .first($connection)
            .optional()?;
        let last = last_of_batch.unwrap_or($cutoff - 1);
        diesel::delete(rows.filter($table::$time.le(last))).execute($connection)?
    }};
}

/// Deletes about [`BATCH`] rows at most. Answers whether more may be left.
pub(super) fn delete_batch(connection: &mut DbConnection, cutoffs: &Cutoffs) -> QueryResult<bool> {
    let cameras = cameras::ids(connection)?;
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
    for camera in cameras {
        if let Some(cutoff) = cutoffs.samples.map(|cutoff| cutoff.timestamp()) {
            deleted += cut_off!(connection, samples.bucket_start, camera, cutoff);
        }
        if let Some(cutoff) = cutoffs.crossings.map(|cutoff| cutoff.timestamp_micros()) {
            deleted += cut_off!(connection, crossings.at, camera, cutoff);
        }
        for (level, cutoff) in &cutoffs.rollups {
            let Some(cutoff) = cutoff.map(|cutoff| cutoff.timestamp()) else { continue };
            deleted += cut_off!(connection, rollups.bucket_start, camera, level, cutoff);
            deleted += cut_off!(connection, line_rollups.bucket_start, camera, level, cutoff);
            deleted += cut_off!(connection, zone_rollups.bucket_start, camera, level, cutoff);
        }
        if deleted >= BATCH as usize {
            return Ok(true);
        }
    }
    Ok(false)
}
