//! Crossings in one statement, and what they and the samples add to the rollups of lines and zones.

use std::collections::{BTreeMap, HashSet};

use becamera_domain::{LineId, LineTotals, RollupLevel, Sample, SceneTally, ZoneId, ZoneTotals};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Float, Integer, Text},
};

use super::{
    connection::{DbConnection, on_either},
    insert::Insert,
    scene_rows::CrossingRow,
};

/// Rows in one statement: with up to 21 values a row this stays below what SQLite (32,766) and
/// PostgreSQL (65,535) can bind.
const ROWS: usize = 1_000;

pub(super) const INSERT_CROSSINGS: Insert = Insert {
    into: "crossings (camera_id, run_id, seq, line_id, direction, direction_name, track_id, at, \
           confidence)",
    values: 9,
    then: "ON CONFLICT DO NOTHING RETURNING camera_id, run_id, seq",
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

/// Camera, level in seconds, start, name: the key of a rollup.
type Key<N> = (i32, i32, i64, N);

/// What a write adds to the rollups of lines and zones.
#[derive(Debug, Default)]
pub(super) struct SceneRollups {
    lines: BTreeMap<Key<LineId>, LineTotals>,
    zones: BTreeMap<Key<ZoneId>, ZoneTotals>,
}

/// What a sample says of lines and zones, summed up from.
#[derive(Debug, Clone)]
pub(super) struct SceneOfSample {
    lines: Vec<(LineId, LineTotals)>,
    zones: Vec<(ZoneId, ZoneTotals)>,
}

impl From<&Sample> for SceneOfSample {
    fn from(sample: &Sample) -> Self {
        let SceneTally { lines, zones } = &sample.scene;
        let zones = zones.iter().map(|zone| (zone.zone_id.clone(), ZoneTotals::of(sample, zone)));
        Self {
            lines: lines.iter().map(|line| (line.line_id.clone(), line.into())).collect(),
            zones: zones.collect(),
        }
    }
}

impl SceneRollups {
    /// Adds what a sample of this second says.
    pub fn add_sample(&mut self, camera: i32, second: i64, scene: &SceneOfSample) {
        for (level, start) in stretches(second) {
            for (line, totals) in &scene.lines {
                self.lines.entry((camera, level, start, line.clone())).or_default().add(totals);
            }
            for (zone, totals) in &scene.zones {
                self.zones
                    .entry((camera, level, start, zone.clone()))
                    .and_modify(|sum| sum.add(totals))
                    .or_insert(*totals);
            }
        }
    }

    fn add_crossing(&mut self, row: &CrossingRow, line: &LineId, totals: &LineTotals) {
        for (level, start) in stretches(row.at.div_euclid(1_000_000)) {
            self.lines.entry((row.camera_id, level, start, line.clone())).or_default().add(totals);
        }
    }

    /// Writes it.
    pub fn write(self, connection: &mut DbConnection) -> QueryResult<()> {
        add_lines(connection, &self.lines.into_iter().collect::<Vec<_>>())?;
        add_zones(connection, &self.zones.into_iter().collect::<Vec<_>>())
    }
}

/// The stretch of every level that holds this second: its length and its start.
fn stretches(second: i64) -> impl Iterator<Item = (i32, i64)> {
    RollupLevel::ALL.into_iter().map(move |level| {
        let length = level.seconds();
        (length, second - second.rem_euclid(length.into()))
    })
}

/// A crossing to be written, and what it adds to its line's rollups.
#[derive(Debug, Clone)]
pub(super) struct NewCrossing {
    pub row: CrossingRow,
    pub line: LineId,
    pub totals: LineTotals,
}

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = Integer)]
    camera_id: i32,
    #[diesel(sql_type = BigInt)]
    run_id: i64,
    #[diesel(sql_type = Integer)]
    seq: i32,
}

