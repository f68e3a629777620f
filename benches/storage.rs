//! Batched writes of samples to both databases; read the samples a second off the throughput.
//! The targets are 20,000 a second for SQLite and 10,000 for PostgreSQL on two cores.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a bench ends with the first surprise"
)]

use becamera::db::DieselStore;
use becamera_actors::ports::{SampleReader, WriteStore};
use becamera_domain::{
    CameraId, RunId, Sample, SampleQuery, WorkerId, Write, settings::StorageSettings,
};
use chrono::DateTime;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

#[path = "../tests/integration/support/fixtures.rs"]
mod fixtures;
#[path = "../tests/integration/support/postgres.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod postgres;

const CAMERAS: i64 = 16;
const BATCHES: [usize; 3] = [16, 500, 2_000];

fn storage(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let server = postgres::Postgres::start();
    let databases = [
        ("sqlite", format!("sqlite:{}/bench.sqlite3", folder.path().display())),
        ("postgresql", server.database("bench")),
    ];
    for (name, database_url) in databases {
        let settings = StorageSettings { database_url, ..StorageSettings::default() };
        let store = DieselStore::connect(&settings).unwrap();
        let cameras = (1..=CAMERAS).map(|id| Write::SaveCamera(Box::new(fixtures::camera(id))));
        store.write(&cameras.collect::<Vec<_>>()).unwrap();
        write(c, name, &store);
        read(c, name, &store);
    }
}

fn write(c: &mut Criterion, name: &str, store: &DieselStore) {
    let mut group = c.benchmark_group(format!("write_samples/{name}"));
    group.sample_size(30);
    // Every batch is new to the table, as in life.
    let mut second = 0;
    for size in BATCHES {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            let setup = || {
                second += size as i64;
                let sample = |i: i64| sample(1 + i % CAMERAS, second + i / CAMERAS);
                (0..size as i64).map(sample).map(Write::Sample).collect::<Vec<_>>()
            };
            let write = |samples: Vec<Write>| store.write(&samples).unwrap();
            b.iter_batched(setup, write, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn read(c: &mut Criterion, name: &str, store: &DieselStore) {
    let query = SampleQuery {
        camera_id: CameraId::try_from(1).unwrap(),
        from: None,
        to: None,
        after: None,
        limit: 1_000,
    };
    c.bench_function(&format!("read_samples/{name}/1000"), |b| {
        b.iter(|| store.read_samples(&query).unwrap());
    });
}

fn sample(camera: i64, second: i64) -> Sample {
    Sample {
        camera_id: CameraId::try_from(camera).unwrap(),
        run: RunId(1),
        seq: second as u32,
        bucket_start: DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap(),
        frames: 10,
        people_last: 3,
        people_min: 0,
        people_max: 4,
        people_sum: 32,
        covered_ms: 1_000,
        inference_ms_mean: 9.1,
        worker_id: WorkerId::from_index(0),
        scene: Default::default(),
    }
}

criterion_group!(benches, storage);
criterion_main!(benches);
