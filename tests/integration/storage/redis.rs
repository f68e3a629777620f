//! The newest counts and states in a real Redis, and without it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use becamera::cache::{COUNTS_CHANNEL, CROSSINGS_CHANNEL, EVENTS_CHANNEL, MemoryCache, RedisCache};
use becamera_actors::{
    cache::CacheActor,
    events::Publish,
    messages::GetLatestCount,
    metrics::Metrics,
    ports::{LivePublisher, LiveReader, StoreError},
    publisher::PublisherActor,
};
use becamera_domain::{
    CameraState, Crossing, LatestCount, LiveCamera, LiveEvent, LiveKey, LiveState, LiveWorker,
    PublicCrossing, WorkerId, WorkerStatus,
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
        zones: Default::default(),
    }
}

fn counted(camera: i64, second: i64, people: u32) -> LiveEvent {
    LiveEvent::changed(count(camera, second, people))
}

/// A second of the last hour: counts that are older are not kept.
fn recent(second: i64) -> i64 {
    chrono::Utc::now().timestamp() - 1_000 + second
}

fn camera_state(id: i64, error_count: u64) -> LiveCamera {
    LiveCamera {
        camera_id: camera_id(id),
        state: CameraState::Processing,
        since: time(1),
        worker_id: Some(WorkerId::from_index(0)),
        retry_at: None,
        last_error: None,
        error_count,
    }
}

fn worker_state(index: usize) -> LiveWorker {
    LiveWorker {
        worker_id: WorkerId::from_index(index),
        status: WorkerStatus::Busy,
        current_task: Some(camera_id(1)),
        start_time: Some(time(1)),
        error_count: 0,
        pid: Some(7),
        restarts: 0,
        restart_at: None,
        last_error: None,
        started_at: Some(time(0)),
    }
}

#[tokio::test]
async fn both_caches_behave_alike() {
    let server = Redis::start();
    publishes_and_reads(&MemoryCache::new()).await;
    publishes_and_reads(&RedisCache::new(&server.url()).unwrap()).await;
}

async fn publishes_and_reads(cache: &(impl LivePublisher + LiveReader)) {
    let now = recent(0);
    let latest = |id| cache.latest_count(camera_id(id));
    assert_eq!(latest(1).await.unwrap(), None);
    for event in [counted(1, now, 5), counted(2, now, 7), counted(1, now + 1, 6)] {
        cache.publish(&event).await.unwrap();
    }
    assert_eq!(latest(1).await.unwrap(), Some(count(1, now + 1, 6)));
    for _ in 0..2 {
        let deleted = LiveEvent::Removed(LiveKey::Camera(camera_id(1)));
        cache.publish(&deleted).await.unwrap();
    }
    assert_eq!(latest(1).await.unwrap(), None);
    assert_eq!(latest(2).await.unwrap(), Some(count(2, now, 7)));
    cache.keep(&LiveState::default()).await.unwrap();
    assert_eq!(latest(2).await.unwrap(), Some(count(2, now, 7)));
}

#[tokio::test]
async fn counts_expire_and_are_published() {
    let server = Redis::start();
    let client = redis::Client::open(server.url()).unwrap();
    let mut listener = client.get_connection().unwrap();
    let mut subscription = listener.as_pubsub();
    subscription.subscribe(COUNTS_CHANNEL).unwrap();
    subscription.set_read_timeout(Some(Duration::from_secs(10))).unwrap();

    let cache = RedisCache::new(&server.url()).unwrap();
    let now = recent(0);
    cache.publish(&counted(3, now, 4)).await.unwrap();
    let message: String = subscription.get_message().unwrap().get_payload().unwrap();
    assert_eq!(serde_json::from_str::<LatestCount>(&message).unwrap(), count(3, now, 4));

    let mut connection = client.get_connection().unwrap();
    // An hour from when it was counted, however often it is kept.
    for _ in 0..2 {
        let ttl: i64 = connection.ttl("becamera:camera:3:count").unwrap();
        assert!((2_500..=2_600).contains(&ttl), "{ttl}");
        let mut state = LiveState::default();
        [counted(3, now, 4), counted(5, 1, 1)].iter().for_each(|event| state.apply(event));
        cache.keep(&state).await.unwrap();
    }
    assert!(!connection.exists::<_, bool>("becamera:camera:5:count").unwrap(), "too old");
    let kept: String = connection.get("becamera:camera:3:count").unwrap();
    assert_eq!(kept, message);
    // What is not ours is as good as absent.
    let _: () = connection.set("becamera:camera:4:count", "{").unwrap();
    assert_eq!(cache.latest_count(camera_id(4)).await.unwrap(), None);
}

