//! The database goes away and comes back: nothing is lost, nothing doubled.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use becamera::db::DieselCountStore;
use becamera_actors::{
    messages::{FlushStorage, GetStorageHealth},
    metrics::Metrics,
    settings::StorageSettings,
    storage::{SaveCamera, StorageActor, StoreSample},
};

use super::{all, camera, sample, settings};
use crate::support::postgres::Postgres;

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[actix::test]
async fn samples_outlast_an_outage_of_postgresql() {
    let server = Arc::new(blocking(Postgres::start).await);
    let url = server.database("counts");
    let settings = StorageSettings { flush_interval: Duration::from_millis(50), ..settings(&url) };
    let connect = settings.clone();
    let store = Arc::new(blocking(move || DieselCountStore::connect(&connect)).await.unwrap());
    let metrics = Metrics::new("test").unwrap();
    let actor = StorageActor::new(store.clone(), settings, metrics.clone());
    let addr = Supervisor::start(|_| actor);
    addr.send(SaveCamera(camera(1))).await.unwrap();

    let mut emitted = 0;
    let mut emit = async |count: i64| {
        for second in emitted..emitted + count {
            addr.send(StoreSample(sample(1, second, 5))).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        emitted += count;
    };
    emit(200).await;
    let stopped = server.clone();
    let stop = tokio::task::spawn_blocking(move || stopped.stop());
    emit(500).await;
    stop.await.unwrap();

    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let asked = Instant::now();
        let health = addr.send(GetStorageHealth).await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(5), "health is said in time");
        if let Some(error) = health.error {
            assert!(!error.contains("s3cr3t"), "{error}");
            break;
        }
        assert!(Instant::now() < deadline, "health must name the outage");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    emit(300).await;
    // A registration during the outage waits too.
    addr.send(SaveCamera(camera(2))).await.unwrap();
    assert!(addr.send(FlushStorage).await.unwrap().is_err());

    let resumed = server.clone();
    blocking(move || resumed.resume()).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while addr.send(FlushStorage).await.unwrap().is_err() {
        assert!(Instant::now() < deadline, "what waited must be written");
    }
    emit(50).await;
    addr.send(FlushStorage).await.unwrap().unwrap();

    let (stored, cameras) = blocking(move || {
        use becamera_actors::ports::CountStore;
        (all(&store, 1), store.load_cameras().unwrap())
    })
    .await;
    let expected: Vec<_> = (0..1_050).map(|second| sample(1, second, 5)).collect();
    assert_eq!(stored, expected);
    assert_eq!(cameras, [camera(1), camera(2)]);
    assert_eq!(metrics.samples_lost.get(), 0);
    assert!(metrics.sample_write_failures.get() > 0);
    assert_eq!(addr.send(GetStorageHealth).await.unwrap().buffered, 0);
}
