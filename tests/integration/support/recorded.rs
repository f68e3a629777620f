//! A service on a database that already holds counts of the past, written as the service writes
//! them.

use std::collections::BTreeMap;

use becamera::db::DieselStore;
use becamera_actors::ports::WriteStore;
use becamera_domain::{CameraId, RunId, Sample, WorkerId, Write, settings::StorageSettings};
use chrono::{DateTime, TimeDelta, Utc};

use super::{fixtures, service::Service};

/// Counts to write before the service starts.
#[derive(Default)]
pub struct Recorded {
    samples: BTreeMap<u32, Vec<Sample>>,
}

impl Recorded {
    /// A camera that was never seen.
    pub fn blind(&mut self, camera: u32) {
        self.samples.entry(camera).or_default();
    }

    /// A camera that sees so many people throughout: a sample every `step`, which was seen from
    /// its start to its end at two frames a second.
    pub fn seen(&mut self, camera: u32, from: &str, to: &str, step: TimeDelta, people: u32) {
        let samples = self.samples.entry(camera).or_default();
        let (mut at, to) = (utc(from), utc(to));
        let covered_ms = u32::try_from(step.num_milliseconds()).unwrap();
        let frames = covered_ms / 500;
        while at < to {
            samples.push(Sample {
                camera_id: CameraId::try_from(i64::from(camera)).unwrap(),
                run: RunId(1),
                seq: samples.len() as u32,
                bucket_start: at,
                frames,
                people_last: people,
                people_min: people,
                people_max: people,
                people_sum: people * frames,
                covered_ms,
                inference_ms_mean: 9.5,
                worker_id: WorkerId::from_index(0),
                scene: Default::default(),
            });
            at += step;
        }
    }

    /// Writes all of it to a database and starts a service there that forgets nothing.
    pub fn start(self, url: &str) -> Service {
        let settings = StorageSettings { database_url: url.into(), ..StorageSettings::default() };
        let store = DieselStore::connect(&settings).unwrap();
        for (id, samples) in self.samples {
            let saved = Write::SaveCamera(Box::new(fixtures::camera(id.into())));
            let samples = samples.into_iter().map(Write::Sample);
            store.write(&std::iter::once(saved).chain(samples).collect::<Vec<_>>()).unwrap();
        }
        Service::with()
            .env("DATABASE_URL", url)
            .set("STORAGE_RETENTION_SAMPLES", "forever")
            .set("STORAGE_RETENTION_MINUTES", "forever")
            .start()
    }
}

/// A time in RFC 3339.
pub fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
