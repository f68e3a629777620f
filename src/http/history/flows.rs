//! Counts of one line or zone by minute, hour and day.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use becamera_actors::messages::GetCamera;
use becamera_domain::{CameraId, DWELL_BOUNDS, Line, LineId, LineTotals, Zone, ZoneId, ZoneTotals};
use becamera_history::{Bucket, Buckets, Calendar, Grid, Resolution, Series};
use chrono::Utc;
use serde::Serialize;

use super::{
    super::{
        HttpState,
        ask::ask,
        csv_stream::{self, RowSource},
        cursor,
        error::ApiError,
        format::{self, Format},
        query::Query,
        scene_items, times,
    },
    Question, Reader,
    dto::Frame,
    json,
};

const KNOWN: [&str; 7] = ["from", "to", "resolution", "tz", "limit", "cursor", "format"];
/// Buckets that are read at once for a CSV.
const CSV_BUCKETS: usize = 4_000;

/// `GET /cameras/{camera_id}/lines/{line_id}/counts`.
pub(in crate::http) async fn of_line(
    state: Data<HttpState>,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, line_id) = scene_items::ids::<Line>(&path)?;
    let (question, format) = question(&request)?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    let reader = Reader::new(&state, vec![camera_id], question.now);
    // What was counted outlasts the line itself.
    if let Err(unknown) = view.line(&line_id)
        && !reader.knows_line(&line_id).await?
    {
        return Err(unknown.into());
    }
    let name = question.file_name(&format!("camera-{camera_id}-line-{line_id}"));
    let source = FlowRows::new(&question, reader, Subject::Line(line_id.clone()));
    match format {
        Format::Csv => csv_stream::answer(&request, &name, LineRows(source)).await,
        Format::Json => {
            let (frame, calendar) = (question.frame(), question.calendar);
            let (flows, next_cursor) = source.page(&question).await?;
            let buckets = flows.lines(calendar);
            Ok(json(LineHistory { camera_id, line_id, frame, buckets, next_cursor }))
        }
    }
}

/// `GET /cameras/{camera_id}/zones/{zone_id}/counts`.
pub(in crate::http) async fn of_zone(
    state: Data<HttpState>,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (camera_id, zone_id) = scene_items::ids::<Zone>(&path)?;
    let (question, format) = question(&request)?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    let reader = Reader::new(&state, vec![camera_id], question.now);
    if let Err(unknown) = view.zone(&zone_id)
        && !reader.knows_zone(&zone_id).await?
    {
        return Err(unknown.into());
    }
    let name = question.file_name(&format!("camera-{camera_id}-zone-{zone_id}"));
    let source = FlowRows::new(&question, reader, Subject::Zone(zone_id.clone()));
    match format {
        Format::Csv => csv_stream::answer(&request, &name, ZoneRows(source)).await,
        Format::Json => {
            let (frame, calendar) = (question.frame(), question.calendar);
            let (flows, next_cursor) = source.page(&question).await?;
            let buckets = flows.zones(calendar);
            let dwell_bounds_s = DWELL_BOUNDS;
            Ok(json(ZoneHistory {
                camera_id,
                zone_id,
                frame,
                dwell_bounds_s,
                buckets,
                next_cursor,
            }))
        }
    }
}

fn question(request: &HttpRequest) -> Result<(Question, Format), ApiError> {
    let query = Query::parse(request.query_string(), &KNOWN)?;
    let format = format::wanted(&query, request)?;
    let resolution = query.word("resolution", &super::RESOLUTIONS)?.unwrap_or(Resolution::Hour);
    Ok((Question::read(&query, resolution, format, Utc::now())?, format))
}

#[derive(Debug, Serialize)]
struct LineHistory {
    camera_id: CameraId,
    line_id: LineId,
    #[serde(flatten)]
    frame: Frame,
    buckets: Vec<LineBucket>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct ZoneHistory {
    camera_id: CameraId,
    zone_id: ZoneId,
    #[serde(flatten)]
    frame: Frame,
    dwell_bounds_s: [u32; DWELL_BOUNDS.len()],
    buckets: Vec<ZoneBucket>,
    next_cursor: Option<String>,
}

/// What was counted at a line. Coverage is the camera's.
#[derive(Debug, Serialize)]
struct LineBucket {
    bucket_start: String,
    bucket_end: String,
    #[serde(rename = "in")]
    inwards: u64,
    #[serde(rename = "out")]
    outwards: u64,
    net: i64,
    raw_in: u64,
    raw_out: u64,
    covered_ms: u64,
    coverage: f64,
}

/// What was counted in a zone. Coverage counts only while it was drawn; `people_…` are null where it
/// was not seen at all.
#[derive(Debug, Serialize)]
struct ZoneBucket {
    bucket_start: String,
    bucket_end: String,
    frames: u64,
    people_mean: Option<f64>,
    people_min: Option<u32>,
    people_max: Option<u32>,
    entries: u64,
    exits: u64,
    dwell: [u64; DWELL_BOUNDS.len() + 1],
    dwell_mean_ms: Option<f64>,
    covered_ms: u64,
    coverage: f64,
}

/// Which line or zone is read.
enum Subject {
    Line(LineId),
    Zone(ZoneId),
}

/// What was read of some buckets.
struct Flows {
    buckets: Vec<Bucket>,
    series: Series,
    lines: Grid<LineTotals>,
    zones: Grid<ZoneTotals>,
    now: chrono::DateTime<Utc>,
}

impl Flows {
    fn lines(&self, calendar: Calendar) -> Vec<LineBucket> {
        let bucket = |(place, bucket): (usize, &Bucket)| {
            let point = self.series.point(0, place);
            let totals = self.lines.cell(0, place).unwrap_or_default();
            LineBucket {
                bucket_start: times::whole(calendar, bucket.start),
                bucket_end: times::whole(calendar, bucket.end),
                inwards: totals.crossed_in,
                outwards: totals.crossed_out,
                net: totals.net(),
                raw_in: totals.raw_in,
                raw_out: totals.raw_out,
                covered_ms: point.totals.map_or(0, |totals| totals.covered_ms),
                coverage: point.coverage,
            }
        };
        self.buckets.iter().enumerate().map(bucket).collect()
    }

