use std::sync::atomic::Ordering;

use super::*;
use crate::{
    messages::{FlushReport, FlushStorage, GetStorageHealth, StorageHealth},
    storage::{
        StoreWrite, load_cameras,
        test_support::{FakeSpool, FakeStore, camera, camera_id, crossing, sample},
    },
};

struct Bench {
    store: Arc<FakeStore>,
    spool: Arc<FakeSpool>,
    metrics: Metrics,
    addr: Addr<StorageActor>,
}

impl Bench {
    // With an interval of an hour nothing is written but what is asked for or tried again.
    fn new(capacity: usize) -> Self {
        let settings = StorageSettings {
            flush_interval: Duration::from_secs(3_600),
            buffer_samples: capacity,
            ..StorageSettings::default()
        };
        Self::with(settings)
    }

    fn with(settings: StorageSettings) -> Self {
        let store = Arc::new(FakeStore::default());
        let metrics = Metrics::new("test").unwrap();
        let spool = Arc::new(FakeSpool::default());
        let actor = StorageActor::new(store.clone(), spool.clone(), settings, metrics.clone());
        Self { store, spool, metrics, addr: Supervisor::start(|_| actor) }
    }

    async fn push(&self, seconds: impl Iterator<Item = i64>) {
        for second in seconds {
            self.store(Write::Sample(sample(1, second, 1))).await;
        }
    }

    async fn store(&self, write: Write) {
        self.addr.send(StoreWrite(write)).await.unwrap();
    }

    async fn flush(&self) -> Result<FlushReport, StoreError> {
        self.addr.send(FlushStorage).await.unwrap()
    }