#[tokio::test]
async fn every_crossing_is_published_in_order() {
    let server = Redis::start();
    let client = redis::Client::open(server.url()).unwrap();
    let mut listener = client.get_connection().unwrap();
    let mut subscription = listener.as_pubsub();
    subscription.subscribe(CROSSINGS_CHANNEL).unwrap();
    subscription.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let cache = RedisCache::new(&server.url()).unwrap();
    // At a whole millisecond: times are published to the millisecond.
    let crossing = |seq| Crossing { at: time(1), ..super::scene::crossing(1, 255, seq, 1_000) };
    let crossings: Vec<_> = (0..5).map(crossing).collect();
    for crossing in &crossings {
        cache.publish(&LiveEvent::Crossed(crossing.clone())).await.unwrap();
    }
    for crossing in &crossings {
        let message: String = subscription.get_message().unwrap().get_payload().unwrap();
        let told: PublicCrossing = serde_json::from_str(&message).unwrap();
        assert_eq!(Crossing::from(told), *crossing);
        let json: serde_json::Value = serde_json::from_str(&message).unwrap();
        assert_eq!(json["event_id"], format!("ff-{}", crossing.seq));
    }
}

#[tokio::test]
async fn states_vanish_unless_they_are_kept_and_are_published() {
    let server = Redis::start();
    let client = redis::Client::open(server.url()).unwrap();
    let mut listener = client.get_connection().unwrap();
    let mut subscription = listener.as_pubsub();
    subscription.subscribe(EVENTS_CHANNEL).unwrap();
    subscription.set_read_timeout(Some(Duration::from_secs(10))).unwrap();

    let cache = RedisCache::new(&server.url()).unwrap();
    let mut state = LiveState::default();
    for event in [LiveEvent::changed(camera_state(1, 2)), LiveEvent::changed(worker_state(0))] {
        cache.publish(&event).await.unwrap();
        let message: String = subscription.get_message().unwrap().get_payload().unwrap();
        assert_eq!(serde_json::from_str::<LiveEvent>(&message).unwrap(), event);
        state.apply(&event);
    }
    let mut connection = client.get_connection().unwrap();
    let keys = ["becamera:camera:1:state", "becamera:worker:worker_1"];
    let ttls = |connection: &mut redis::Connection| {
        keys.map(|key| connection.pttl::<_, i64>(key).unwrap())
    };
    let camera: String = connection.get(keys[0]).unwrap();
    assert_eq!(serde_json::from_str::<LiveCamera>(&camera).unwrap(), camera_state(1, 2));
    let worker: String = connection.get(keys[1]).unwrap();
    assert_eq!(serde_json::from_str::<LiveWorker>(&worker).unwrap(), worker_state(0));
    assert!(ttls(&mut connection).iter().all(|ttl| (1..=30_000).contains(ttl)));
    // More than one batch.
    for id in 2..700 {
        state.apply(&LiveEvent::changed(camera_state(id, 0)));
    }
    let _: () = connection.pexpire(keys[0], 10_000).unwrap();
    let _: () = connection.del(keys[1]).unwrap();
    cache.keep(&state).await.unwrap();
    assert!(ttls(&mut connection).iter().all(|ttl| (20_000..=30_000).contains(ttl)));
    assert_eq!(redis::cmd("DBSIZE").query::<usize>(&mut connection).unwrap(), 700);

    let deleted = LiveEvent::Removed(LiveKey::Camera(camera_id(1)));
    cache.publish(&deleted).await.unwrap();
    // Keeping publishes nothing: this is the next message.
    let message: String = subscription.get_message().unwrap().get_payload().unwrap();
    assert_eq!(serde_json::from_str::<LiveEvent>(&message).unwrap(), deleted);
    assert!(!connection.exists::<_, bool>(keys[0]).unwrap());
}

