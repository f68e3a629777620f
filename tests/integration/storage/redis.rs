//! The newest counts in a real Redis, and without it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use becamera::cache::{CHANNEL, MemoryCache, RedisCache};
use becamera_actors::{
    cache::{CacheActor, CacheCount, ForgetCount},
    domain::{LatestCount, WorkerId},
    messages::GetLatestCount,
    metrics::Metrics,
    ports::{CountCache, StoreError},
};
use deadpool_redis::redis::{self, Commands};

use super::{camera_id, time};
use crate::support::redis::Redis;

fn count(camera: i64, second: i64, people: u32) -> LatestCount {
    LatestCount {
        camera_id: camera_id(camera),
        people,
        at: time(second),
        worker_id: WorkerId::from_index(1),
    }
}

#[tokio::test]
async fn both_caches_behave_alike() {
    let server = Redis::start();
    let caches: [Box<dyn CountCache>; 2] =
        [Box::new(MemoryCache::new()), Box::new(RedisCache::new(&server.url()).unwrap())];
    for cache in caches {
        assert_eq!(cache.get(camera_id(1)).await.unwrap(), None);
        cache.put(&count(1, 1, 5)).await.unwrap();
        cache.put(&count(2, 1, 7)).await.unwrap();
        cache.put(&count(1, 2, 6)).await.unwrap();
        assert_eq!(cache.get(camera_id(1)).await.unwrap(), Some(count(1, 2, 6)));
        cache.remove(camera_id(1)).await.unwrap();
        cache.remove(camera_id(1)).await.unwrap();
        assert_eq!(cache.get(camera_id(1)).await.unwrap(), None);
        assert_eq!(cache.get(camera_id(2)).await.unwrap(), Some(count(2, 1, 7)));
    }
}

#[tokio::test]
async fn counts_expire_and_are_published() {
    let server = Redis::start();
    let client = redis::Client::open(server.url()).unwrap();
    let mut listener = client.get_connection().unwrap();
    let mut subscription = listener.as_pubsub();
    subscription.subscribe(CHANNEL).unwrap();
    subscription.set_read_timeout(Some(Duration::from_secs(10))).unwrap();

    let cache = RedisCache::new(&server.url()).unwrap();
    cache.put(&count(3, 9, 4)).await.unwrap();
    let message: String = subscription.get_message().unwrap().get_payload().unwrap();
    assert_eq!(serde_json::from_str::<LatestCount>(&message).unwrap(), count(3, 9, 4));

    let mut connection = client.get_connection().unwrap();
    let ttl: i64 = connection.ttl("becamera:camera:3:count").unwrap();
    assert!((3_500..=3_600).contains(&ttl), "{ttl}");
    let kept: String = connection.get("becamera:camera:3:count").unwrap();
    assert_eq!(kept, message);
    // What is not ours is as good as absent.
    let _: () = connection.set("becamera:camera:4:count", "{").unwrap();
    assert_eq!(cache.get(camera_id(4)).await.unwrap(), None);
}

#[tokio::test]
async fn a_frozen_server_is_given_up_in_time() {
    let server = Redis::start();
    let cache = RedisCache::new(&server.url()).unwrap();
    cache.put(&count(1, 1, 1)).await.unwrap();
    server.freeze(true);
    let asked = Instant::now();
    let error = cache.put(&count(1, 2, 2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    server.freeze(false);
    cache.put(&count(1, 3, 3)).await.unwrap();
}

#[actix::test]
async fn answers_come_from_memory_while_redis_is_away_and_redis_catches_up() {
    let mut server = Redis::start();
    let cache = Arc::new(RedisCache::new(&server.url()).unwrap());
    let metrics = Metrics::new("test").unwrap();
    let actor = CacheActor::new(cache.clone(), metrics.clone());
    let addr = Supervisor::start(|_| actor);
    addr.send(CacheCount(count(1, 1, 1))).await.unwrap();
    addr.send(CacheCount(count(2, 1, 1))).await.unwrap();
    in_redis(&cache, 2, Some(count(2, 1, 1))).await;

    server.stop();
    for second in 2..50 {
        addr.send(CacheCount(count(1, second, second as u32))).await.unwrap();
        let asked = Instant::now();
        let latest = addr.send(GetLatestCount(camera_id(1))).await.unwrap().unwrap();
        assert_eq!(latest, Some(count(1, second, second as u32)));
        assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    }
    addr.send(ForgetCount(camera_id(2))).await.unwrap();
    // Never counted by this process, and nobody to ask: none, in time.
    let asked = Instant::now();
    assert_eq!(addr.send(GetLatestCount(camera_id(9))).await.unwrap().unwrap(), None);
    assert!(asked.elapsed() < Duration::from_secs(1));

    server.resume();
    in_redis(&cache, 1, Some(count(1, 49, 49))).await;
    assert!(metrics.cache_failures.get() > 0);
}

async fn in_redis(cache: &RedisCache, camera: i64, expected: Option<LatestCount>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = cache.get(camera_id(camera)).await;
        if matches!(&found, Ok(found) if *found == expected) {
            return;
        }
        assert!(Instant::now() < deadline, "camera {camera}: {found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
