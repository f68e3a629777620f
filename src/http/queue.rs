//! `/queue`: cameras that wait for a worker.

use actix_web::{HttpResponse, web::Data};
use becamera_actors::messages::GetQueue;
use chrono::Utc;

use super::{
    HttpState,
    ask::ask,
    dto::{QueueEntryDto, QueueList},
    envelope,
    error::ApiError,
};

pub(super) async fn list(state: Data<HttpState>) -> Result<HttpResponse, ApiError> {
    let views = ask(&state.pool, GetQueue).await?;
    let now = Utc::now();
    let queue: Vec<_> = views.into_iter().map(|view| QueueEntryDto::new(view, now)).collect();
    Ok(envelope::ok(QueueList { total: queue.len(), queue }))
}
