//! `/cameras/{camera_id}/crossings`: crossings of lines, one by one, in pages or all of it as CSV.

use actix::Addr;
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use becamera_actors::{
    messages::{GetCamera, GetCrossings},
    storage::StorageActor,
};
use becamera_domain::{CameraId, Crossing, CrossingPage, CrossingQuery, Direction, PublicCrossing};
use becamera_history::Calendar;
use serde::Serialize;

use super::{
    HttpState,
    ask::ask,
    csv_stream::{self, RowSource},
    cursor, envelope,
    error::ApiError,
    format::{self, Format},
    query::Query,
    times,
};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;
/// Crossings that are read at once for a CSV.
const CSV_ROWS: u32 = 2000;

pub(super) async fn list(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let camera_id: CameraId = id.parse()?;
    let known = ["from", "to", "line", "direction", "tz", "limit", "cursor", "format"];
    let query = Query::parse(request.query_string(), &known)?;
    let format = format::wanted(&query, &request)?;
    let calendar = query.calendar()?;
    let asked = read_query(camera_id, &query)?;
    ask(&state.pool, GetCamera { camera_id }).await??;
    let storage = state.storage.clone();
    match format {
        Format::Json => page(&storage, asked, calendar).await,
        Format::Csv => {
            query.refuse(&["limit", "cursor"], "can't be used with CSV, which has no pages")?;
            let query = CrossingQuery { limit: CSV_ROWS, ..asked };
            let rows = Rows { storage, query: Some(query), calendar };
            let name = format!("becamera-camera-{camera_id}-crossings");
            csv_stream::answer(&request, &name, rows).await
        }
    }
}

async fn page(
    storage: &Addr<StorageActor>,
    query: CrossingQuery,
    calendar: Calendar,
) -> Result<HttpResponse, ApiError> {
    let camera_id = query.camera_id;
    let CrossingPage { crossings, more } = ask(storage, GetCrossings(query)).await??;
    let last = crossings.last().filter(|_| more);
    let next_cursor = last.map(|crossing| cursor::encode_crossing(crossing.position()));
    let crossings = crossings.iter().map(|crossing| row(crossing, calendar)).collect();
    Ok(envelope::ok(CrossingList { camera_id, crossings, next_cursor }))
}

fn read_query(camera_id: CameraId, query: &Query) -> Result<CrossingQuery, ApiError> {
    let (from, to) = query.span()?;
    let directions = [("in", Direction::In), ("out", Direction::Out)];
    Ok(CrossingQuery {
        camera_id,
        line_id: query.line()?,
        direction: query.word("direction", &directions)?,
        from,
        to,
        after: query.text("cursor").map(cursor::decode_crossing).transpose()?,
        limit: query.count("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT),
    })
}

/// A page of a camera's crossings, oldest first.
#[derive(Debug, Serialize)]
struct CrossingList<'a> {
    camera_id: CameraId,
    crossings: Vec<PublicCrossing<'a, String>>,
    next_cursor: Option<String>,
}

/// A crossing, with its time by a zone's clock.
fn row(crossing: &Crossing, calendar: Calendar) -> PublicCrossing<'_, String> {
    crossing.public_at(times::with_millis(calendar, crossing.at))
}

struct Rows {
    storage: Addr<StorageActor>,
    /// What is still to be read.
    query: Option<CrossingQuery>,
    calendar: Calendar,
}

impl RowSource for Rows {
    const HEADER: &'static [&'static str] = &[
        "event_id",
        "camera_id",
        "line_id",
        "direction",
        "direction_name",
        "track_id",
        "at",
        "confidence",
    ];

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(query) = self.query.take() else { return Ok(None) };
        let page = ask(&self.storage, GetCrossings(query.clone())).await??;
        let last = page.crossings.last().filter(|_| page.more).map(Crossing::position);
        self.query = last.map(|last| CrossingQuery { after: Some(last), ..query });
        let calendar = self.calendar;
        csv_stream::write(page.crossings.iter().map(|crossing| row(crossing, calendar))).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::{CrossingId, CrossingPosition, RunId};
    use chrono::DateTime;

    use super::*;

    #[test]
    fn filters_and_a_page_are_read() {
        let camera_id = CameraId::try_from(1).unwrap();
        let known = ["from", "to", "line", "direction", "limit", "cursor"];
        let read = |text: &str| read_query(camera_id, &Query::parse(text, &known).unwrap());
        let some = read("line=door&direction=out&limit=5").unwrap();
        assert_eq!(some.line_id.unwrap().as_str(), "door");
        assert_eq!((some.direction, some.limit), (Some(Direction::Out), 5));
        let id = CrossingId { run: RunId(9), seq: 3 };
        let last = CrossingPosition { at_micros: -5, id };
        let next = read(&format!("cursor={}", cursor::encode_crossing(last))).unwrap();
        assert_eq!((next.after, next.limit), (Some(last), 100));
        let refusal = |text: &str| read(text).unwrap_err().to_string();
        assert!(refusal("line=Door").starts_with("line: must be"));
        assert_eq!(refusal("direction=up"), "direction: must be one of in, out");
        assert!(refusal("cursor=!").starts_with("cursor: "));
    }

    #[test]
    fn every_column_has_its_name() {
        let crossing = Crossing {
            camera_id: CameraId::try_from(1).unwrap(),
            run: RunId(255),
            seq: 3,
            line_id: "door".parse().unwrap(),
            direction: Direction::In,
            direction_name: "to the shop".into(),
            track_id: 12,
            at: DateTime::UNIX_EPOCH,
            confidence: 0.6,
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(row(&crossing, "Asia/Tokyo".parse().unwrap())).unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let (header, row) = text.trim().split_once('\n').unwrap();
        assert_eq!(header, Rows::HEADER.join(","));
        assert_eq!(row, "ff-3,1,door,in,to the shop,12,1970-01-01T09:00:00.000+09:00,0.6");
    }
}
