use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use super::*;
use becamera_domain::{CameraId, LiveEvent, LiveState, WorkerId};

use crate::ports::PortFuture;

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

    async fn pass(&self) -> Result<(), StoreError> {
        self.gate.acquire().await.unwrap().forget();
        match self.away.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

impl LiveCache for FakeCache {
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
            self.kept.lock().unwrap().counts.extend(state.counts.clone());
            Ok(())
        })
    }

    fn latest_count(
        &self,
        id: CameraId,
    ) -> PortFuture<'_, Result<Option<LatestCount>, StoreError>> {
        Box::pin(async move {
            self.pass().await?;
            Ok(self.kept.lock().unwrap().counts.get(&id).cloned())
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
    LiveEvent::Count(count(id, second, people))
}

fn start(cache: &Arc<FakeCache>) -> Addr<CacheActor> {
    let actor = CacheActor::new(cache.clone(), Metrics::new("test").unwrap());
    Supervisor::start(|_| actor)
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
    let addr = start(&cache);
    for second in 0..1_000 {
        addr.send(Publish(event(1, second, second as u32))).await.unwrap();
        addr.send(Publish(event(2, second, 7))).await.unwrap();
    }
    let got = addr.send(GetLatestCount(camera(1))).await.unwrap().unwrap();
    assert_eq!(got, Some(count(1, 999, 999)));
    cache.gate.add_permits(100);
    until("passing on", || cache.kept.lock().unwrap().counts.len() == 2).await;
    until("the newest", || cache.kept.lock().unwrap().counts[&camera(1)].people == 999).await;
    // The first of each to come by, then the newest.
    assert!(cache.puts.load(Ordering::SeqCst) <= 4);
}

#[actix::test]
async fn counts_of_before_the_start_come_from_the_backend_within_bounds() {
    let cache = FakeCache::new(1);
    cache.kept.lock().unwrap().counts.insert(camera(1), count(1, 1, 3));
    let addr = start(&cache);
    let got = addr.send(GetLatestCount(camera(1))).await.unwrap().unwrap();
    assert_eq!(got.unwrap().people, 3);
    // The gate is shut now: the backend hangs.
    let asked = std::time::Instant::now();
    assert_eq!(addr.send(GetLatestCount(camera(1))).await.unwrap().unwrap(), None);
    assert!(asked.elapsed() < Duration::from_secs(1));
}

#[actix::test]
async fn what_a_backend_missed_it_gets_when_it_is_back() {
    let cache = FakeCache::new(1_000);
    cache.away.store(true, Ordering::SeqCst);
    let addr = start(&cache);
    addr.send(Publish(event(1, 1, 1))).await.unwrap();
    until("an attempt", || cache.puts.load(Ordering::SeqCst) > 0).await;
    addr.send(Publish(event(1, 2, 2))).await.unwrap();
    addr.send(Publish(event(2, 2, 9))).await.unwrap();
    addr.send(Publish(LiveEvent::CameraDeleted { camera_id: camera(2) })).await.unwrap();
    cache.away.store(false, Ordering::SeqCst);
    until("passing on", || {
        cache.kept.lock().unwrap().counts.get(&camera(1)).is_some_and(|count| count.people == 2)
    })
    .await;
    assert!(!cache.kept.lock().unwrap().counts.contains_key(&camera(2)));
    assert_eq!(addr.send(GetLatestCount(camera(2))).await.unwrap().unwrap(), None);
}

#[actix::test]
async fn a_backend_that_lost_everything_while_it_was_away_is_told_all_of_it() {
    let cache = FakeCache::new(1_000);
    let addr = start(&cache);
    addr.send(Publish(event(1, 1, 1))).await.unwrap();
    until("passing on", || cache.kept.lock().unwrap().counts.len() == 1).await;
    cache.away.store(true, Ordering::SeqCst);
    addr.send(Publish(event(2, 1, 1))).await.unwrap();
    until("an attempt", || cache.puts.load(Ordering::SeqCst) > 1).await;
    *cache.kept.lock().unwrap() = LiveState::default();
    cache.away.store(false, Ordering::SeqCst);
    until("everything is there", || cache.kept.lock().unwrap().counts.len() == 2).await;
}
