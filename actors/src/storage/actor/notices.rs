//! Tells operators what becomes of writes: log lines and metrics.

use std::time::{Duration, Instant};

use log::{error, info, warn};

use crate::{
    metrics::Metrics,
    ports::SpoolState,
    storage::{Applied, StorageNotice, WritePlan},
};

const THINNING_SAID_EVERY: Duration = Duration::from_secs(10);
const REFUSALS_LOGGED: usize = 5;

/// Logs and counts what happens, each kind as often as it helps.
pub(super) struct NoticeLog {
    metrics: Metrics,
    spool_thinned: u64,
    unsaid: u64,
    said_at: Option<Instant>,
}

impl NoticeLog {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, spool_thinned: 0, unsaid: 0, said_at: None }
    }

    /// What an earlier process left in the spool.
    pub(super) fn found(&mut self, spool: &SpoolState) {
        if spool.writes > 0 {
            info!("{} writes wait in the spool since the last time; they go first", spool.writes);
        }
    }

    pub(super) fn tell(&mut self, notice: &StorageNotice, plan: &WritePlan) {
        match notice {
            StorageNotice::WentAway(reason) => {
                warn!("database is away: {reason}; counts are kept in the spool meanwhile");
            }
            StorageNotice::CameBack(after) => {
                let (seconds, waiting) = (after.as_secs_f64(), plan.spool().writes);
                info!("database is back after {seconds:.1} s; {waiting} writes wait in the spool");
            }
            StorageNotice::SpoolFailed(reason) => {
                error!("spool can't be used: {reason}; counts are kept in memory alone");
            }
            StorageNotice::SpoolRecovered => info!("spool can be used again"),
            StorageNotice::SpoolDrained => info!("spool is empty: everything is in the database"),
            StorageNotice::Thinned(samples) => self.thinned(*samples as u64),
        }
        let in_spool = plan.spool().thinned;
        let told = std::mem::replace(&mut self.spool_thinned, in_spool);
        self.thinned(in_spool.saturating_sub(told));
    }

    /// What became of a write to the database.
    pub(super) fn record(&mut self, applied: &Applied) {
        let metrics = &self.metrics;
        metrics.sample_write_seconds.observe(applied.elapsed.as_secs_f64());
        if applied.unavailable.is_none() {
            metrics.samples_written.inc_by(applied.samples as u64);
        }
        let refused = applied.refused.len();
        if applied.unavailable.is_some() || refused > 0 {
            metrics.sample_write_failures.inc();
        }
        metrics.samples_lost.inc_by(refused as u64);
        for (what, reason) in applied.refused.iter().take(REFUSALS_LOGGED) {
            error!("the database refused the {what}: {reason}");
        }
        if refused > REFUSALS_LOGGED {
            error!("the database refused {} more writes", refused - REFUSALS_LOGGED);
        }
    }

    fn thinned(&mut self, samples: u64) {
        self.metrics.samples_thinned.inc_by(samples);
        self.unsaid += samples;
        let due = self.said_at.is_none_or(|at| at.elapsed() >= THINNING_SAID_EVERY);
        if self.unsaid > 0 && due {
            let thinned = std::mem::take(&mut self.unsaid);
            warn!(
                "{thinned} of the oldest samples thinned out: there is no room for all that wait"
            );
            self.said_at = Some(Instant::now());
        }
    }
}
