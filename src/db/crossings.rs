//! The table of crossings: many of them in one statement.

use becamera_actors::ports::StoreError;
use becamera_domain::{Crossing, CrossingQuery, Direction, LineId, LineTotals, RunId};
use chrono::DateTime;
use diesel::{
    prelude::*,
    sql_types::{BigInt, Float, Integer, Text},
};

use super::{
    columns::{RowDecoder, micros_after, rows_for_page},
    connection::{DbConnection, on_either},
    insert::{Insert, insert_new},
    schema::crossings,
};

pub(super) const INSERT_CROSSINGS: Insert = Insert {
    into: "crossings (camera_id, run_id, seq, line_id, direction, direction_name, track_id, at, \
           confidence)",
    values: 9,
    then: "ON CONFLICT DO NOTHING RETURNING camera_id, run_id, seq",
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
        let decoder = RowDecoder { what: "crossing", camera: row.camera_id, at: row.at };
        let directions = [Direction::In, Direction::Out];
        let direction = directions.into_iter().find(|way| way.as_str() == row.direction);
        Ok(Self {
            camera_id: decoder.camera_id()?,
            run: RunId(decoder.number(row.run_id, "run_id")?),
            seq: decoder.number(row.seq, "seq")?,
            line_id: decoder.name(row.line_id)?,
            direction: direction.ok_or_else(|| decoder.refuse("direction can't be read"))?,
            direction_name: row.direction_name,
            track_id: decoder.number(row.track_id, "track_id")?,
            at: DateTime::from_timestamp_micros(row.at)
                .ok_or_else(|| decoder.refuse("at is out of range"))?,
            confidence: row.confidence,
        })
    }
}

/// A crossing to be written, and what it adds to its line's rollups.
#[derive(Debug, Clone)]
pub(super) struct NewCrossing {
    pub row: CrossingRow,
    pub line: LineId,
    pub totals: LineTotals,
}

impl TryFrom<&Crossing> for NewCrossing {
    type Error = StoreError;

    fn try_from(crossing: &Crossing) -> Result<Self, StoreError> {
        let row = CrossingRow::try_from(crossing)?;
        Ok(Self { row, line: crossing.line_id.clone(), totals: crossing.into() })
    }
}

impl NewCrossing {
    /// The second in which it happened, counted from the Unix epoch.
    pub fn second(&self) -> i64 {
        self.row.at.div_euclid(1_000_000)
    }
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

/// Inserts the crossings that are not there yet, each key at most once and in the order of the
/// keys, and shows each of those and no other to `on_new`. Run it in a transaction.
pub(super) fn insert(
    connection: &mut DbConnection,
    crossings: &[NewCrossing],
    on_new: impl FnMut(&NewCrossing),
) -> QueryResult<()> {
    let insert = |crossings: &[NewCrossing]| {
        let inserted = insert_rows(connection, crossings)?;
        Ok(inserted.into_iter().map(|i| (i.camera_id, i.run_id, i.seq)).collect())
    };
    insert_new(crossings, |crossing| crossing.row.key(), insert, on_new)
}

fn insert_rows(
    connection: &mut DbConnection,
    crossings: &[NewCrossing],
) -> QueryResult<Vec<Inserted>> {
    let sql = INSERT_CROSSINGS.statement(crossings.len(), connection.dialect());
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

/// Rows of a page and one more, oldest first.
pub(super) fn read(
    connection: &mut DbConnection,
    query: &CrossingQuery,
) -> QueryResult<Vec<CrossingRow>> {
    use crossings::{at, camera_id, direction, line_id, run_id, seq, table};
    let mut select = table
        .filter(camera_id.eq(query.camera_id.get()))
        .select(CrossingRow::as_select())
        .order((at.asc(), run_id.asc(), seq.asc()))
        .limit(rows_for_page(query.limit))
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
