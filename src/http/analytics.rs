//! `/analytics/summary`: what stands out in a span.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use becamera_domain::{CameraId, InvalidField};
use becamera_history::{Calendar, Cell, Peak, Resolution, Summary};
use chrono::{TimeDelta, Utc};
use serde::Serialize;

use super::{
    HttpState, envelope,
    error::ApiError,
    history::{Reader, cameras_of, check_length, span},
    query::Query,
    times,
};

/// The span without `from`: every hour of the week is in it four times.
const USUAL_DAYS: i64 = 28;
/// The longest span in days.
const MAX_DAYS: i64 = 400;
/// Most hours, all cameras together, that one call reads.
const MAX_HOURS: i64 = 2_000_000;
/// Hours of all cameras that are read at once.
const BITE: usize = 20_000;
const DEFAULT_MIN_COVERAGE: f64 = 0.5;

/// `GET /analytics/summary`.
pub(super) async fn summary(
    state: Data<HttpState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let known = ["cameras", "from", "to", "tz", "min_coverage"];
    let query = Query::parse(request.query_string(), &known)?;
    let now = Utc::now();
    let calendar = query.calendar()?;
    let span = span(&query, calendar, Resolution::Day, TimeDelta::days(USUAL_DAYS), now)?;
    check_length(span, TimeDelta::days(MAX_DAYS), "a summary")?;
    let min_coverage = query.share("min_coverage")?.unwrap_or(DEFAULT_MIN_COVERAGE);
    let cameras = cameras_of(&state, &query).await?;
    let count = cameras.len();
    if (span.to - span.from).num_hours().saturating_mul(count as i64) > MAX_HOURS {
        let reason = format!("the span is too long for {count} cameras");
        return Err(InvalidField::new("from", reason).into());
    }

    let reader = Reader::new(&state, cameras, now);
    let mut summary = Summary::new(calendar, span, reader.cameras(), min_coverage, now);
    let mut hours = calendar.buckets(Resolution::Hour, span);
    loop {
        let bite: Vec<_> = hours.by_ref().take((BITE / count.max(1)).max(1)).collect();
        if bite.is_empty() {
            break;
        }
        summary.add(&reader.read(bite).await?);
    }
    summary.finish();

    let whole = summary.whole();
    Ok(envelope::ok(SummaryDto {
        cameras: reader.cameras(),
        tz: calendar.name(),
        from: times::whole(calendar, span.from),
        to: times::whole(calendar, span.to),
        min_coverage,
        frames: whole.frames,
        people_mean: whole.people_mean,
        coverage: whole.coverage,
        peak_hour: summary.peak_hour().map(|peak| PeakDto::new(peak, calendar)),
        busiest_day: summary.busiest_day().map(|peak| DayDto {
            date: calendar.date(peak.bucket.start).to_string(),
            peak: PeakDto::new(peak, calendar),
        }),
        hours_of_week: summary.hours_of_week().enumerate().map(HourDto::from).collect(),
    }))
}

#[derive(Debug, Serialize)]
struct SummaryDto<'a> {
    cameras: &'a [CameraId],
    tz: &'static str,
    from: String,
    to: String,
    min_coverage: f64,
    frames: u64,
    people_mean: Option<f64>,
    coverage: Option<f64>,
    peak_hour: Option<PeakDto>,
    busiest_day: Option<DayDto>,
    hours_of_week: Vec<HourDto>,
}

#[derive(Debug, Serialize)]
struct PeakDto {
    bucket_start: String,
    bucket_end: String,
    people_mean: f64,
    coverage: f64,
}

impl PeakDto {
    fn new(peak: Peak, calendar: Calendar) -> Self {
        Self {
            bucket_start: times::whole(calendar, peak.bucket.start),
            bucket_end: times::whole(calendar, peak.bucket.end),
            people_mean: peak.people_mean,
            coverage: peak.coverage,
        }
    }
}

#[derive(Debug, Serialize)]
struct DayDto {
    date: String,
    #[serde(flatten)]
    peak: PeakDto,
}

/// An hour of the week: weekday 1 is Monday.
#[derive(Debug, Serialize)]
struct HourDto {
    weekday: usize,
    hour: usize,
    frames: u64,
    people_mean: Option<f64>,
    coverage: Option<f64>,
}

impl From<(usize, Cell)> for HourDto {
    fn from((place, cell): (usize, Cell)) -> Self {
        Self {
            weekday: 1 + place / 24,
            hour: place % 24,
            frames: cell.frames,
            people_mean: cell.people_mean,
            coverage: cell.coverage,
        }
    }
}
