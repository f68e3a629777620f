//! `/cameras/{camera_id}/crossings`: crossings of lines, in pages or all of them as CSV.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use becamera_domain::{CameraId, Crossing, CrossingQuery, Direction, PublicCrossing};
use becamera_history::Calendar;
use serde::Serialize;

use super::{
    HttpState, cursor,
    error::ApiError,
    format,
    listing::{self, Listed},
    query::Query,
    times,
};

pub(super) async fn list(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let camera_id: CameraId = id.parse()?;
    let known = ["from", "to", "line", "direction", "tz", "limit", "cursor", "format"];
    let query = Query::parse(request.query_string(), &known)?;
    let format = format::wanted(&query, &request)?;
    let asked = read_query(camera_id, &query)?;
    let name = format!("becamera-camera-{camera_id}-crossings");
    listing::answer(&state, &request, (&query, asked), format, &name).await
}

fn read_query(camera_id: CameraId, query: &Query) -> Result<CrossingQuery, ApiError> {
    let (from, to) = query.span()?;
    let directions = [("in", Direction::In), ("out", Direction::Out)];
    let (line_id, direction) = (query.line()?, query.word("direction", &directions)?);
    let (limit, after) = query.page()?;
    Ok(CrossingQuery { camera_id, line_id, direction, from, to, after, limit })
}

impl Listed for CrossingQuery {
    type Item = Crossing;

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

    fn camera_id(&self) -> CameraId {
        self.camera_id
    }

    fn with_limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    fn after(self, last: &Crossing) -> Self {
        Self { after: Some(last.position()), ..self }
    }

    fn cursor(last: &Crossing) -> String {
        cursor::encode(&last.position())
    }

    fn row(crossing: &Crossing, calendar: Calendar) -> impl Serialize {
        row(crossing, calendar)
    }

    fn list(&self, crossings: Vec<impl Serialize>, next_cursor: Option<String>) -> impl Serialize {
        CrossingList { camera_id: self.camera_id, crossings, next_cursor }
    }
}

/// A crossing, with its time by a zone's clock.
fn row(crossing: &Crossing, calendar: Calendar) -> PublicCrossing<'_, String> {
    crossing.public_at(times::with_millis(calendar, crossing.at))
}

/// A page of a camera's crossings, oldest first.
#[derive(Debug, Serialize)]
struct CrossingList<T> {
    camera_id: CameraId,
    crossings: Vec<T>,
    next_cursor: Option<String>,
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
        let next = read(&format!("cursor={}", cursor::encode(&last))).unwrap();
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
        assert_eq!(header, CrossingQuery::HEADER.join(","));
        assert_eq!(row, "ff-3,1,door,in,to the shop,12,1970-01-01T09:00:00.000+09:00,0.6");
    }
}
