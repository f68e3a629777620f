//! What the actors record of cameras, workers, sites and the spool.

use std::collections::BTreeMap;

use becamera_domain::{
    Budget, CameraId, CameraState, Crossing, Direction, LineId, LiveSite, Progress, SiteId,
    WorkerId, WorkerStatus, ZoneId,
};
use chrono::{DateTime, Utc};

use super::Metrics;
use crate::ports::SpoolState;

impl Metrics {
    /// Adds what a frame loop reports.
    pub fn record_progress(&self, camera: CameraId, progress: &Progress) {
        let label = camera.to_string();
        let label = &[label.as_str()];
        self.frames_processed.with_label_values(label).inc_by(progress.frames.into());
        self.frames_gated.with_label_values(label).inc_by(progress.gated.into());
        self.frames_dropped.with_label_values(label).inc_by(progress.dropped.into());
        self.frames_errored.with_label_values(label).inc_by(progress.errors.into());
        for (histogram, values) in [
            (&self.inference_seconds, &progress.inference_ms),
            (&self.frame_processing_seconds, &progress.processing_ms),
            (&self.frame_latency_seconds, &progress.latency_ms),
        ] {
            let histogram = histogram.with_label_values(label);
            values.iter().for_each(|ms| histogram.observe(f64::from(*ms) / 1000.0));
        }
        if let Some(people) = progress.people {
            self.people.with_label_values(label).set(people.into());
        }
    }

    /// Counts a crossing.
    pub fn record_crossing(&self, crossing: &Crossing) {
        let (camera, line) = (crossing.camera_id.to_string(), crossing.line_id.as_str());
        self.crossings.with_label_values(&[&camera, line, crossing.direction.as_str()]).inc();
    }

    /// Sets how many people are in a camera's zones.
    pub fn set_zones(&self, camera: CameraId, zones: &BTreeMap<ZoneId, u32>) {
        let camera = camera.to_string();
        for (zone, people) in zones {
            self.zone_occupancy.with_label_values(&[&camera, zone.as_str()]).set((*people).into());
        }
    }

    /// Drops the series of a zone that was deleted.
    pub fn forget_zone(&self, camera: CameraId, zone: &ZoneId) {
        // An absent series is as good as a removed one.
        let _ = self.zone_occupancy.remove_label_values(&[&camera.to_string(), zone.as_str()]);
    }

    /// Drops the series of a line that was deleted.
    pub fn forget_line(&self, camera: CameraId, line: &LineId) {
        let camera = camera.to_string();
        for direction in [Direction::In, Direction::Out] {
            // An absent series is as good as a removed one.
            let _ =
                self.crossings.remove_label_values(&[&camera, line.as_str(), direction.as_str()]);
        }
    }

    /// Sets how many people are in a site.
    pub fn set_site(&self, site: &LiveSite) {
        let gauge = self.site_occupancy.with_label_values(&[site.site_id.as_str()]);
        gauge.set(site.occupancy.into());
    }

    /// Drops the series of a site that was deleted.
    pub fn forget_site(&self, site: &SiteId) {
        // An absent series is as good as a removed one.
        let _ = self.site_occupancy.remove_label_values(&[site.as_str()]);
    }

    /// Sets how many workers have each status.
    pub fn set_workers(&self, statuses: impl Iterator<Item = WorkerStatus> + Clone) {
        for status in WorkerStatus::ALL {
            let count = statuses.clone().filter(|s| *s == status).count();
            self.workers.with_label_values(&[status.as_str()]).set(count as i64);
        }
    }

    /// Sets how many cameras have each state.
    pub fn set_cameras(&self, states: impl Iterator<Item = CameraState> + Clone) {
        for state in CameraState::ALL {
            let count = states.clone().filter(|s| *s == state).count();
            self.cameras.with_label_values(&[state.as_str()]).set(count as i64);
        }
    }

    /// Sets what a worker's process uses.
    pub fn set_worker_usage(&self, worker: WorkerId, cpu_seconds: f64, resident_bytes: u64) {
        let label = worker.to_string();
        self.worker_cpu_seconds.with_label_values(&[label.as_str()]).set(cpu_seconds);
        let bytes = i64::try_from(resident_bytes).unwrap_or(i64::MAX);
        self.worker_resident_bytes.with_label_values(&[label.as_str()]).set(bytes);
    }

    /// Sets what the spool holds.
    pub fn set_spool(&self, spool: &SpoolState, now: DateTime<Utc>) {
        self.spool_writes.set(i64::try_from(spool.writes).unwrap_or(i64::MAX));
        self.spool_bytes.set(i64::try_from(spool.bytes).unwrap_or(i64::MAX));
        let age = spool.oldest.map_or(0.0, |oldest| (now - oldest).as_seconds_f64().max(0.0));
        self.spool_age_seconds.set(age);
    }

    /// Sets how many frames a second are analysed, and how many are to be.
    pub fn set_frame_rates(&self, camera: CameraId, achieved: f32, budget: Option<Budget>) {
        let label = camera.to_string();
        let label = &[label.as_str()];
        self.frames_per_second.with_label_values(label).set(achieved.into());
        for (gauge, value) in [
            (&self.frames_per_second_asked, budget.map(|budget| budget.asked)),
            (&self.frames_per_second_granted, budget.map(|budget| budget.granted)),
        ] {
            match value {
                Some(value) => gauge.with_label_values(label).set(value.into()),
                // Nothing is asked of a camera that is not read: no series.
                None => _ = gauge.remove_label_values(label),
            }
        }
    }

    /// Drops the series of a camera that was deleted, but for those of its lines and zones.
    pub fn forget_camera(&self, camera: CameraId) {
        self.forget(&["camera"], &[&camera.to_string()]);
    }
}
