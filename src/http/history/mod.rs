//! Counts by minute, hour and day: of one camera, or of several side by side or taken together.

mod dto;
mod export;
mod flows;
mod question;
mod reader;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use becamera_actors::messages::GetCamera;
use becamera_domain::{CameraId, LineId, LineTotals};
use becamera_history::{Bucket, Grid, Resolution, Series};
use chrono::Utc;

use dto::{CameraHistory, CamerasHistory, TotalHistory, View};
use export::{CameraRows, TotalRows};
pub(super) use flows::{of_line, of_zone};
pub(super) use question::{Question, cameras_of, check_length, span};
pub(super) use reader::Reader;
use serde::Serialize;

use super::{
    HttpState, ask::ask, csv_stream, cursor, envelope, error::ApiError, format, format::Format,
    query::Query,
};

/// Most rows of a page: buckets times cameras.
const MAX_ROWS: usize = 20_000;

/// Resolutions by name.
const RESOLUTIONS: [(&str, Resolution); 3] =
    [("minute", Resolution::Minute), ("hour", Resolution::Hour), ("day", Resolution::Day)];

/// How the counts of several cameras are shown.
#[derive(Clone, Copy)]
enum Group {
    Camera,
    Total,
}

/// Answers `/cameras/{camera_id}/counts` with a resolution.
pub(super) async fn camera(
    state: &HttpState,
    camera_id: CameraId,
    resolution: Resolution,
    query: &Query<'_>,
    format: Format,
    request: &HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let question = Question::read(query, resolution, format, Utc::now())?;
    let line = query.line()?;
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    let reader = Reader::new(state, vec![camera_id], question.now);
    // What was counted outlasts the line itself.
    if let Some(line) = &line
        && let Err(unknown) = view.line(line)
        && !reader.knows_line(line).await?
    {
        return Err(unknown.into());
    }
    match format {
        Format::Csv => {
            let name = question.file_name(&format!("camera-{camera_id}"));
            csv_stream::answer(request, &name, CameraRows::new(&question, reader, line)).await
        }
        Format::Json => {
            let (counts, next_cursor) = read_page(&question, &reader, line.as_ref()).await?;
            let view = View::new(&counts.series, &counts.lines, question.calendar);
            let (frame, buckets) = (question.frame(), view.camera(0));
            Ok(json(CameraHistory { camera_id, frame, buckets, next_cursor }))
        }
    }
}

/// `GET /counts`: every camera's counts.
pub(super) async fn cameras(
    state: Data<HttpState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let known =
        ["cameras", "from", "to", "resolution", "tz", "group", "line", "limit", "cursor", "format"];
    let query = Query::parse(request.query_string(), &known)?;
    let format = format::wanted(&query, &request)?;
    let resolution = query.word("resolution", &RESOLUTIONS)?.unwrap_or(Resolution::Hour);
    let groups = [("camera", Group::Camera), ("total", Group::Total)];
    let group = query.word("group", &groups)?.unwrap_or(Group::Camera);
    let question = Question::read(&query, resolution, format, Utc::now())?;
    let line = query.line()?;
    let cameras = cameras_of(&state, &query).await?;
    let reader = Reader::new(&state, cameras, question.now);
    match (format, group) {
        (Format::Csv, Group::Camera) => {
            let rows = CameraRows::new(&question, reader, line);
            csv_stream::answer(&request, &question.file_name("cameras"), rows).await
        }
        (Format::Csv, Group::Total) => {
            let rows = TotalRows::new(&question, reader, line);
            csv_stream::answer(&request, &question.file_name("total"), rows).await
        }
        (Format::Json, group) => {
            let (counts, next_cursor) = read_page(&question, &reader, line.as_ref()).await?;
            let view = View::new(&counts.series, &counts.lines, question.calendar);
            let frame = question.frame();
            Ok(match group {
                Group::Camera => {
                    json(CamerasHistory { frame, cameras: view.cameras(), next_cursor })
                }
                Group::Total => {
                    let (cameras, buckets) = (reader.cameras(), view.totals());
                    json(TotalHistory { cameras, frame, buckets, next_cursor })
                }
            })
        }
    }
}

/// People and crossings in some buckets.
struct Counts {
    series: Series,
    lines: Grid<LineTotals>,
}

async fn read_page(
    question: &Question,
    reader: &Reader,
    line: Option<&LineId>,
) -> Result<(Counts, Option<String>), ApiError> {
    let fits = MAX_ROWS / reader.cameras().len().max(1);
    let mut rest = question.buckets();
    let buckets = rest.by_ref().take(question.limit.min(fits).max(1)).collect();
    let counts = read_counts(reader, buckets, line).await?;
    Ok((counts, rest.next().map(|bucket| cursor::encode(&bucket.start))))
}

async fn read_counts(
    reader: &Reader,
    buckets: Vec<Bucket>,
    line: Option<&LineId>,
) -> Result<Counts, ApiError> {
    let series = reader.read(buckets.clone()).await?;
    let lines = reader.read_lines(buckets, line).await?;
    Ok(Counts { series, lines })
}

fn json(data: impl Serialize) -> HttpResponse {
    let mut response = envelope::ok(data);
    // The same address answers in CSV as well.
    response.headers_mut().insert(header::VARY, header::HeaderValue::from_static("Accept"));
    response
}
