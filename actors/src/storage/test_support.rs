use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use chrono::{DateTime, Utc};

use crate::{
    domain::*,
    ports::{CountStore, StoreError},
};

pub fn camera_id(id: i64) -> CameraId {
    CameraId::try_from(id).unwrap()
}

pub fn time(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

pub fn sample(camera: i64, second: i64, frames: u32) -> Sample {
    Sample {
        camera_id: camera_id(camera),
        run: RunId(7),
        seq: second as u32,
        bucket_start: time(second),
        frames,
        people_last: frames,
        people_min: frames,
        people_max: frames,
        people_sum: frames * frames,
        covered_ms: 1_000,
        inference_ms_mean: 1.0,
        worker_id: WorkerId::from_index(0),
    }
}

pub fn camera(id: i64, name: &str) -> Camera {
    Camera {
        id: camera_id(id),
        name: Some(name.into()),
        stream_url: StreamUrl::trusted("rtsp://camera.example/1").unwrap(),
        settings: CameraSettings::default(),
        desired: DesiredState::Running,
        created_at: time(0),
        updated_at: time(0),
    }
}

/// A store that fails when told so.
#[derive(Default)]
pub struct FakeStore {
    pub samples: Mutex<BTreeMap<(CameraId, i64), Sample>>,
    pub cameras: Mutex<BTreeMap<CameraId, Camera>>,
    pub writes: AtomicUsize,
    pub away: AtomicBool,
    pub panics: AtomicBool,
    pub bad_seconds: Mutex<HashSet<i64>>,
    pub at_once: AtomicUsize,
    pub most_at_once: AtomicUsize,
}

impl FakeStore {
    fn check(&self) -> Result<(), StoreError> {
        assert!(!self.panics.load(Ordering::SeqCst), "told to");
        match self.away.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("away".into())),
            false => Ok(()),
        }
    }

    pub fn seconds(&self) -> Vec<i64> {
        self.samples.lock().unwrap().keys().map(|(_, second)| *second).collect()
    }
}

impl CountStore for FakeStore {
    fn write_samples(&self, samples: &[Sample]) -> Result<(), StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        std::thread::yield_now();
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.check()?;
        let bad = self.bad_seconds.lock().unwrap();
        if let Some(bad) = samples.iter().find(|s| bad.contains(&s.bucket_start.timestamp())) {
            return Err(StoreError::Rejected(format!("bad {}", bad.bucket_start)));
        }
        let mut kept = self.samples.lock().unwrap();
        for sample in samples {
            kept.insert((sample.camera_id, sample.bucket_start.timestamp()), sample.clone());
        }
        Ok(())
    }

    fn read_samples(&self, _: &SampleQuery) -> Result<SamplePage, StoreError> {
        self.check()?;
        let samples = self.samples.lock().unwrap().values().cloned().collect();
        Ok(SamplePage { samples, more: false })
    }

    fn read_rollups(&self, _: &RollupQuery) -> Result<Vec<Rollup>, StoreError> {
        self.check()?;
        Ok(Vec::new())
    }

    fn load_cameras(&self) -> Result<Vec<Camera>, StoreError> {
        self.check()?;
        Ok(self.cameras.lock().unwrap().values().cloned().collect())
    }

    fn save_camera(&self, camera: &Camera) -> Result<(), StoreError> {
        self.check()?;
        self.cameras.lock().unwrap().insert(camera.id, camera.clone());
        Ok(())
    }

    fn delete_camera(&self, camera: CameraId) -> Result<(), StoreError> {
        self.check()?;
        self.cameras.lock().unwrap().remove(&camera);
        self.samples.lock().unwrap().retain(|(id, _), _| *id != camera);
        Ok(())
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.check()
    }
}
