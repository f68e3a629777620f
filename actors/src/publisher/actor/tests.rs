use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use becamera_domain::{CameraId, LatestCount, LiveEvent, LiveKey, LiveKind, LiveState, WorkerId};
use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use super::*;
use crate::{
    cache::CacheActor,
    events::Subscribers,
    messages::GetLatestCount,
    ports::{LiveReader, PortFuture},
};

struct FakeCache {
    kept: Mutex<LiveState>,
    puts: AtomicUsize,
    away: AtomicBool,
    gate: Semaphore,
}

impl FakeCache {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::default(),
            puts: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            gate: Semaphore::new(permits),
        })
    }

    fn kept(&self, id: i64) -> Option<LatestCount> {
        self.kept.lock().unwrap().count(camera(id)).cloned()
    }

    fn kept_counts(&self) -> usize {
        self.kept.lock().unwrap().of_kind(LiveKind::Count).count()
    }

    async fn pass(&self) -> Result<(), StoreError> {
        self.gate.acquire().await.unwrap().forget();
        match self.away.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

impl LivePublisher for FakeCache {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn publish<'a>(&'a self, event: &'a LiveEvent) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.puts.fetch_add(1, Ordering::SeqCst);
            self.pass().await?;
            self.kept.lock().unwrap().apply(event);
            Ok(())
        })
    }

    fn keep<'a>(&'a self, state: &'a LiveState) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            let mut kept = self.kept.lock().unwrap();
            for record in state.of_kind(LiveKind::Count) {
                kept.apply(&LiveEvent::Changed(record.clone()));
            }
            Ok(())
        })
    }
}

impl LiveReader for FakeCache {
    fn latest_count(
        &self,
        id: CameraId,
    ) -> PortFuture<'_, Result<Option<LatestCount>, StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            Ok(self.kept.lock().unwrap().count(id).cloned())
        })
    }
}

fn camera(id: i64) -> CameraId {
    CameraId::try_from(id).unwrap()
}

fn count(id: i64, second: i64, people: u32) -> LatestCount {
    LatestCount {
        camera_id: camera(id),
        people,
        at: DateTime::<Utc>::from_timestamp(second, 0).unwrap(),
        worker_id: WorkerId::from_index(0),
        zones: Default::default(),
    }
}

fn event(id: i64, second: i64, people: u32) -> LiveEvent {
    LiveEvent::changed(count(id, second, people))
}

/// Both actors, as the service has them.
struct World {
    publisher: Addr<PublisherActor>,
    cache: Addr<CacheActor>,
}

impl World {
    fn start(fake: &Arc<FakeCache>) -> Self {
        let metrics = Metrics::new("test").unwrap();
        let publisher = PublisherActor::new(fake.clone(), metrics.clone());
        let cache = CacheActor::new(fake.clone(), metrics);
        Self { publisher: Supervisor::start(|_| publisher), cache: Supervisor::start(|_| cache) }
    }

    async fn publish(&self, event: LiveEvent) {
        self.publisher.send(Publish(event.clone())).await.unwrap();
        self.cache.send(Publish(event)).await.unwrap();
    }

    async fn latest(&self, id: i64) -> Option<LatestCount> {
        self.cache.send(GetLatestCount(camera(id))).await.unwrap().unwrap()
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

#[actix::test]
async fn a_slow_backend_gets_only_the_newest_and_delays_no_answer() {
    let cache = FakeCache::new(0);
    let world = World::start(&cache);
    for second in 0..1_000 {
        world.publish(event(1, second, second as u32)).await;
        world.publish(event(2, second, 7)).await;
    }
    let got = world.latest(1).await;
    assert_eq!(got, Some(count(1, 999, 999)));
    cache.gate.add_permits(100);
    until("passing on", || cache.kept_counts() == 2).await;
    until("the newest", || cache.kept(1).unwrap().people == 999).await;
    // The first of each to come by, then the newest.
    assert!(cache.puts.load(Ordering::SeqCst) <= 4);
}

#[actix::test]
async fn counts_of_before_the_start_come_from_the_backend_within_bounds() {
    let cache = FakeCache::new(1);
    cache.kept.lock().unwrap().apply(&event(1, 1, 3));
    let world = World::start(&cache);
    let got = world.latest(1).await;
    assert_eq!(got.unwrap().people, 3);
    // The gate is shut now: the backend hangs.
    let asked = std::time::Instant::now();
    assert_eq!(world.latest(1).await, None);
    assert!(asked.elapsed() < Duration::from_secs(1));
}

#[actix::test]
async fn what_a_backend_missed_it_gets_when_it_is_back() {
    let cache = FakeCache::new(1_000);
    cache.away.store(true, Ordering::SeqCst);
    let world = World::start(&cache);
    world.publish(event(1, 1, 1)).await;
    until("an attempt", || cache.puts.load(Ordering::SeqCst) > 0).await;
    world.publish(event(1, 2, 2)).await;
    world.publish(event(2, 2, 9)).await;
    world.publish(LiveEvent::Removed(LiveKey::Camera(camera(2)))).await;
    cache.away.store(false, Ordering::SeqCst);
    until("passing on", || cache.kept(1).is_some_and(|count| count.people == 2)).await;
    assert!(cache.kept(2).is_none());
    assert_eq!(world.latest(2).await, None);
}

#[actix::test]
async fn a_backend_that_lost_everything_while_it_was_away_is_told_all_of_it() {
    let cache = FakeCache::new(1_000);
    let world = World::start(&cache);
    world.publish(event(1, 1, 1)).await;
    until("passing on", || cache.kept_counts() == 1).await;
    cache.away.store(true, Ordering::SeqCst);
    world.publish(event(2, 1, 1)).await;
    until("an attempt", || cache.puts.load(Ordering::SeqCst) > 1).await;
    *cache.kept.lock().unwrap() = LiveState::default();
    cache.away.store(false, Ordering::SeqCst);
    until("everything is there", || cache.kept_counts() == 2).await;
}

#[actix::test]
async fn a_publisher_that_hangs_holds_up_no_other() {
    let (hanging, quick) = (FakeCache::new(0), FakeCache::new(1_000));
    let metrics = Metrics::new("test").unwrap();
    let start = |fake: &Arc<FakeCache>| {
        PublisherActor::new(fake.clone(), metrics.clone()).start().recipient()
    };
    let subscribers = Subscribers::from(vec![start(&hanging), start(&quick)]);
    for id in 1..=10 {
        subscribers.publish(&event(id, 1, 1));
    }
    until("the other has it all", || quick.kept_counts() == 10).await;
    assert_eq!((hanging.puts.load(Ordering::SeqCst), hanging.kept_counts()), (1, 0));
}

#[actix::test]
async fn a_reader_that_fails_is_not_asked_by_every_caller() {
    let fake = FakeCache::new(0);
    let world = World::start(&fake);
    let asked = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(world.latest(1).await, None);
    }
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}
