//! Rows of crossings and of rollups of lines and zones, and what a sample says of them as text.

use becamera_actors::ports::StoreError;
use becamera_domain::{
    Crossing, DWELL_BOUNDS, Direction, LineId, LineRollup, LineTally, LineTotals, RunId,
    SceneTally, ZoneId, ZoneRollup, ZoneTally, ZoneTotals,
};
use chrono::DateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    models::Foreign,
    schema::{crossings, line_rollups, zone_rollups},
};

/// A row of `crossings`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = crossings)]
pub(super) struct CrossingRow {
    pub camera_id: i32,
    pub run_id: i64,
    pub seq: i32,
    pub line_id: String,
    pub direction: String,
    pub direction_name: String,
    pub track_id: i64,
    pub at: i64,
    pub confidence: f32,
}

impl CrossingRow {
    /// Its primary key.
    pub fn key(&self) -> (i32, i64, i32) {
        (self.camera_id, self.run_id, self.seq)
    }
}

impl TryFrom<&Crossing> for CrossingRow {
    type Error = StoreError;

    fn try_from(crossing: &Crossing) -> Result<Self, StoreError> {
        let refuse = |what: &str| {
            let (camera, id) = (crossing.camera_id, crossing.id());
            StoreError::Rejected(format!("crossing {id} of camera {camera}: {what}"))
        };
        // SQLite would store NaN as NULL.
        if !crossing.confidence.is_finite() {
            return Err(refuse("confidence is not a number"));
        }
        Ok(Self {
            camera_id: crossing.camera_id.get(),
            run_id: i64::try_from(crossing.run.0).map_err(|_| refuse("run is too large"))?,
            seq: i32::try_from(crossing.seq).map_err(|_| refuse("seq is too large"))?,
            line_id: crossing.line_id.to_string(),
            direction: crossing.direction.as_str().to_owned(),
            direction_name: crossing.direction_name.clone(),
            track_id: i64::try_from(crossing.track_id)
                .map_err(|_| refuse("track_id is too large"))?,
            at: crossing.at.timestamp_micros(),
            confidence: crossing.confidence,
        })
    }
}

impl TryFrom<CrossingRow> for Crossing {
    type Error = StoreError;

    fn try_from(row: CrossingRow) -> Result<Self, StoreError> {
        let foreign = Foreign { what: "crossing", camera: row.camera_id, bucket: row.at };
        let directions = [Direction::In, Direction::Out];
        let direction = directions.into_iter().find(|way| way.as_str() == row.direction);
        Ok(Self {
            camera_id: foreign.camera_id()?,
            run: RunId(foreign.number(row.run_id, "run_id")?),
            seq: foreign.number(row.seq, "seq")?,
            line_id: line_id(&foreign, row.line_id)?,
            direction: direction.ok_or_else(|| foreign.refuse("direction can't be read"))?,
            direction_name: row.direction_name,
            track_id: foreign.number(row.track_id, "track_id")?,
            at: DateTime::from_timestamp_micros(row.at)
                .ok_or_else(|| foreign.refuse("at is out of range"))?,
            confidence: row.confidence,
        })
    }
}

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
        let foreign =
            Foreign { what: "line rollup", camera: row.camera_id, bucket: row.bucket_start };
        Ok(Self {
            camera_id: foreign.camera_id()?,
            bucket_start: foreign.bucket_start()?,
            line_id: line_id(&foreign, row.line_id)?,
            totals: LineTotals {
                crossed_in: foreign.number(row.crossed_in, "crossed_in")?,
                crossed_out: foreign.number(row.crossed_out, "crossed_out")?,
                raw_in: foreign.number(row.raw_in, "raw_in")?,
                raw_out: foreign.number(row.raw_out, "raw_out")?,
            },
        })
    }
}

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
        let foreign =
            Foreign { what: "zone rollup", camera: row.camera_id, bucket: row.bucket_start };
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
            *count = foreign.number(column, "dwell")?;
        }
        let zone_id = row.zone_id.parse::<ZoneId>();
        Ok(Self {
            camera_id: foreign.camera_id()?,
            bucket_start: foreign.bucket_start()?,
            zone_id: zone_id.map_err(|error| foreign.refuse(&error.to_string()))?,
            totals: ZoneTotals {
                frames: foreign.number(row.frames, "frames")?,
                covered_ms: foreign.number(row.covered_ms, "covered_ms")?,
                people_sum: foreign.number(row.people_sum, "people_sum")?,
                people_min: foreign.number(row.people_min, "people_min")?,
                people_max: foreign.number(row.people_max, "people_max")?,
                entries: foreign.number(row.entries, "entries")?,
                exits: foreign.number(row.exits, "exits")?,
                dwell,
                dwell_sum_ms: foreign.number(row.dwell_sum_ms, "dwell_sum_ms")?,
            },
        })
    }
}

fn line_id(foreign: &Foreign, text: String) -> Result<LineId, StoreError> {
    LineId::try_from(text).map_err(|error| foreign.refuse(&error.to_string()))
}

/// `samples.scene`: arrays without names, since there is one every second. The order is written down
/// in the migration that made the column.
#[derive(Serialize, Deserialize)]
struct StoredTally {
    lines: Vec<(LineId, u32, u32)>,
    zones: Vec<StoredZone>,
}

/// Name, people (last, fewest, most, summed up), entries, exits, and the stays of those who left.
type StoredZone = (ZoneId, u32, u32, u32, u32, u32, u32, Option<Stays>);
type Stays = ([u32; DWELL_BOUNDS.len() + 1], u64);

/// What a sample says of lines and zones, as text; none where it says nothing.
pub(super) fn tally_to_text(tally: &SceneTally) -> Result<Option<String>, String> {
    if tally.is_empty() {
        return Ok(None);
    }
    let line = |l: &LineTally| (l.line_id.clone(), l.raw_in, l.raw_out);
    let zone = |z: &ZoneTally| {
        let stays = (z.dwell, z.dwell_sum_ms);
        let stays = (stays != Stays::default()).then_some(stays);
        let people = (z.people_last, z.people_min, z.people_max, z.people_sum);
        let (last, min, max, sum) = people;
        (z.zone_id.clone(), last, min, max, sum, z.entries, z.exits, stays)
    };
    let stored = StoredTally {
        lines: tally.lines.iter().map(line).collect(),
        zones: tally.zones.iter().map(zone).collect(),
    };
    serde_json::to_string(&stored).map(Some).map_err(|error| error.to_string())
}

/// The other way.
pub(super) fn tally_from_text(text: Option<&str>) -> Result<SceneTally, String> {
    let Some(text) = text else { return Ok(SceneTally::default()) };
    let stored: StoredTally = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let line = |(line_id, raw_in, raw_out)| LineTally { line_id, raw_in, raw_out };
    let zone = |(zone_id, last, min, max, sum, entries, exits, stays): StoredZone| {
        let (dwell, dwell_sum_ms) = stays.unwrap_or_default();
        ZoneTally {
            zone_id,
            people_last: last,
            people_min: min,
            people_max: max,
            people_sum: sum,
            entries,
            exits,
            dwell,
            dwell_sum_ms,
        }
    };
    Ok(SceneTally {
        lines: stored.lines.into_iter().map(line).collect(),
        zones: stored.zones.into_iter().map(zone).collect(),
    })
}