    async fn health(&self) -> StorageHealth {
        self.addr.send(GetStorageHealth).await.unwrap()
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

#[derive(Message)]
#[rtype(result = "()")]
struct Restart;

impl Handler<Restart> for StorageActor {
    type Result = ();

    fn handle(&mut self, _: Restart, ctx: &mut Self::Context) {
        // With a batch under way whose outcome the restart throws away.
        self.advance(true, ctx);
        ctx.stop();
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

impl Handler<Panic> for StorageActor {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("told to");
    }
}

#[actix::test]
async fn samples_are_written_in_batches_one_at_a_time() {
    let bench = Bench::new(100_000);
    bench.push(0..5_000).await;
    bench.flush().await.unwrap();
    assert_eq!(bench.store.seconds(), (0..5_000).collect::<Vec<_>>());
    assert!(bench.store.writes.load(Ordering::SeqCst) <= 6);
    assert_eq!(bench.store.most_at_once.load(Ordering::SeqCst), 1);
    assert_eq!(bench.metrics.samples_written.get(), 5_000);
    assert_eq!(bench.metrics.samples_buffered.get(), 0);
}

#[actix::test]
async fn samples_are_written_at_every_interval_without_being_asked() {
    let bench = Bench::with(StorageSettings {
        flush_interval: Duration::from_millis(20),
        ..StorageSettings::default()
    });
    bench.push(0..3).await;
    until("a write", || bench.store.seconds() == [0, 1, 2]).await;
}

#[actix::test]
async fn what_comes_while_the_database_is_away_is_spooled_and_replayed() {
    let bench = Bench::new(100_000);
    bench.store.away.store(true, Ordering::SeqCst);
    bench.push(0..3_000).await;
    bench.store(Write::SaveCamera(Box::new(camera(1, "a")))).await;
    assert_eq!(bench.flush().await.unwrap().spooled, 3_001);
    let health = bench.health().await;
    assert_eq!((health.error.as_deref(), health.buffered), (Some("away"), 0));
    assert_eq!(health.spool.writes, 3_001);
    assert_eq!(bench.metrics.spool_writes.get(), 3_001);
    let loaded = || load_cameras(bench.store.as_ref(), bench.spool.as_ref());
    assert!(loaded().is_err(), "the store is away");
    bench.store.away.store(false, Ordering::SeqCst);
    assert_eq!(loaded().unwrap(), [camera(1, "a")]);
    until("a replay", || bench.store.seconds().len() == 3_000).await;
    until("the gauge", || bench.metrics.spool_writes.get() == 0).await;
    assert_eq!(loaded().unwrap(), [camera(1, "a")]);
    assert_eq!(bench.metrics.samples_lost.get() + bench.metrics.samples_thinned.get(), 0);
    assert_eq!(bench.metrics.samples_written.get(), 3_000);
    assert_eq!(bench.flush().await.unwrap().spooled, 0);
}

#[actix::test]
async fn with_nowhere_to_go_the_oldest_are_thinned_and_a_flush_says_so() {
    let bench = Bench::new(10);
    bench.store.away.store(true, Ordering::SeqCst);
    bench.spool.full.store(true, Ordering::SeqCst);
    bench.push(0..25).await;
    let error = bench.flush().await.unwrap_err().to_string();
    assert!(error.contains("away") && error.contains("no room"), "{error}");
    let health = bench.health().await;
    assert!(health.spool_error.unwrap().contains("no room"));
    bench.store.away.store(false, Ordering::SeqCst);
    until("a write", || bench.store.seconds().contains(&24)).await;
    let kept = bench.store.seconds();
    assert!(kept.len() <= 10 && kept.contains(&0), "{kept:?}");
    assert_eq!(kept.len() as u64 + bench.metrics.samples_thinned.get(), 25);
}

#[actix::test]
async fn a_write_that_hangs_is_in_the_spool_soon() {
    let bench = Bench::with(StorageSettings {
        flush_interval: Duration::from_millis(40),
        ..StorageSettings::default()
    });
    bench.store.hang(true);
    bench.push(0..3).await;
    until("the detour", || bench.spool.state().writes == 3).await;
    assert_eq!(bench.flush().await.unwrap().spooled, 3);
    bench.store.hang(false);
    until("the replay", || bench.spool.state().writes == 0).await;
    assert_eq!(bench.store.seconds(), [0, 1, 2]);
}

#[actix::test]
async fn a_bad_sample_holds_up_no_other() {
    let bench = Bench::new(10_000);
    bench.store.bad_seconds.lock().unwrap().extend([7, 500]);
    bench.push(0..1_000).await;
    let error = bench.flush().await.unwrap_err();
    assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    assert_eq!(bench.store.seconds().len(), 998);
    assert_eq!(bench.metrics.samples_lost.get(), 2);
    bench.push(2_000..2_001).await;
    bench.flush().await.unwrap();
}

#[actix::test]
async fn a_panic_of_the_store_loses_nothing() {
    let bench = Bench::new(100);
    bench.store.panics.store(true, Ordering::SeqCst);
    bench.push(0..5).await;
    assert_eq!(bench.flush().await.unwrap().spooled, 5);
    bench.store.panics.store(false, Ordering::SeqCst);
    until("a replay", || bench.store.seconds().len() == 5).await;
}

#[actix::test]
async fn camera_changes_are_written_at_once_and_in_order() {
    let bench = Bench::new(100);
    bench.store(Write::SaveCamera(Box::new(camera(1, "a")))).await;
    let loaded = || load_cameras(bench.store.as_ref(), bench.spool.as_ref()).unwrap();
    until("a write without a flush", || loaded() == [camera(1, "a")]).await;
    bench.push(0..3).await;
    bench.flush().await.unwrap();
    bench.push(3..6).await;
    bench.store(Write::ForgetCamera(camera_id(1))).await;
    bench.push(6..9).await;
    bench.flush().await.unwrap();
    assert!(bench.store.seconds().is_empty());
    assert!(loaded().is_empty());
}

#[actix::test]
async fn a_restart_keeps_the_buffer_and_the_batch_under_way() {
    let bench = Bench::new(10_000);
    bench.push(0..1_900).await;
    bench.addr.send(Restart).await.unwrap();
    bench.flush().await.unwrap();
    assert_eq!(bench.store.seconds().len(), 1_900);
    assert_eq!(bench.metrics.samples_lost.get(), 0);
}

#[actix::test]
async fn an_actor_that_dies_spools_what_it_holds_or_counts_it_as_lost() {
    let bench = Bench::new(10_000);
    bench.push(0..50).await;
    bench.addr.send(Panic).await.unwrap_err();
    until("the spool", || bench.spool.state().writes == 50).await;

    let bench = Bench::new(10_000);
    bench.spool.full.store(true, Ordering::SeqCst);
    bench.push(0..50).await;
    bench.addr.send(Panic).await.unwrap_err();
    until("the count of lost samples", || bench.metrics.samples_lost.get() == 50).await;
}

#[actix::test]
async fn health_is_asked_of_the_store_at_most_once_a_second() {
    let bench = Bench::new(10);
    assert_eq!(bench.health().await.error, None);
    bench.store.away.store(true, Ordering::SeqCst);
    assert_eq!(bench.health().await.error, None, "the answer of before still holds");
    let deadline = Instant::now() + Duration::from_secs(10);
    while bench.health().await.error.is_none() {
        assert!(Instant::now() < deadline, "the failure must be seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[actix::test]
async fn crossings_are_written_at_once_and_outlast_what_thins_samples() {
    let bench = Bench::new(100);
    let cross = |seq| bench.store(Write::Crossing(crossing(1, seq)));
    cross(0).await;
    let stored = || bench.store.crossings.lock().unwrap().len();
    until("a write without a flush", || stored() == 1).await;
    // Neither the database nor the spool takes anything.
    bench.store.away.store(true, Ordering::SeqCst);
    bench.spool.full.store(true, Ordering::SeqCst);
    for seq in 1..200 {
        cross(seq).await;
        bench.push(std::iter::once(i64::from(seq))).await;
    }
    bench.flush().await.unwrap_err();
    assert!(bench.metrics.samples_thinned.get() > 0);
    // What was counted on a camera that is deleted meanwhile is of no use any more.
    bench.store(Write::Crossing(crossing(2, 0))).await;
    let forget = bench.addr.send(StoreWrite(Write::ForgetCamera(camera_id(2))));
    bench.spool.full.store(false, Ordering::SeqCst);
    forget.await.unwrap();
    // However it went: what was tried before may still fail.
    let _ = bench.flush().await;
    bench.store(Write::Crossing(crossing(2, 1))).await;
    bench.store.away.store(false, Ordering::SeqCst);
    until("all of them", || stored() == 200).await;
    bench.flush().await.unwrap();
    assert_eq!(stored(), 200);
}

#[actix::test]
async fn what_is_urgent_follows_the_batch_under_way() {
    let bench = Bench::new(100);
    bench.store.hang(true);
    bench.store(Write::Crossing(crossing(1, 0))).await;
    bench.store(Write::SaveCamera(Box::new(camera(1, "a")))).await;
    bench.store.hang(false);
    until("a write without a flush", || bench.store.cameras.lock().unwrap().len() == 1).await;
}
