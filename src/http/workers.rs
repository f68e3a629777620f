//! `/workers`: the pool's state, and restarting a sick worker.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use becamera_actors::messages::{GetWorkers, PoolError, RestartWorker};
use becamera_domain::WorkerId;
use chrono::Utc;

use super::{
    HttpState,
    ask::ask,
    body,
    dto::{RestartBody, RestartOutcome, WorkerDto, WorkerList},
    envelope,
    error::ApiError,
};

pub(super) async fn list(state: Data<HttpState>) -> Result<HttpResponse, ApiError> {
    let views = ask(&state.pool, GetWorkers).await?;
    Ok(envelope::ok(WorkerList::new(views, Utc::now())))
}

pub(super) async fn get(
    state: Data<HttpState>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let worker_id: WorkerId = id.parse()?;
    let views = ask(&state.pool, GetWorkers).await?;
    let view = views.into_iter().find(|view| view.worker_id == worker_id);
    let view = view.ok_or(PoolError::WorkerNotFound(worker_id))?;
    Ok(envelope::ok(WorkerDto::new(view, Utc::now())))
}

pub(super) async fn restart(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let worker_id: WorkerId = id.parse()?;
    let body: RestartBody = body::read(&request, payload, state.body_limit).await?;
    let restart =
        RestartWorker { worker_id, force: body.force, by: state.callers.requester(&request) };
    let view = ask(&state.pool, restart).await??;
    Ok(envelope::ok(RestartOutcome {
        worker: WorkerDto::new(view, Utc::now()),
        message: "Worker restart started",
    }))
}