    fn zones(&self, calendar: Calendar) -> Vec<ZoneBucket> {
        let bucket = |(place, bucket): (usize, &Bucket)| {
            let totals = self.zones.cell(0, place);
            let covered_ms = totals.map_or(0, |totals| totals.covered_ms);
            ZoneBucket {
                bucket_start: times::whole(calendar, bucket.start),
                bucket_end: times::whole(calendar, bucket.end),
                frames: totals.map_or(0, |totals| totals.frames),
                people_mean: totals.as_ref().map(ZoneTotals::people_mean),
                people_min: totals.map(|totals| totals.people_min),
                people_max: totals.map(|totals| totals.people_max),
                entries: totals.map_or(0, |totals| totals.entries),
                exits: totals.map_or(0, |totals| totals.exits),
                dwell: totals.map(|totals| totals.dwell).unwrap_or_default(),
                dwell_mean_ms: totals.as_ref().and_then(ZoneTotals::dwell_mean_ms),
                covered_ms,
                coverage: bucket.coverage(covered_ms, self.now),
            }
        };
        self.buckets.iter().enumerate().map(bucket).collect()
    }
}

/// Reads bucket after bucket.
struct FlowRows {
    reader: Reader,
    buckets: Buckets,
    subject: Subject,
    calendar: Calendar,
    now: chrono::DateTime<Utc>,
}

impl FlowRows {
    fn new(question: &Question, reader: Reader, subject: Subject) -> Self {
        let (buckets, calendar, now) = (question.buckets(), question.calendar, question.now);
        Self { reader, buckets, subject, calendar, now }
    }

    async fn page(mut self, question: &Question) -> Result<(Flows, Option<String>), ApiError> {
        let buckets = self.buckets.by_ref().take(question.limit).collect();
        let flows = self.read(buckets).await?;
        let next = self.buckets.next();
        Ok((flows, next.map(|bucket| cursor::encode(&bucket.start))))
    }

    async fn next(&mut self) -> Result<Option<Flows>, ApiError> {
        let buckets: Vec<_> = self.buckets.by_ref().take(CSV_BUCKETS).collect();
        if buckets.is_empty() {
            return Ok(None);
        }
        self.read(buckets).await.map(Some)
    }

    async fn read(&self, buckets: Vec<Bucket>) -> Result<Flows, ApiError> {
        let cameras = self.reader.cameras().to_vec();
        let (mut series, mut lines, mut zones) = (
            Series::new(cameras.clone(), buckets.clone(), self.now),
            Grid::new(cameras.clone(), buckets.clone()),
            Grid::new(cameras, buckets.clone()),
        );
        match &self.subject {
            Subject::Line(line) => {
                series = self.reader.read(buckets.clone()).await?;
                lines = self.reader.read_lines(buckets.clone(), Some(line)).await?;
            }
            Subject::Zone(zone) => zones = self.reader.read_zone(buckets.clone(), zone).await?,
        }
        Ok(Flows { buckets, series, lines, zones, now: self.now })
    }
}

struct LineRows(FlowRows);

impl RowSource for LineRows {
    const HEADER: &'static [&'static str] = &[
        "bucket_start",
        "bucket_end",
        "in",
        "out",
        "net",
        "raw_in",
        "raw_out",
        "covered_ms",
        "coverage",
    ];

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(flows) = self.0.next().await? else { return Ok(None) };
        csv_stream::write(flows.lines(self.0.calendar)).map(Some)
    }
}

struct ZoneRows(FlowRows);

impl RowSource for ZoneRows {
    const HEADER: &'static [&'static str] = &[
        "bucket_start",
        "bucket_end",
        "frames",
        "people_mean",
        "people_min",
        "people_max",
        "entries",
        "exits",
        "dwell_5",
        "dwell_10",
        "dwell_30",
        "dwell_60",
        "dwell_120",
        "dwell_300",
        "dwell_600",
        "dwell_1800",
        "dwell_more",
        "dwell_mean_ms",
        "covered_ms",
        "coverage",
    ];

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(flows) = self.0.next().await? else { return Ok(None) };
        csv_stream::write(flows.zones(self.0.calendar)).map(Some)
    }
}