/// Inserts the crossings that are not there yet, each key at most once and in the order of the keys,
/// and adds those and no others to the rollups. Run it in a transaction.
pub(super) fn insert_crossings(
    connection: &mut DbConnection,
    crossings: &[NewCrossing],
    rollups: &mut SceneRollups,
) -> QueryResult<()> {
    for crossings in crossings.chunks(ROWS) {
        let inserted = insert_new(connection, crossings)?;
        let new: HashSet<_> = inserted.iter().map(|i| (i.camera_id, i.run_id, i.seq)).collect();
        for NewCrossing { row, line, totals } in crossings {
            if new.contains(&row.key()) {
                rollups.add_crossing(row, line, totals);
            }
        }
    }
    Ok(())
}

fn insert_new(
    connection: &mut DbConnection,
    crossings: &[NewCrossing],
) -> QueryResult<Vec<Inserted>> {
    let sql = INSERT_CROSSINGS.statement(crossings.len(), connection.kind());
    on_either!(connection, c => {
        let mut query = diesel::sql_query(sql).into_boxed();
        for NewCrossing { row, .. } in crossings {
            query = query
                .bind::<Integer, _>(row.camera_id)
                .bind::<BigInt, _>(row.run_id)
                .bind::<Integer, _>(row.seq)
                .bind::<Text, _>(&row.line_id)
                .bind::<Text, _>(&row.direction)
                .bind::<Text, _>(&row.direction_name)
                .bind::<BigInt, _>(row.track_id)
                .bind::<BigInt, _>(row.at)
                .bind::<Float, _>(row.confidence);
        }
        query.load(c)
    })
}

// Totals of one write are far below what an i64 holds.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn add_lines(
    connection: &mut DbConnection,
    rollups: &[(Key<LineId>, LineTotals)],
) -> QueryResult<()> {
    for rollups in rollups.chunks(ROWS) {
        let sql = ADD_LINE_ROLLUPS.statement(rollups.len(), connection.kind());
        on_either!(connection, c => {
            let mut query = diesel::sql_query(sql).into_boxed();
            for ((camera_id, level, bucket_start, line), totals) in rollups {
                query = query
                    .bind::<Integer, _>(*camera_id)
                    .bind::<Integer, _>(*level)
                    .bind::<BigInt, _>(*bucket_start)
                    .bind::<Text, _>(line.as_str())
                    .bind::<BigInt, _>(number(totals.crossed_in))
                    .bind::<BigInt, _>(number(totals.crossed_out))
                    .bind::<BigInt, _>(number(totals.raw_in))
                    .bind::<BigInt, _>(number(totals.raw_out));
            }
            query.execute(c)?;
        });
    }
    Ok(())
}

fn add_zones(
    connection: &mut DbConnection,
    rollups: &[(Key<ZoneId>, ZoneTotals)],
) -> QueryResult<()> {
    for rollups in rollups.chunks(ROWS) {
        let sql = ADD_ZONE_ROLLUPS.statement(rollups.len(), connection.kind());
        on_either!(connection, c => {
            let mut query = diesel::sql_query(sql).into_boxed();
            for ((camera_id, level, bucket_start, zone), totals) in rollups {
                query = query
                    .bind::<Integer, _>(*camera_id)
                    .bind::<Integer, _>(*level)
                    .bind::<BigInt, _>(*bucket_start)
                    .bind::<Text, _>(zone.as_str())
                    .bind::<BigInt, _>(number(totals.frames))
                    .bind::<BigInt, _>(number(totals.covered_ms))
                    .bind::<BigInt, _>(number(totals.people_sum))
                    .bind::<Integer, _>(count(totals.people_min))
                    .bind::<Integer, _>(count(totals.people_max))
                    .bind::<BigInt, _>(number(totals.entries))
                    .bind::<BigInt, _>(number(totals.exits));
                for stays in totals.dwell {
                    query = query.bind::<BigInt, _>(number(stays));
                }
                query = query.bind::<BigInt, _>(number(totals.dwell_sum_ms));
            }
            query.execute(c)?;
        });
    }
    Ok(())
}
