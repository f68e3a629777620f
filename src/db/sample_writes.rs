//! The one hot write: many samples in one statement, and what they add to the rollups.

use std::collections::{BTreeMap, HashSet};

use becamera_domain::{RollupLevel, Totals};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Float, Integer, Nullable, Text},
};

use super::{
    connection::{DbConnection, on_either},
    insert::Insert,
    models::SampleRow,
    scene_writes::{SceneOfSample, SceneRollups},
};

/// Rows in one statement. With 13 values a row this stays below what SQLite (32,766) and
/// PostgreSQL (65,535) can bind.
const ROWS: usize = 1_000;

const INSERT_SAMPLES: Insert = Insert {
    into: "samples (camera_id, bucket_start, run_id, seq, frames, people_last, people_min, \
           people_max, people_sum, covered_ms, inference_ms_mean, worker_id, scene)",
    values: 13,
    then: "ON CONFLICT DO NOTHING RETURNING camera_id, bucket_start, run_id, seq",
};

// CASE, since the two databases name the lesser of two values differently.
const ADD_ROLLUPS: Insert = Insert {
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

/// A sample to be written, and what it adds to the rollups.
pub(super) struct NewSample {
    pub row: SampleRow,
    pub totals: Totals,
    pub scene: SceneOfSample,
}

/// Camera, level in seconds, start: the key of a rollup.
type RollupKey = (i32, i32, i64);

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = Integer)]
    camera_id: i32,
    #[diesel(sql_type = BigInt)]
    bucket_start: i64,
    #[diesel(sql_type = BigInt)]
    run_id: i64,
    #[diesel(sql_type = Integer)]
    seq: i32,
}

/// Inserts the samples that are not there yet, each key at most once among `rows`, and adds those
/// and no others to the rollups; those of lines and zones are left to the caller to write. Run it in a
/// transaction.
///
/// Rows must be in the order of their keys: writers that lock rows in the same order can't
/// deadlock.
pub(super) fn insert_samples(
    connection: &mut DbConnection,
    rows: &[NewSample],
    scene_rollups: &mut SceneRollups,
) -> QueryResult<()> {
    let mut added: BTreeMap<RollupKey, Totals> = BTreeMap::new();
    for rows in rows.chunks(ROWS) {
        let inserted = insert_new(connection, rows)?;
        let all_new = inserted.len() == rows.len();
        let new: HashSet<_> = match all_new {
            true => HashSet::new(),
            false => {
                inserted.iter().map(|i| (i.camera_id, i.bucket_start, i.run_id, i.seq)).collect()
            }
        };
        for NewSample { row, totals, scene } in rows {
            if !all_new && !new.contains(&row.key()) {
                continue;
            }
            scene_rollups.add_sample(row.camera_id, row.bucket_start, scene);
            for level in RollupLevel::ALL {
                let length = i64::from(level.seconds());
                let start = row.bucket_start - row.bucket_start.rem_euclid(length);
                added
                    .entry((row.camera_id, level.seconds(), start))
                    .and_modify(|sum| sum.add(totals))
                    .or_insert(*totals);
            }
        }
    }
    add_rollups(connection, &added.into_iter().collect::<Vec<_>>())
}

fn insert_new(connection: &mut DbConnection, rows: &[NewSample]) -> QueryResult<Vec<Inserted>> {
    let sql = INSERT_SAMPLES.statement(rows.len(), connection.kind());
    on_either!(connection, c => {
        let mut query = diesel::sql_query(sql).into_boxed();
        for NewSample { row, .. } in rows {
            query = query
                .bind::<Integer, _>(row.camera_id)
                .bind::<BigInt, _>(row.bucket_start)
                .bind::<BigInt, _>(row.run_id)
                .bind::<Integer, _>(row.seq)
                .bind::<Integer, _>(row.frames)
                .bind::<Integer, _>(row.people_last)
                .bind::<Integer, _>(row.people_min)
                .bind::<Integer, _>(row.people_max)
                .bind::<Integer, _>(row.people_sum)
                .bind::<Integer, _>(row.covered_ms)
                .bind::<Float, _>(row.inference_ms_mean)
                .bind::<Text, _>(&row.worker_id)
                .bind::<Nullable<Text>, _>(&row.scene);
        }
        query.load(c)
    })
}

fn add_rollups(connection: &mut DbConnection, rollups: &[(RollupKey, Totals)]) -> QueryResult<()> {
    // Totals of one write are far below what an i64 holds.
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let count = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    for rollups in rollups.chunks(ROWS) {
        let sql = ADD_ROLLUPS.statement(rollups.len(), connection.kind());
        on_either!(connection, c => {
            let mut query = diesel::sql_query(sql).into_boxed();
            for ((camera_id, level, bucket_start), totals) in rollups {
                query = query
                    .bind::<Integer, _>(*camera_id)
                    .bind::<Integer, _>(*level)
                    .bind::<BigInt, _>(*bucket_start)
                    .bind::<BigInt, _>(number(totals.frames))
                    .bind::<BigInt, _>(number(totals.people_sum))
                    .bind::<Integer, _>(count(totals.people_min))
                    .bind::<Integer, _>(count(totals.people_max))
                    .bind::<BigInt, _>(number(totals.covered_ms));
            }
            query.execute(c)?;
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            insert::Kind,
            scene_writes::{ADD_LINE_ROLLUPS, ADD_ZONE_ROLLUPS, INSERT_CROSSINGS},
        },
        *,
    };

    #[test]
    fn every_value_has_its_parameter() {
        for insert in
            [INSERT_SAMPLES, ADD_ROLLUPS, INSERT_CROSSINGS, ADD_LINE_ROLLUPS, ADD_ZONE_ROLLUPS]
        {
            let columns = insert.into.matches(',').count() + 1;
            assert_eq!(insert.values, columns, "{}", insert.into);
            let sqlite = insert.statement(2, Kind::Sqlite);
            assert_eq!(sqlite.matches('?').count(), 2 * columns);
            let postgresql = insert.statement(2, Kind::Postgres);
            assert!(postgresql.contains("VALUES ($1, $2, "));
            assert!(postgresql.contains(&format!("${}) ON CONFLICT", 2 * columns)));
        }
    }
}
