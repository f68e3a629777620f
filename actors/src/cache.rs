//! CacheActor: keeps the newest count of every camera behind the cache port.
//!
//! The actor holds every count of this process itself, so that answers never wait for the
//! backend; the backend is for other services and for the time after a restart.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use log::{info, warn};

use crate::{
    domain::{CameraId, LatestCount},
    messages::GetLatestCount,
    metrics::Metrics,
    ports::{CountCache, StoreError},
};

/// Replaces a camera's newest count; an older one than the newest is dropped.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CacheCount(pub LatestCount);

/// Forgets a camera.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ForgetCount(pub CameraId);

const READ_PATIENCE: Duration = Duration::from_millis(200);
const WRITE_PATIENCE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_secs(1);

/// What the backend has still to be told of a camera: only the newest matters.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    Put(LatestCount),
    Remove,
}

/// Keeps the newest counts in memory and passes them on to the backend: the newest of each
/// camera, one operation at a time, so that a slow backend makes nothing pile up. While the
/// backend is away the newest counts wait and are passed on when it is back.
pub struct CacheActor {
    cache: Arc<dyn CountCache>,
    metrics: Metrics,
    latest: HashMap<CameraId, LatestCount>,
    changes: BTreeMap<CameraId, Change>,
    // Where the round of cameras stands, so that none waits behind the busier ones.
    last: Option<CameraId>,
    busy: bool,
    away: bool,
}

impl CacheActor {
    /// An actor that passes counts on to `cache`.
    pub fn new(cache: Arc<dyn CountCache>, metrics: Metrics) -> Self {
        Self {
            cache,
            metrics,
            latest: HashMap::new(),
            changes: BTreeMap::new(),
            last: None,
            busy: false,
            away: false,
        }
    }

    fn next_change(&mut self) -> Option<(CameraId, Change)> {
        let after = self.last.and_then(|last| {
            self.changes.range((std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded)).next()
        });
        let camera = *after.or_else(|| self.changes.iter().next())?.0;
        self.last = Some(camera);
        self.changes.remove_entry(&camera)
    }

    fn pass_on(&mut self, ctx: &mut Context<Self>) {
        if self.busy {
            return;
        }
        let Some((camera, change)) = self.next_change() else { return };
        self.busy = true;
        let cache = self.cache.clone();
        let work = async move {
            let result = tokio::time::timeout(WRITE_PATIENCE, async {
                match &change {
                    Change::Put(count) => cache.put(count).await,
                    Change::Remove => cache.remove(camera).await,
                }
            })
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("it does not answer".into())));
            (change, result)
        };
        ctx.spawn(work.into_actor(self).map(move |(change, result), actor, ctx| {
            actor.passed_on(camera, change, result, ctx);
        }));
    }

    fn passed_on(
        &mut self,
        camera: CameraId,
        change: Change,
        result: Result<(), StoreError>,
        ctx: &mut Context<Self>,
    ) {
        match result {
            Ok(()) => {
                if std::mem::take(&mut self.away) {
                    info!("cache is back");
                }
            }
            Err(StoreError::Rejected(reason)) => {
                self.metrics.cache_failures.inc();
                warn!("camera {camera}: the cache refused its count: {reason}");
            }
            Err(StoreError::Unavailable(reason)) => {
                self.metrics.cache_failures.inc();
                if !std::mem::replace(&mut self.away, true) {
                    warn!("cache is away: {reason}; the newest counts are kept in memory");
                }
                self.changes.entry(camera).or_insert(change);
                // Still busy until then: whatever comes meanwhile waits.
                ctx.run_later(RETRY, |actor, ctx| {
                    actor.busy = false;
                    actor.pass_on(ctx);
                });
                return;
            }
        }
        self.busy = false;
        self.pass_on(ctx);
    }
}

impl Actor for CacheActor {
    type Context = Context<Self>;
}

impl Supervised for CacheActor {
    // A restart drops the context's futures: what was being passed on is passed on again.
    fn restarting(&mut self, _: &mut Self::Context) {
        warn!("cache actor restarts; {} counts are kept", self.latest.len());
        self.busy = false;
        for (camera, count) in &self.latest {
            self.changes.entry(*camera).or_insert_with(|| Change::Put(count.clone()));
        }
    }
}

impl Handler<CacheCount> for CacheActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: CacheCount, ctx: &mut Self::Context) -> Self::Result {
        let count = message.0;
        let camera = count.camera_id;
        if self.latest.get(&camera).is_none_or(|newest| newest.at <= count.at) {
            self.latest.insert(camera, count.clone());
            self.changes.insert(camera, Change::Put(count));
            self.pass_on(ctx);
        }
        Box::pin(std::future::ready(()))
    }
}

