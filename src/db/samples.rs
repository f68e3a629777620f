//! The table of samples: the one hot write, many of them in one statement.

mod scene;

use becamera_actors::ports::StoreError;
use becamera_domain::{
    LineId, LineTotals, RunId, Sample, SampleQuery, SceneTally, Totals, ZoneId, ZoneTotals,
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Float, Integer, Nullable, Text},
};

use super::{
    columns::{RowDecoder, rows_for_page, whole_second_after},
    connection::{DbConnection, on_either},
    insert::{Insert, insert_new},
    schema::samples,
};

pub(super) const INSERT_SAMPLES: Insert = Insert {
    into: "samples (camera_id, bucket_start, run_id, seq, frames, people_last, people_min, \
           people_max, people_sum, covered_ms, inference_ms_mean, worker_id, scene)",
    values: 13,
    then: "ON CONFLICT DO NOTHING RETURNING camera_id, bucket_start, run_id, seq",
};

/// A row of `samples`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = samples)]
pub(super) struct SampleRow {
    pub camera_id: i32,
    pub bucket_start: i64,
    pub run_id: i64,
    pub seq: i32,
    pub frames: i32,
    pub people_last: i32,
    pub people_min: i32,
    pub people_max: i32,
    pub people_sum: i32,
    pub covered_ms: i32,
    pub inference_ms_mean: f32,
    pub worker_id: String,
    pub scene: Option<String>,
}

impl SampleRow {
    /// Its primary key.
    pub fn key(&self) -> (i32, i64, i64, i32) {
        (self.camera_id, self.bucket_start, self.run_id, self.seq)
    }
}

impl TryFrom<&Sample> for SampleRow {
    type Error = StoreError;

    fn try_from(sample: &Sample) -> Result<Self, StoreError> {
        let refuse = |what: &str| {
            let (camera, bucket) = (sample.camera_id, sample.bucket_start.to_rfc3339());
            StoreError::Rejected(format!("sample of camera {camera} at {bucket}: {what}"))
        };
        let count = |value: u32, name: &str| {
            i32::try_from(value).map_err(|_| refuse(&format!("{name} is too large")))
        };
        // SQLite would store NaN as NULL.
        if !sample.inference_ms_mean.is_finite() {
            return Err(refuse("inference_ms_mean is not a number"));
        }
        if sample.bucket_start.timestamp_subsec_nanos() != 0 {
            return Err(refuse("bucket_start is not a whole second"));
        }
        Ok(Self {
            camera_id: sample.camera_id.get(),
            bucket_start: sample.bucket_start.timestamp(),
            run_id: i64::try_from(sample.run.0).map_err(|_| refuse("run is too large"))?,
            seq: count(sample.seq, "seq")?,
            frames: count(sample.frames, "frames")?,
            people_last: count(sample.people_last, "people_last")?,
            people_min: count(sample.people_min, "people_min")?,
            people_max: count(sample.people_max, "people_max")?,
            people_sum: count(sample.people_sum, "people_sum")?,
            covered_ms: count(sample.covered_ms, "covered_ms")?,
            inference_ms_mean: sample.inference_ms_mean,
            worker_id: sample.worker_id.to_string(),
            scene: scene::to_text(&sample.scene).map_err(|reason| refuse(&reason))?,
        })
    }
}

impl TryFrom<SampleRow> for Sample {
    type Error = StoreError;

    fn try_from(row: SampleRow) -> Result<Self, StoreError> {
        let decoder = RowDecoder { what: "sample", camera: row.camera_id, at: row.bucket_start };
        Ok(Self {
            camera_id: decoder.camera_id()?,
            run: RunId(decoder.number(row.run_id, "run_id")?),
            seq: decoder.number(row.seq, "seq")?,
            bucket_start: decoder.bucket_start()?,
            frames: decoder.number(row.frames, "frames")?,
            people_last: decoder.number(row.people_last, "people_last")?,
            people_min: decoder.number(row.people_min, "people_min")?,
            people_max: decoder.number(row.people_max, "people_max")?,
            people_sum: decoder.number(row.people_sum, "people_sum")?,
            covered_ms: decoder.number(row.covered_ms, "covered_ms")?,
            inference_ms_mean: row.inference_ms_mean,
            worker_id: row.worker_id.parse().map_err(|e| decoder.refuse(&format!("{e}")))?,
            scene: scene::from_text(row.scene.as_deref())
                .map_err(|reason| decoder.refuse(&format!("scene: {reason}")))?,
        })
    }
}

/// A sample to be written, and what it adds to the rollups of the picture, the lines and the zones.
pub(super) struct NewSample {
    pub row: SampleRow,
    pub totals: Totals,
    pub lines: Vec<(LineId, LineTotals)>,
    pub zones: Vec<(ZoneId, ZoneTotals)>,
}

impl TryFrom<&Sample> for NewSample {
    type Error = StoreError;

    fn try_from(sample: &Sample) -> Result<Self, StoreError> {
        let SceneTally { lines, zones } = &sample.scene;
        let zones = zones.iter().map(|zone| (zone.zone_id.clone(), ZoneTotals::of(sample, zone)));
        Ok(Self {
            row: SampleRow::try_from(sample)?,
            totals: sample.into(),
            lines: lines.iter().map(|line| (line.line_id.clone(), line.into())).collect(),
            zones: zones.collect(),
        })
    }
}

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

/// Inserts the samples that are not there yet, each key at most once among `samples`, and shows
/// each of those and no other to `on_new`. Run it in a transaction.
///
/// They must be in the order of their keys: writers that lock rows in the same order can't
/// deadlock.
pub(super) fn insert(
    connection: &mut DbConnection,
    samples: &[NewSample],
    on_new: impl FnMut(&NewSample),
) -> QueryResult<()> {
    let insert = |samples: &[NewSample]| {
        let inserted = insert_rows(connection, samples)?;
        Ok(inserted.into_iter().map(|i| (i.camera_id, i.bucket_start, i.run_id, i.seq)).collect())
    };
    insert_new(samples, |sample| sample.row.key(), insert, on_new)
}

fn insert_rows(connection: &mut DbConnection, rows: &[NewSample]) -> QueryResult<Vec<Inserted>> {
    let sql = INSERT_SAMPLES.statement(rows.len(), connection.dialect());
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

/// Rows of a page and one more, oldest first.
pub(super) fn read(
    connection: &mut DbConnection,
    query: &SampleQuery,
) -> QueryResult<Vec<SampleRow>> {
    use samples::{bucket_start, run_id, seq};
    let mut select = samples::table
        .filter(samples::camera_id.eq(query.camera_id.get()))
        .select(SampleRow::as_select())
        .order((bucket_start.asc(), run_id.asc(), seq.asc()))
        .limit(rows_for_page(query.limit))
        .into_boxed();
    if let Some(from) = query.from {
        select = select.filter(bucket_start.ge(whole_second_after(from)));
    }
    if let Some(to) = query.to {
        select = select.filter(bucket_start.lt(whole_second_after(to)));
    }
    if let Some(after) = query.after {
        let start = after.bucket_start.timestamp();
        let run = i64::try_from(after.run.0).unwrap_or(i64::MAX);
        let last = i32::try_from(after.seq).unwrap_or(i32::MAX);
        let same_run = run_id.eq(run).and(seq.gt(last));
        let same_second = bucket_start.eq(start).and(run_id.gt(run).or(same_run));
        // The first condition is for the index, which can't use the second.
        select =
            select.filter(bucket_start.ge(start)).filter(bucket_start.gt(start).or(same_second));
    }
    select.load(connection)
}