/// An upgrade finds the keys of the version before: times with nanoseconds.
#[tokio::test]
async fn what_the_version_before_wrote_is_read() {
    let server = Redis::start();
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let json = r#"{"camera_id":3,"people":4,"at":"2026-11-25T13:04:28.534123456Z","worker_id":"worker_2","zones":{"hall":2}}"#;
    let _: () = connection.set("becamera:camera:3:count", json).unwrap();
    let cache = RedisCache::new(&server.url()).unwrap();
    let count = cache.latest_count(camera_id(3)).await.unwrap().unwrap();
    assert_eq!((count.people, count.zones[&"hall".parse().unwrap()]), (4, 2));
    assert_eq!(count.at.timestamp_subsec_nanos(), 534_123_456);
}

#[tokio::test]
async fn a_frozen_server_is_given_up_in_time() {
    let server = Redis::start();
    let cache = RedisCache::new(&server.url()).unwrap();
    let now = recent(0);
    cache.publish(&counted(1, now, 1)).await.unwrap();
    server.freeze(true);
    let asked = Instant::now();
    let error = cache.publish(&counted(1, now, 2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    server.freeze(false);
    cache.publish(&counted(1, now, 3)).await.unwrap();
}

#[actix::test]
async fn answers_come_from_memory_while_redis_is_away_and_redis_catches_up() {
    let mut server = Redis::start();
    let cache = Arc::new(RedisCache::new(&server.url()).unwrap());
    let metrics = Metrics::new("test").unwrap();
    let publisher = PublisherActor::new(cache.clone(), metrics.clone());
    let publisher = Supervisor::start(|_| publisher);
    let actor = CacheActor::new(cache.clone(), metrics.clone());
    let addr = Supervisor::start(|_| actor);
    let publish = async |event: LiveEvent| {
        publisher.send(Publish(event.clone())).await.unwrap();
        addr.send(Publish(event)).await.unwrap();
    };
    let now = recent(0);
    for camera in [1, 2, 3] {
        publish(counted(camera, now, 1)).await;
    }
    in_redis(&cache, 3, Some(count(3, now, 1))).await;

    server.stop();
    for second in 2..50 {
        publish(counted(1, now + second, second as u32)).await;
        let asked = Instant::now();
        let latest = addr.send(GetLatestCount(camera_id(1))).await.unwrap().unwrap();
        assert_eq!(latest, Some(count(1, now + second, second as u32)));
        assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    }
    let deleted = LiveEvent::Removed(LiveKey::Camera(camera_id(2)));
    publish(deleted).await;
    // Never counted by this process, and nobody to ask: none, in time.
    let asked = Instant::now();
    assert_eq!(addr.send(GetLatestCount(camera_id(9))).await.unwrap().unwrap(), None);
    assert!(asked.elapsed() < Duration::from_secs(1));

    server.resume();
    in_redis(&cache, 1, Some(count(1, now + 49, 49))).await;
    // It came back empty; what did not change meanwhile is there again too.
    in_redis(&cache, 3, Some(count(3, now, 1))).await;
    in_redis(&cache, 2, None).await;
    assert!(metrics.cache_failures.get() > 0);
}

async fn in_redis(cache: &RedisCache, camera: i64, expected: Option<LatestCount>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = cache.latest_count(camera_id(camera)).await;
        if matches!(&found, Ok(found) if *found == expected) {
            return;
        }
        assert!(Instant::now() < deadline, "camera {camera}: {found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
