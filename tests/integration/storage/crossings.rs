//! Crossings from a worker's report to the database, through crashes of workers, an outage of
//! PostgreSQL and `kill -9`: each is there once, and a site says what they say.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use actix::prelude::*;
use becamera::db::{DieselStore, SqliteSpool};
use becamera_actors::{
    job_control::JobControl,
    messages::{FlushStorage, GetSite, GetStorageHealth, PutSite, StorageHealth},
    metrics::Metrics,
    pictures::PictureHub,
    pool_supervisor::{PoolSupervisor, PoolSupervisorConfig},
    ports::{EventSink, Spool, StreamRunner, WriteStore},
    sites::{SitesActor, SitesConfig, load_book},
    storage::StorageActor,
};
use becamera_domain::{
    Crash, CrashKind, Crossing, DetectSettings, Direction, Exit, Job, Member, Requester,
    RunnerInfo, SiteSettings, StreamEvent, StreamInfo, Write,
    settings::{PictureSettings, StorageSettings, WorkerSettings},
};
use chrono::Utc;
use tempfile::TempDir;

use super::{camera, camera_id, save, scene, settings};
use crate::support::{SOON, postgres::Postgres};

/// What the worker is to do next.
enum Told {
    /// So many people cross.
    Cross(u32),
    Crash,
}

/// A worker that has people cross as it is told.
struct Gate(Arc<Mutex<Receiver<Told>>>);

impl StreamRunner for Gate {
    fn start(&mut self) -> Result<RunnerInfo, Crash> {
        Ok(RunnerInfo { pid: std::process::id(), backend: "none".into() })
    }

    fn run(&mut self, job: &Job, control: &JobControl, sink: &mut dyn EventSink) -> Exit {
        sink.emit(StreamEvent::Opened(StreamInfo { width: 1, height: 1, fps: None }));
        let told = self.0.lock().unwrap();
        let mut seq = 0;
        while !control.is_cancelled() {
            match told.recv_timeout(Duration::from_millis(10)) {
                Ok(Told::Crash) => return Exit::Crashed(Crash::new(CrashKind::Panic, "told to")),
                Ok(Told::Cross(people)) => {
                    for _ in 0..people {
                        sink.emit(StreamEvent::Crossing(crossing(job, seq)));
                        seq += 1;
                    }
                }
                Err(_) => {}
            }
        }
        Exit::Cancelled
    }

    fn check(&mut self) -> Result<(), Crash> {
        Ok(())
    }

    fn stop(&mut self) {}
}

/// Every fourth one goes out again.
fn crossing(job: &Job, seq: u32) -> Crossing {
    let direction = if seq % 4 == 3 { Direction::Out } else { Direction::In };
    Crossing {
        camera_id: job.camera,
        run: job.run,
        seq,
        line_id: "door".parse().unwrap(),
        direction,
        direction_name: direction.as_str().into(),
        track_id: seq.into(),
        at: Utc::now(),
        confidence: 0.5,
    }
}

struct World {
    tell: Sender<Told>,
    storage: Addr<StorageActor>,
    sites: Addr<SitesActor>,
    metrics: Metrics,
}

impl World {
    /// A pool of one worker that has one camera, which is the door of a shop.
    async fn start(url: &str, folder: &TempDir) -> Self {
        let store = Arc::new(DieselStore::connect(&settings(url)).unwrap());
        let spool = folder.path().join("spool.sqlite3");
        let spool = Arc::new(SqliteSpool::open(&spool, 64 << 20).unwrap());
        store.write(&[save(camera(1))]).unwrap();
        let metrics = Metrics::new("test").unwrap();
        let book = load_book(store.as_ref(), spool.as_ref(), &[camera(1)], Utc::now()).unwrap();
        let storage_settings =
            StorageSettings { flush_interval: Duration::from_millis(100), ..settings(url) };
        let storage = StorageActor::new(store, spool, storage_settings, metrics.clone());
        let storage = Supervisor::start(|_| storage);
        let sites = SitesActor::new(SitesConfig {
            book,
            storage: storage.clone().recipient(),
            subscribers: Vec::new().into(),
            metrics: metrics.clone(),
        });
        let sites = Supervisor::start(|_| sites);
        let (tell, told) = channel();
        let told = Arc::new(Mutex::new(told));
        let pool = PoolSupervisor::new(PoolSupervisorConfig {
            workers: WorkerSettings {
                count: 1,
                restart_backoff: Duration::from_millis(10),
                ..WorkerSettings::default()
            },
            detect: DetectSettings::default(),
            cameras: vec![camera(1)],
            runners: Arc::new(move |_| Box::new(Gate(told.clone()))),
            storage: storage.clone().recipient(),
            subscribers: vec![sites.clone().recipient()].into(),
            pictures: PictureHub::new(&PictureSettings::default(), metrics.clone())
                .start()
                .recipient(),
            metrics: metrics.clone(),
        });
        pool.start();
        let world = Self { tell, storage, sites, metrics };
        world.make_shop().await;
        world
    }

