//! `/livez`, `/readyz`, `/health`: is it there, can it work, and what of it can't.

use actix_web::{HttpResponse, web::Data};
use becamera_actors::messages::{
    GetPoolHealth, GetStorageHealth, PoolHealth, PoolPhase, StorageHealth,
};
use becamera_domain::stream_url::redact_urls;
use chrono::Utc;
use futures_util::future::join;
use serde_json::{Value, json};

use super::{HttpState, ask::ask, envelope, error::ApiError};

/// The process answers.
pub(super) async fn live() -> HttpResponse {
    envelope::ok(json!({"status": "alive"}))
}

/// The service can do its work; 503 with the reasons while it can't.
pub(super) async fn ready(state: Data<HttpState>) -> Result<HttpResponse, ApiError> {
    let checkup = Checkup::of(&state).await;
    checkup.refuse_unless_ready(&state)?;
    Ok(envelope::ok(json!({"status": "ready"})))
}

/// The state of every component; 503 while the service can't do its work.
pub(super) async fn health(state: Data<HttpState>) -> Result<HttpResponse, ApiError> {
    let checkup = Checkup::of(&state).await;
    checkup.refuse_unless_ready(&state)?;
    let status = if checkup.is_whole() { "ok" } else { "degraded" };
    let mut shown = checkup.components(&state);
    shown["status"] = status.into();
    Ok(envelope::ok(shown))
}

/// What the components said; none where one gave no answer.
struct Checkup {
    draining: bool,
    pool: Option<PoolHealth>,
    storage: Option<StorageHealth>,
}

impl Checkup {
    async fn of(state: &HttpState) -> Self {
        let (pool, storage) =
            join(ask(&state.pool, GetPoolHealth), ask(&state.storage, GetStorageHealth)).await;
        let draining = state.lifecycle.is_draining();
        Self { draining, pool: pool.ok(), storage: storage.ok() }
    }

    /// Why the service can't do its work now.
    fn reasons(&self) -> Vec<String> {
        let pool = match self.pool.map(|pool| pool.phase) {
            _ if self.draining => Some("the service is shutting down"),
            Some(PoolPhase::Draining) => Some("the service is shutting down"),
            Some(PoolPhase::Starting) => Some("the workers are starting"),
            Some(PoolPhase::Ready) => None,
            None => Some("the worker pool does not answer"),
        };
        let storage = match &self.storage {
            Some(StorageHealth { error: None, .. }) => None,
            Some(StorageHealth { error: Some(error), .. }) => {
                Some(format!("the database is away: {}", redact_urls(error)))
            }
            None => Some("the storage does not answer".into()),
        };
        pool.map(str::to_owned).into_iter().chain(storage).collect()
    }

    /// Whether every worker is up too, and everything that was counted is in the database.
    fn is_whole(&self) -> bool {
        let written =
            |storage: &StorageHealth| storage.spool.writes == 0 && storage.spool_error.is_none();
        self.pool.is_some_and(|pool| pool.workers_up == pool.workers_total)
            && self.storage.as_ref().is_some_and(written)
    }

    fn refuse_unless_ready(&self, state: &HttpState) -> Result<(), ApiError> {
        let reasons = self.reasons();
        if reasons.is_empty() {
            return Ok(());
        }
        Err(ApiError::NotReady { reasons, components: self.components(state) })
    }

    fn components(&self, state: &HttpState) -> Value {
        let pool = self.pool.as_ref().map(|pool| {
            json!({
                "phase": phase(pool.phase),
                "workers_up": pool.workers_up,
                "workers_total": pool.workers_total,
                "queue_depth": pool.queue_depth,
            })
        });
        let storage = self.storage.as_ref().map(|storage| {
            json!({
                "status": if storage.error.is_none() { "ok" } else { "unavailable" },
                "error": storage.error.as_deref().map(redact_urls),
                "buffered_writes": storage.buffered,
                "spool": {
                    "writes": storage.spool.writes,
                    "bytes": storage.spool.bytes,
                    "oldest_at": storage.spool.oldest,
                    "age_seconds": storage.spool.oldest.map(|at| (Utc::now() - at).num_seconds()),
                    "thinned_samples": storage.spool.thinned,
                    "error": storage.spool_error.as_deref().map(redact_urls),
                },
            })
        });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": state.lifecycle.uptime().as_secs(),
            "pool": pool,
            "storage": storage,
        })
    }
}

fn phase(phase: PoolPhase) -> &'static str {
    match phase {
        PoolPhase::Starting => "starting",
        PoolPhase::Ready => "ready",
        PoolPhase::Draining => "draining",
    }
}

#[cfg(test)]
mod tests {
    use becamera_actors::ports::SpoolState;

    use super::*;

    fn spooled(writes: usize, error: Option<&str>) -> Checkup {
        let mut checkup = checkup(PoolPhase::Ready, None);
        checkup.pool = checkup.pool.map(|pool| PoolHealth { workers_up: 4, ..pool });
        let storage = checkup.storage.as_mut().unwrap();
        storage.spool.writes = writes;
        storage.spool_error = error.map(str::to_owned);
        checkup
    }

    #[test]
    fn it_is_whole_when_nothing_waits_in_the_spool() {
        assert!(spooled(0, None).is_whole());
        assert!(!spooled(1, None).is_whole() && spooled(1, None).reasons().is_empty());
        assert!(!spooled(0, Some("disk full")).is_whole());
    }

    fn checkup(phase: PoolPhase, error: Option<&str>) -> Checkup {
        let pool = PoolHealth { phase, workers_up: 3, workers_total: 4, queue_depth: 0 };
        let storage = StorageHealth {
            error: error.map(str::to_owned),
            buffered: 7,
            spool: SpoolState::default(),
            spool_error: None,
        };
        Checkup { draining: false, pool: Some(pool), storage: Some(storage) }
    }

    #[test]
    fn it_is_ready_when_pool_and_database_are() {
        let good = checkup(PoolPhase::Ready, None);
        assert!(good.reasons().is_empty() && !good.is_whole());
        assert_eq!(checkup(PoolPhase::Starting, None).reasons(), ["the workers are starting"]);
        assert_eq!(checkup(PoolPhase::Draining, None).reasons(), ["the service is shutting down"]);
        let draining = Checkup { draining: true, ..checkup(PoolPhase::Ready, None) };
        assert_eq!(draining.reasons(), ["the service is shutting down"]);
        let away = checkup(PoolPhase::Starting, Some("postgres://u:hunter2@db refused"));
        assert_eq!(
            away.reasons(),
            ["the workers are starting", "the database is away: postgres://***@db refused"]
        );
        let silent = Checkup { draining: false, pool: None, storage: None };
        assert_eq!(silent.reasons().len(), 2);
    }
}
