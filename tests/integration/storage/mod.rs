//! The data side against real databases: SQLite files, and a PostgreSQL and a Redis that the
//! tests start themselves.

mod audit;
mod crash;
mod crossings;
mod disk_full;
mod ledger;
mod lines;
mod outage;
mod redis;
mod redis_outage;
mod registry;
mod rollups;
mod scene;
mod startup;
mod suite;

use becamera::db::DieselStore;
use becamera_actors::ports::{SampleReader, StoreError, WriteStore};
use becamera_domain::{
    Camera, CameraId, CameraSettings, DesiredState, RunId, Sample, SampleQuery, StreamUrl,
    WorkerId, Write, settings::StorageSettings,
};
use chrono::{DateTime, Utc};

fn settings(url: &str) -> StorageSettings {
    StorageSettings { database_url: url.into(), ..StorageSettings::default() }
}

fn camera_id(id: i64) -> CameraId {
    CameraId::try_from(id).unwrap()
}

fn time(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn camera(id: i64) -> Camera {
    Camera {
        id: camera_id(id),
        name: None,
        stream_url: StreamUrl::trusted("rtsp://user:pa%2Fss@camera.example:554/1?a=b").unwrap(),
        settings: CameraSettings::default(),
        desired: DesiredState::Running,
        created_at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
        updated_at: DateTime::from_timestamp_micros(1_700_000_001_654_321).unwrap(),
    }
}

fn sample(camera: i64, second: i64, frames: u32) -> Sample {
    Sample {
        camera_id: camera_id(camera),
        run: RunId(1),
        seq: second.rem_euclid(1 << 31) as u32,
        bucket_start: time(second),
        frames,
        people_last: frames % 7,
        people_min: 0,
        people_max: frames % 11,
        people_sum: frames / 3,
        covered_ms: 1_000,
        inference_ms_mean: 9.25,
        worker_id: WorkerId::from_index(3),
        scene: Default::default(),
    }
}

fn whole(camera: i64) -> SampleQuery {
    SampleQuery {
        camera_id: camera_id(camera),
        from: None,
        to: None,
        after: None,
        limit: 1_000_000,
    }
}

fn write(store: &DieselStore, samples: &[Sample]) -> Result<(), StoreError> {
    store.write(&samples.iter().cloned().map(Write::Sample).collect::<Vec<_>>())
}

fn save(camera: Camera) -> Write {
    Write::SaveCamera(Box::new(camera))
}

fn forget(id: i64) -> Write {
    Write::ForgetCamera(camera_id(id))
}

fn all(store: &DieselStore, camera: i64) -> Vec<Sample> {
    let page = store.read_samples(&whole(camera)).unwrap();
    assert!(!page.more);
    page.items
}