    async fn make_shop(&self) {
        let door =
            Member { camera_id: camera_id(1), line_id: "door".parse().unwrap(), invert: false };
        // Reset half a day ago: not at the stroke of a test.
        let reset_at = (Utc::now() - chrono::TimeDelta::hours(12)).time();
        let settings = SiteSettings { reset_at, members: vec![door], ..SiteSettings::default() };
        let (site_id, by) = ("shop".parse().unwrap(), Requester::system());
        self.sites.send(PutSite { site_id, settings, by }).await.unwrap().unwrap();
    }

    fn tell(&self, what: Told) {
        self.tell.send(what).unwrap();
    }

    /// Who came and who went.
    async fn shop(&self) -> (u64, u64) {
        let shop = GetSite("shop".parse().unwrap());
        let live = self.sites.send(shop).await.unwrap().unwrap().live;
        assert_eq!(u64::from(live.occupancy), live.entered - live.left);
        (live.entered, live.left)
    }

    async fn wait_shop(&self, crossings: u64) {
        until("all have crossed", async || {
            let (came, went) = self.shop().await;
            came + went == crossings
        })
        .await;
    }

    async fn health(&self) -> StorageHealth {
        self.storage.send(GetStorageHealth).await.unwrap()
    }
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < SOON, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What the database holds: crossings by run, each run without gaps.
fn stored(url: &str) -> Vec<usize> {
    let store = DieselStore::connect(&settings(url)).unwrap();
    let mut runs: std::collections::BTreeMap<_, Vec<u32>> = Default::default();
    for crossing in scene::all_crossings(&store, 1) {
        runs.entry(crossing.run).or_default().push(crossing.seq);
    }
    scene::assert_true(&store, &[1]);
    let complete = |mut seqs: Vec<u32>| {
        seqs.sort_unstable();
        assert!(seqs.iter().copied().eq(0..seqs.len() as u32), "gaps or doubles: {seqs:?}");
        seqs.len()
    };
    runs.into_values().map(complete).collect()
}

#[actix::test]
async fn an_outage_and_crashes_lose_and_double_none() {
    let server = Postgres::start();
    let url = server.database("crossings");
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(&url, &folder).await;
    world.tell(Told::Cross(40));
    world.wait_shop(40).await;
    until("they are stored", async || stored(&url) == [40]).await;

    server.stop();
    world.tell(Told::Cross(30));
    world.tell(Told::Crash);
    // The next run begins to count anew.
    world.tell(Told::Cross(20));
    world.wait_shop(90).await;
    let safe = world.storage.send(FlushStorage).await.unwrap().unwrap();
    assert!(safe.spooled >= 50, "{safe:?}");
    server.resume();
    world.tell(Told::Cross(5));
    until("the spool is empty", async || world.health().await.spool.writes == 0).await;
    world.wait_shop(95).await;
    until("all are stored", async || stored(&url) == [70, 25]).await;
    let series =
        |direction| world.metrics.crossings.with_label_values(&["1", "door", direction]).get();
    // The line is not drawn: no series for it.
    assert_eq!((series("in"), series("out")), (0, 0));

    // Counted again from what is stored: the same.
    let live = world.shop().await;
    let store = DieselStore::connect(&settings(&url)).unwrap();
    let spool = SqliteSpool::open(&folder.path().join("other.sqlite3"), 64 << 20).unwrap();
    let book = load_book(&store, &spool, &[camera(1)], Utc::now()).unwrap();
    let shop = book.site(&"shop".parse().unwrap(), Utc::now()).unwrap().live;
    assert_eq!((shop.entered, shop.left), live);
}

#[actix::test]
async fn what_the_database_did_not_get_before_a_crash_is_counted_from_the_spool() {
    let server = Postgres::start();
    let url = server.database("crossings");
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(&url, &folder).await;
    world.tell(Told::Cross(10));
    world.wait_shop(10).await;
    until("they are stored", async || stored(&url) == [10]).await;
    let store = DieselStore::connect(&settings(&url)).unwrap();
    // A spool that a crash left: what is in the database already, and some that are not.
    let known = scene::all_crossings(&store, 1);
    let spool = SqliteSpool::open(&folder.path().join("left.sqlite3"), 64 << 20).unwrap();
    let new = (10..15).map(|seq| Crossing { seq, at: Utc::now(), ..known[0].clone() });
    let left: Vec<_> = known.iter().cloned().chain(new).map(Write::Crossing).collect();
    spool.append(&left).unwrap();
    let book = load_book(&store, &spool, &[camera(1)], Utc::now()).unwrap();
    let shop = book.site(&"shop".parse().unwrap(), Utc::now()).unwrap().live;
    assert_eq!(shop.entered + shop.left, 15);
}
