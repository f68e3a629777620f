//! The newest counts in Redis, where other services can read and follow them.
//!
//! | what | where |
//! |---|---|
//! | newest count of a camera | key `becamera:camera:{id}:count`: JSON, expires an hour after it was written |
//! | every new count | channel `becamera:counts`: the same JSON |
//!
//! The JSON has the fields of [`LatestCount`].

use std::{future::Future, time::Duration};

use becamera_actors::{
    domain::{CameraId, InvalidField, LatestCount},
    ports::{CountCache, PortFuture, StoreError},
};
use deadpool_redis::{
    Connection, Manager, Pool, Runtime, Timeouts,
    redis::{self, AsyncConnectionConfig, IntoConnectionInfo, RedisError},
};

/// How long a count outlives its camera's last frame.
const TTL_SECONDS: u64 = 3_600;
/// The channel on which every new count is published.
pub const CHANNEL: &str = "becamera:counts";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long any operation may take, its connection included.
const TIMEOUT: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 4;

/// Keeps the newest counts in Redis. Connects when it is first used, and again after every loss.
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

impl CountCache for RedisCache {
    fn put<'a>(&'a self, count: &'a LatestCount) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(self.within(async move {
            let json = serde_json::to_string(count)
                .map_err(|error| StoreError::Rejected(error.to_string()))?;
            let mut connection = self.connection().await?;
            // One round trip; whoever hears the message finds the key.
            redis::pipe()
                .cmd("SET")
                .arg(key(count.camera_id))
                .arg(&json)
                .arg("EX")
                .arg(TTL_SECONDS)
                .ignore()
                .cmd("PUBLISH")
                .arg(CHANNEL)
                .arg(&json)
                .ignore()
                .query_async::<()>(&mut connection)
                .await
                .map_err(|error| self.failed(&error))
        }))
    }

    fn get(&self, camera: CameraId) -> PortFuture<'_, Result<Option<LatestCount>, StoreError>> {
        Box::pin(self.within(async move {
            let mut connection = self.connection().await?;
            let json: Option<String> = redis::cmd("GET")
                .arg(key(camera))
                .query_async(&mut connection)
                .await
                .map_err(|error| self.failed(&error))?;
            // What is not ours to read (an older version's, a stranger's) is as good as absent.
            Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
        }))
    }

    fn remove(&self, camera: CameraId) -> PortFuture<'_, Result<(), StoreError>> {
        Box::pin(self.within(async move {
            let mut connection = self.connection().await?;
            redis::cmd("DEL")
                .arg(key(camera))
                .query_async::<()>(&mut connection)
                .await
                .map_err(|error| self.failed(&error))
        }))
    }
}

fn key(camera: CameraId) -> String {
    format!("becamera:camera:{camera}:count")
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
        let error = cache.get(CameraId::try_from(1).unwrap()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
