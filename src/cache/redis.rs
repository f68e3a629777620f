//! The newest counts and states in Redis, where other services can read and follow them.
//!
//! | what | where | JSON |
//! |---|---|---|
//! | newest count of a camera | key `becamera:camera:{id}:count`, expires an hour after the frame | [`LatestCount`] |
//! | state of a camera | key `becamera:camera:{id}:state`, expires after 30 s unless kept | [`LiveCamera`] |
//! | state of a worker | key `becamera:worker:{worker_id}`, expires after 30 s unless kept | [`LiveWorker`] |
//! | people in a site | key `becamera:site:{site_id}`, expires after 30 s unless kept | [`LiveSite`] |
//! | every new count | channel `becamera:counts` | [`LatestCount`] |
//! | every crossing of a line, in order | channel `becamera:crossings` | [`PublicCrossing`] |
//! | every new state of a camera, worker or site, every deletion | channel `becamera:events` | [`LiveEvent`] |
//!
//! The JSON is that of the REST interface and its events, but for the age and the state of the camera
//! that they add to a count. What versions before wrote, with times of more digits, is read.
//!
//! The service keeps its keys every 10 s: states of one that died vanish by themselves, and what
//! Redis lost comes back. Of what happened while Redis was unreachable the channels get the newest of
//! each subject, and the last 10,000 crossings. A message that Redis took just before the connection
//! was lost is sent again: crossings have an `event_id` to recognise them by.
//!
//! [`LiveCamera`]: becamera_domain::LiveCamera
//! [`LiveSite`]: becamera_domain::LiveSite
//! [`LiveWorker`]: becamera_domain::LiveWorker
//! [`PublicCrossing`]: becamera_domain::PublicCrossing

use std::{future::Future, time::Duration};

use becamera_actors::ports::{KEEP_WITHIN, LivePublisher, LiveReader, PortFuture, StoreError};
use becamera_domain::{
    CameraId, InvalidField, LatestCount, LiveEvent, LiveKey, LiveKind, LiveRecord, LiveState,
};
use chrono::{DateTime, Utc};
use deadpool_redis::{
    Connection, Manager, Pool, Runtime, Timeouts,
    redis::{self, AsyncConnectionConfig, IntoConnectionInfo, Pipeline, RedisError},
};
use serde::Serialize;

/// How long a count outlives its frame.
const COUNT_SECONDS: i64 = 3_600;
/// The channel on which every new count is published.
pub const COUNTS_CHANNEL: &str = "becamera:counts";
/// The channel on which every crossing is published.
pub const CROSSINGS_CHANNEL: &str = "becamera:crossings";
/// The channel on which states and deletions are published.
pub const EVENTS_CHANNEL: &str = "becamera:events";
/// Keys written in one round trip when all of them are.
const BATCH: usize = 500;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long any operation may take, its connection included.
const TIMEOUT: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 4;

/// Keeps counts and states in Redis. Connects when it is first used, and again after every loss.
pub struct RedisCache {
    pool: Pool,
    url: String,
}

impl RedisCache {
    /// A cache at `redis://[user:password@]host[:port][/database]`. Does not connect yet.
    ///
    /// # Errors
    /// When the text is not such a URL; the error does not repeat it.
    pub fn new(url: &str) -> Result<Self, InvalidField> {
        let invalid = |reason: &str| InvalidField::new("cache.redis_url", reason);
        let info = url
            .into_connection_info()
            .map_err(|_| invalid("must look like redis://user:password@host:6379/0"))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let manager = Manager::new_with_config(info, config)
            .map_err(|_| invalid("names something that Redis' client can't connect to"))?;
        let limits =
            Timeouts { wait: Some(TIMEOUT), create: Some(TIMEOUT), recycle: Some(TIMEOUT) };
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .timeouts(limits)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| invalid("can't be used: no runtime for its timeouts"))?;
        Ok(Self { pool, url: url.to_owned() })
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(TIMEOUT, work).await.unwrap_or_else(|_| {
            let text = format!("Redis did not answer within {} ms", TIMEOUT.as_millis());
            Err(StoreError::Unavailable(text))
        })
    }

    async fn run(&self, pipe: &Pipeline) -> Result<(), StoreError> {
        if pipe.is_empty() {
            return Ok(());
        }
        let work = async {
            let mut connection = self.connection().await?;
            let done = pipe.query_async::<()>(&mut connection).await;
            done.map_err(|error| self.failed(&error))
        };
        self.within(work).await
    }

    /// Runs what is gathered once it is a batch, and begins the next one.
    async fn run_full(&self, pipe: &mut Pipeline) -> Result<(), StoreError> {
        if pipe.len() < BATCH {
            return Ok(());
        }
        self.run(pipe).await?;
        pipe.clear();
        Ok(())
    }

    async fn connection(&self) -> Result<Connection, StoreError> {
        self.pool.get().await.map_err(|error| self.unavailable(&error.to_string()))
    }

    fn unavailable(&self, reason: &str) -> StoreError {
        StoreError::Unavailable(reason.replace(&self.url, "redis"))
    }

    fn failed(&self, error: &RedisError) -> StoreError {
        // Its text never holds what was sent, and so no password.
        self.unavailable(&error.to_string())
    }
}

