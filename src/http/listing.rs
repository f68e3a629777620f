//! Stored rows of one camera, in pages or all of them as CSV.

use actix::Addr;
use actix_web::{HttpRequest, HttpResponse};
use becamera_actors::{
    messages::{GetCamera, ReadStore},
    ports::StoreQuery,
    storage::StorageActor,
};
use becamera_domain::{CameraId, Page};
use becamera_history::Calendar;
use serde::Serialize;

use super::{
    HttpState,
    ask::ask,
    csv_stream::{self, RowSource},
    envelope,
    error::ApiError,
    format::Format,
    query::Query,
};

/// Rows that are read at once for a CSV.
const CSV_ROWS: u32 = 2000;

/// A query whose rows are listed.
pub(super) trait Listed: StoreQuery<Answer = Page<Self::Item>> + Clone {
    /// What is stored.
    type Item: Send + 'static;

    /// The columns' names in a CSV.
    const HEADER: &'static [&'static str];

    /// The camera whose rows they are.
    fn camera_id(&self) -> CameraId;

    /// The same query for at most `limit` rows.
    fn with_limit(self, limit: u32) -> Self;

    /// The same query for what comes after a row.
    fn after(self, last: &Self::Item) -> Self;

    /// The cursor of a page that ended with a row.
    fn cursor(last: &Self::Item) -> String;

    /// What an answer shows of a row, with times by a zone's clock.
    fn row(item: &Self::Item, calendar: Calendar) -> impl Serialize;

    /// A page's answer.
    fn list(&self, rows: Vec<impl Serialize>, next_cursor: Option<String>) -> impl Serialize;
}

/// Answers a query in the format that is asked for; the CSV is a file of this name.
pub(super) async fn answer<Q: Listed>(
    state: &HttpState,
    request: &HttpRequest,
    (query, asked): (&Query<'_>, Q),
    format: Format,
    file_name: &str,
) -> Result<HttpResponse, ApiError> {
    let calendar = query.calendar()?;
    ask(&state.pool, GetCamera { camera_id: asked.camera_id() }).await??;
    let storage = state.storage.clone();
    match format {
        Format::Json => page(&storage, asked, calendar).await,
        Format::Csv => {
            query.refuse(&["limit", "cursor"], "can't be used with CSV, which has no pages")?;
            let rows = CsvRows { storage, left: Some(asked.with_limit(CSV_ROWS)), calendar };
            csv_stream::answer(request, file_name, rows).await
        }
    }
}

async fn page<Q: Listed>(
    storage: &Addr<StorageActor>,
    query: Q,
    calendar: Calendar,
) -> Result<HttpResponse, ApiError> {
    let page = ask(storage, ReadStore(query.clone())).await??;
    let next_cursor = page.last_before_more().map(Q::cursor);
    let rows = page.items.iter().map(|item| Q::row(item, calendar)).collect();
    Ok(envelope::ok(query.list(rows, next_cursor)))
}

/// The rows of a CSV, read as the client takes them.
struct CsvRows<Q> {
    storage: Addr<StorageActor>,
    /// What is still to be read.
    left: Option<Q>,
    calendar: Calendar,
}

impl<Q: Listed> RowSource for CsvRows<Q> {
    const HEADER: &'static [&'static str] = Q::HEADER;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        let Some(query) = self.left.take() else { return Ok(None) };
        let page = ask(&self.storage, ReadStore(query.clone())).await??;
        self.left = page.last_before_more().map(|last| query.after(last));
        let calendar = self.calendar;
        csv_stream::write(page.items.iter().map(|item| Q::row(item, calendar))).map(Some)
    }
}