impl Handler<ForgetCount> for CacheActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: ForgetCount, ctx: &mut Self::Context) -> Self::Result {
        self.latest.remove(&message.0);
        self.changes.insert(message.0, Change::Remove);
        self.pass_on(ctx);
        Box::pin(std::future::ready(()))
    }
}

impl Handler<GetLatestCount> for CacheActor {
    type Result = ResponseFuture<Result<Option<LatestCount>, StoreError>>;

    // What this process counted is at least as new as what the backend has, so the backend is
    // asked only for cameras not counted since the start. When it can't say, nothing is known.
    fn handle(&mut self, message: GetLatestCount, _: &mut Self::Context) -> Self::Result {
        let camera = message.0;
        let known = self.latest.get(&camera).cloned();
        if known.is_some() || self.away || self.changes.contains_key(&camera) {
            return Box::pin(std::future::ready(Ok(known)));
        }
        let (cache, failures) = (self.cache.clone(), self.metrics.cache_failures.clone());
        Box::pin(async move {
            match tokio::time::timeout(READ_PATIENCE, cache.get(camera)).await {
                Ok(Ok(count)) => Ok(count),
                Ok(Err(_)) | Err(_) => {
                    failures.inc();
                    Ok(None)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use chrono::{DateTime, Utc};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{domain::WorkerId, ports::PortFuture};

    struct FakeCache {
        kept: Mutex<HashMap<CameraId, LatestCount>>,
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

    impl CountCache for FakeCache {
        fn put<'a>(&'a self, count: &'a LatestCount) -> PortFuture<'a, Result<(), StoreError>> {
            Box::pin(async move {
                self.puts.fetch_add(1, Ordering::SeqCst);
                self.pass().await?;
                self.kept.lock().unwrap().insert(count.camera_id, count.clone());
                Ok(())
            })
        }

        fn get(&self, id: CameraId) -> PortFuture<'_, Result<Option<LatestCount>, StoreError>> {
            Box::pin(async move {
                self.pass().await?;
                Ok(self.kept.lock().unwrap().get(&id).cloned())
            })
        }

        fn remove(&self, id: CameraId) -> PortFuture<'_, Result<(), StoreError>> {
            Box::pin(async move {
                self.pass().await?;
                self.kept.lock().unwrap().remove(&id);
                Ok(())
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
        }
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
            addr.send(CacheCount(count(1, second, second as u32))).await.unwrap();
            addr.send(CacheCount(count(2, second, 7))).await.unwrap();
        }
        let got = addr.send(GetLatestCount(camera(1))).await.unwrap().unwrap();
        assert_eq!(got, Some(count(1, 999, 999)));
        cache.gate.add_permits(100);
        until("passing on", || cache.kept.lock().unwrap().len() == 2).await;
        until("the newest", || cache.kept.lock().unwrap()[&camera(1)].people == 999).await;
        // The first of each to come by, then the newest.
        assert!(cache.puts.load(Ordering::SeqCst) <= 4);
    }

    #[actix::test]
    async fn an_older_count_does_not_replace_a_newer_one() {
        let cache = FakeCache::new(100);
        let addr = start(&cache);
        addr.send(CacheCount(count(1, 10, 5))).await.unwrap();
        addr.send(CacheCount(count(1, 9, 4))).await.unwrap();
        let got = addr.send(GetLatestCount(camera(1))).await.unwrap().unwrap();
        assert_eq!(got.unwrap().people, 5);
    }

    #[actix::test]
    async fn counts_of_before_the_start_come_from_the_backend_within_bounds() {
        let cache = FakeCache::new(1);
        cache.kept.lock().unwrap().insert(camera(1), count(1, 1, 3));
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
        addr.send(CacheCount(count(1, 1, 1))).await.unwrap();
        until("an attempt", || cache.puts.load(Ordering::SeqCst) > 0).await;
        addr.send(CacheCount(count(1, 2, 2))).await.unwrap();
        addr.send(CacheCount(count(2, 2, 9))).await.unwrap();
        addr.send(ForgetCount(camera(2))).await.unwrap();
        cache.away.store(false, Ordering::SeqCst);
        until("passing on", || {
            cache.kept.lock().unwrap().get(&camera(1)).is_some_and(|count| count.people == 2)
        })
        .await;
        assert!(!cache.kept.lock().unwrap().contains_key(&camera(2)));
        assert_eq!(addr.send(GetLatestCount(camera(2))).await.unwrap().unwrap(), None);
    }
}
