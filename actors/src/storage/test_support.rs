use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use becamera_domain::*;
use chrono::{DateTime, Utc};

use crate::ports::*;

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
        scene: Default::default(),
    }
}

pub fn crossing(camera: i64, seq: u32) -> Crossing {
    Crossing {
        camera_id: camera_id(camera),
        run: RunId(7),
        seq,
        line_id: "door".parse().unwrap(),
        direction: Direction::In,
        direction_name: "in".into(),
        track_id: 1,
        at: time(seq.into()),
        confidence: 0.5,
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
    pub crossings: Mutex<BTreeMap<CrossingId, Crossing>>,
    pub cameras: Mutex<BTreeMap<CameraId, Camera>>,
    pub audit: Mutex<BTreeMap<AuditId, AuditEntry>>,
    pub writes: AtomicUsize,
    pub away: AtomicBool,
    pub panics: AtomicBool,
    pub bad_seconds: Mutex<HashSet<i64>>,
    pub at_once: AtomicUsize,
    pub most_at_once: AtomicUsize,
    hangs: Mutex<bool>,
    goes_on: Condvar,
}

impl FakeStore {
    fn check(&self) -> Result<(), StoreError> {
        assert!(!self.panics.load(Ordering::SeqCst), "told to");
        match self.away.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("away".into())),
            false => Ok(()),
        }
    }

    /// Writes hang until told otherwise.
    pub fn hang(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
        self.goes_on.notify_all();
    }

    pub fn seconds(&self) -> Vec<i64> {
        self.samples.lock().unwrap().keys().map(|(_, second)| *second).collect()
    }
}

impl WriteStore for FakeStore {
    fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        drop(self.goes_on.wait_while(self.hangs.lock().unwrap(), |hangs| *hangs));
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.check()?;
        let bad = self.bad_seconds.lock().unwrap();
        for write in writes {
            if let Write::Sample(sample) = write
                && bad.contains(&sample.bucket_start.timestamp())
            {
                return Err(StoreError::Rejected(format!("bad {}", sample.bucket_start)));
            }
        }
        let (mut samples, mut cameras) =
            (self.samples.lock().unwrap(), self.cameras.lock().unwrap());
        for write in writes {
            match write {
                Write::Sample(sample) => {
                    let key = (sample.camera_id, sample.bucket_start.timestamp());
                    samples.insert(key, sample.clone());
                }
                Write::Crossing(crossing) => {
                    self.crossings.lock().unwrap().insert(crossing.id(), crossing.clone());
                }
                Write::SaveCamera(camera) => {
                    cameras.insert(camera.id, (**camera).clone());
                }
                Write::ForgetCamera(camera) => {
                    cameras.remove(camera);
                    samples.retain(|(id, _), _| id != camera);
                }
                Write::Audit(entry) => {
                    self.audit.lock().unwrap().insert(entry.id, (**entry).clone());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn expire(&self, cutoffs: &Cutoffs) -> Result<bool, StoreError> {
        self.check()?;
        let Some(cutoff) = cutoffs.samples else { return Ok(false) };
        let mut samples = self.samples.lock().unwrap();
        let old = samples.keys().find(|(_, second)| *second < cutoff.timestamp()).copied();
        Ok(old.is_some_and(|key| samples.remove(&key).is_some()))
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.check()
    }
}

impl CameraReader for FakeStore {
    fn load_cameras(&self) -> Result<Vec<Camera>, StoreError> {
        self.check()?;
        Ok(self.cameras.lock().unwrap().values().cloned().collect())
    }
}

impl SampleReader for FakeStore {
    fn read_samples(&self, _: &SampleQuery) -> Result<Page<Sample>, StoreError> {
        self.check()?;
        let items = self.samples.lock().unwrap().values().cloned().collect();
        Ok(Page { items, more: false })
    }
}

impl CrossingReader for FakeStore {
    fn read_crossings(&self, _: &CrossingQuery) -> Result<Page<Crossing>, StoreError> {
        self.check()?;
        let items = self.crossings.lock().unwrap().values().cloned().collect();
        Ok(Page { items, more: false })
    }
}

impl RollupReader for FakeStore {
    fn read_rollups(&self, _: &RollupQuery) -> Result<Vec<Rollup>, StoreError> {
        self.check()?;
        Ok(Vec::new())
    }

    fn read_line_rollups(&self, _: &LineRollupQuery) -> Result<Vec<LineRollup>, StoreError> {
        self.check()?;
        Ok(Vec::new())
    }

    fn read_zone_rollups(&self, _: &ZoneRollupQuery) -> Result<Vec<ZoneRollup>, StoreError> {
        self.check()?;
        Ok(Vec::new())
    }
}

impl SiteReader for FakeStore {
    fn load_sites(&self) -> Result<Vec<Site>, StoreError> {
        self.check()?;
        Ok(Vec::new())
    }

    fn read_corrections(&self, _: DateTime<Utc>) -> Result<Vec<Correction>, StoreError> {
        self.check()?;
        Ok(Vec::new())
    }
}

impl AuditReader for FakeStore {
    fn read_audit(&self, _: &AuditQuery) -> Result<Page<AuditEntry>, StoreError> {
        self.check()?;
        let items = self.audit.lock().unwrap().values().rev().cloned().collect();
        Ok(Page { items, more: false })
    }
}

/// A spool in memory that fails when told so.
#[derive(Default)]
pub struct FakeSpool {
    pub kept: Mutex<BTreeMap<i64, Write>>,
    pub full: AtomicBool,
}

impl FakeSpool {
    fn check(&self) -> Result<(), StoreError> {
        match self.full.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("no room".into())),
            false => Ok(()),
        }
    }
}

impl Spool for FakeSpool {
    fn append(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.check()?;
        let mut kept = self.kept.lock().unwrap();
        let next = kept.last_key_value().map_or(0, |(place, _)| place + 1);
        kept.extend((next..).zip(writes.iter().cloned()));
        Ok(())
    }

    fn oldest(&self, limit: usize) -> Result<Option<(SpoolMark, Vec<Write>)>, StoreError> {
        let kept = self.kept.lock().unwrap();
        let batch: Vec<_> = kept.iter().take(limit).collect();
        let mark = batch.last().map(|(place, _)| SpoolMark(**place));
        Ok(mark.map(|mark| (mark, batch.into_iter().map(|(_, write)| write.clone()).collect())))
    }

    fn remove(&self, mark: SpoolMark) {
        self.kept.lock().unwrap().retain(|place, _| *place > mark.0);
    }

    fn waiting(&self, kinds: &[WriteKind]) -> Result<Vec<Write>, StoreError> {
        let kept = self.kept.lock().unwrap();
        Ok(kept.values().filter(|write| kinds.contains(&write.kind())).cloned().collect())
    }

    fn state(&self) -> SpoolState {
        let kept = self.kept.lock().unwrap();
        let oldest = (!kept.is_empty()).then(|| time(0));
        SpoolState { writes: kept.len(), bytes: kept.len() as u64, oldest, thinned: 0 }
    }
}