impl LivePublisher for RedisCache {
    fn name(&self) -> &'static str {
        "Redis cache"
    }

    fn publish<'a>(&'a self, event: &'a LiveEvent) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            // One round trip; a service that hears the message finds the key.
            let mut pipe = redis::pipe();
            match event {
                LiveEvent::Changed(record) => set(&mut pipe, record, Utc::now())?,
                LiveEvent::Removed(key) => {
                    let keys: Vec<_> = key.with_dependents().map(|key| name_of(&key)).collect();
                    pipe.del(keys).ignore();
                }
                // What only happened leaves no key.
                _ => {}
            }
            match event.kind() {
                LiveKind::Count => send(&mut pipe, COUNTS_CHANNEL, &event.fields())?,
                LiveKind::Crossing => send(&mut pipe, CROSSINGS_CHANNEL, &event.fields())?,
                // Several types: each says its own.
                _ => send(&mut pipe, EVENTS_CHANNEL, event)?,
            }
            self.run(&pipe).await
        })
    }

    fn keep<'a>(&'a self, state: &'a LiveState) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let now = Utc::now();
            let mut pipe = redis::pipe();
            for record in state.records() {
                set(&mut pipe, record, now)?;
                self.run_full(&mut pipe).await?;
            }
            self.run(&pipe).await
        })
    }
}

impl LiveReader for RedisCache {
    fn latest_count(
        &self,
        camera: CameraId,
    ) -> PortFuture<'_, Result<Option<LatestCount>, StoreError>> {
        Box::pin(self.within(async move {
            let mut connection = self.connection().await?;
            let json: Option<String> = redis::cmd("GET")
                .arg(name_of(&LiveKey::Count(camera)))
                .query_async(&mut connection)
                .await
                .map_err(|error| self.failed(&error))?;
            // What can't be read was not written by becamera: as good as absent.
            Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
        }))
    }
}

/// The Redis key of a record.
fn name_of(key: &LiveKey) -> String {
    match key {
        LiveKey::Count(camera) => format!("becamera:camera:{camera}:count"),
        LiveKey::Camera(camera) => format!("becamera:camera:{camera}:state"),
        LiveKey::Worker(worker) => format!("becamera:worker:{worker}"),
        LiveKey::Site(site) => format!("becamera:site:{site}"),
    }
}

/// Keeps a record until it expires. A count that should have expired already is left alone.
fn set(pipe: &mut Pipeline, record: &LiveRecord, now: DateTime<Utc>) -> Result<(), StoreError> {
    let expires_in = match record {
        LiveRecord::Count(count) => count_seconds_left(count, now),
        _ => Some(KEEP_WITHIN.as_secs()),
    };
    if let Some(seconds) = expires_in {
        pipe.set_ex(name_of(&record.key()), json(record)?, seconds).ignore();
    }
    Ok(())
}

fn count_seconds_left(count: &LatestCount, now: DateTime<Utc>) -> Option<u64> {
    let left = COUNT_SECONDS - (now - count.at).num_seconds();
    // A clock that was set back gives no more time.
    u64::try_from(left.min(COUNT_SECONDS)).ok().filter(|left| *left > 0)
}

fn send(pipe: &mut Pipeline, channel: &str, what: &impl Serialize) -> Result<(), StoreError> {
    pipe.publish(channel, json(what)?).ignore();
    Ok(())
}

fn json(what: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(what).map_err(|error| StoreError::Rejected(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_url_is_refused_without_repeating_it() {
        for text in ["", "http://secret@h", "secret", "redis://"] {
            if let Err(error) = RedisCache::new(text) {
                assert!(!error.to_string().contains("secret"), "{error}");
                assert_eq!(error.field, "cache.redis_url");
            } else {
                assert_eq!(text, "redis://");
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_said_in_time_and_without_its_password() {
        // Port 1 on loopback: refused at once.
        let cache = RedisCache::new("redis://:hunter2@127.0.0.1:1/0").unwrap();
        let error = cache.latest_count(CameraId::try_from(1).unwrap()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
