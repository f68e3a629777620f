//! What a database holds in the end, against what the workers emitted.

use std::collections::BTreeMap;

use becamera::db::DieselStore;
use becamera_actors::ports::CameraReader;
use becamera_domain::{CameraId, DesiredState, RunId, Sample};
use chrono::{DateTime, Utc};

use super::{all, rollups, scene, settings};

/// The content of a database. Samples are numbered from 0 in each run of a worker on a camera:
/// what is lost is a gap, what is doubled can't be there by its key and shows in the rollups.
pub struct Ledger {
    pub samples: usize,
    pub frames: u64,
    /// The newest second of each camera.
    pub newest: BTreeMap<CameraId, DateTime<Utc>>,
    /// Cameras, and whether each is to be running.
    pub desired: Vec<(i32, bool)>,
    runs: BTreeMap<(CameraId, RunId), Vec<u32>>,
    store: DieselStore,
    cameras: Vec<i64>,
}

impl Ledger {
    pub fn read(url: &str, cameras: &[i64]) -> Self {
        let store = DieselStore::connect(&settings(url)).unwrap();
        let samples: Vec<Sample> = cameras.iter().flat_map(|id| all(&store, *id)).collect();
        let mut runs: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        let mut newest = BTreeMap::new();
        for sample in &samples {
            runs.entry((sample.camera_id, sample.run)).or_default().push(sample.seq);
            newest.insert(sample.camera_id, sample.bucket_start);
        }
        let desired = store.load_cameras().unwrap();
        let desired = desired.iter().map(|c| (c.id.get(), c.desired == DesiredState::Running));
        Self {
            samples: samples.len(),
            frames: samples.iter().map(|sample| u64::from(sample.frames)).sum(),
            newest,
            desired: desired.collect(),
            runs,
            store,
            cameras: cameras.to_vec(),
        }
    }

    /// No run has a gap, and the rollups of every level are what the samples say. Runs that ended
    /// by force may lack their end.
    #[track_caller]
    pub fn assert_complete(&self) {
        assert!(!self.runs.is_empty(), "nothing was counted");
        for (run, seqs) in &self.runs {
            let whole: Vec<u32> = (0..seqs.len() as u32).collect();
            assert_eq!(seqs, &whole, "run {run:?} has gaps or doubles");
        }
        rollups::assert_true(&self.store, &self.cameras);
        for camera in &self.cameras {
            let mut runs: BTreeMap<RunId, Vec<u32>> = BTreeMap::new();
            for crossing in scene::all_crossings(&self.store, *camera) {
                runs.entry(crossing.run).or_default().push(crossing.seq);
            }
            for (run, mut seqs) in runs {
                seqs.sort_unstable();
                let whole: Vec<u32> = (0..seqs.len() as u32).collect();
                assert_eq!(seqs, whole, "crossings of run {run:?} have gaps or doubles");
            }
        }
        scene::assert_true(&self.store, &self.cameras);
    }
}
