//! When to try again: pure functions of history and time.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use becamera_domain::settings::WorkerSettings;

/// Exponential backoff with jitter: `first`, doubled with every further attempt, up to `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The wait before the first new attempt.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row (1 or more). `jitter` from 0 to 1 shortens it
    /// by up to a quarter, so that what failed together does not come back together.
    pub fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let full = self.first.saturating_mul(1 << doublings).min(self.max);
        full.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
    }
}

/// What to do with a worker that failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RestartDecision {
    /// Start it again after this wait.
    After(Duration),
    /// Leave the worker alone for this time: it failed too often.
    Quarantine(Duration),
}

/// A worker's failures, as far as they bear on its next restart. Bounded by `max_crashes`.
#[derive(Debug, Clone, Default)]
pub struct CrashHistory {
    recent: VecDeque<Instant>,
    in_a_row: u32,
}

impl CrashHistory {
    /// Notes a failure at `now` and decides.
    pub fn record(
        &mut self,
        now: Instant,
        settings: &WorkerSettings,
        jitter: f64,
    ) -> RestartDecision {
        let healthy = |last: &Instant| now.duration_since(*last) >= settings.healthy_after;
        if self.recent.back().is_some_and(healthy) {
            self.in_a_row = 0;
        }
        self.in_a_row += 1;
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|t| now.duration_since(*t) > settings.crash_window)
            && self.recent.len() > 1
        {
            self.recent.pop_front();
        }
        if self.recent.len() > settings.max_crashes {
            self.forget();
            return RestartDecision::Quarantine(settings.quarantine);
        }
        let backoff =
            Backoff { first: settings.restart_backoff, max: settings.restart_backoff_max };
        RestartDecision::After(backoff.delay(self.in_a_row, jitter))
    }

    /// Starts from nothing, as an operator's restart does.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: f64) -> Duration {
        Duration::from_secs_f64(s)
    }

    #[test]
    fn delays_double_up_to_the_maximum() {
        let backoff = Backoff { first: seconds(0.2), max: seconds(30.0) };
        let delays: Vec<_> = [1, 2, 3, 8, 9, 1000].map(|n| backoff.delay(n, 0.0)).into();
        assert_eq!(delays, [0.2, 0.4, 0.8, 25.6, 30.0, 30.0].map(seconds));
        assert_eq!(backoff.delay(1, 1.0), seconds(0.15));
    }

    #[test]
    fn the_sixth_crash_within_a_minute_quarantines() {
        let (settings, t0) = (WorkerSettings::default(), Instant::now());
        let mut history = CrashHistory::default();
        for n in 0..5 {
            let decision = history.record(t0 + seconds(n.into()), &settings, 0.0);
            assert!(matches!(decision, RestartDecision::After(_)), "crash {n}");
        }
        let decision = history.record(t0 + seconds(5.0), &settings, 0.0);
        assert_eq!(decision, RestartDecision::Quarantine(seconds(300.0)));
        let after = history.record(t0 + seconds(306.0), &settings, 0.0);
        assert_eq!(after, RestartDecision::After(seconds(0.2)), "a quarantine clears the slate");
    }

    #[test]
    fn slow_crashes_never_quarantine_and_health_resets_the_wait() {
        let (settings, t0) = (WorkerSettings::default(), Instant::now());
        let mut history = CrashHistory::default();
        for n in 0..100 {
            let decision = history.record(t0 + seconds(f64::from(n) * 61.0), &settings, 0.0);
            assert_eq!(decision, RestartDecision::After(seconds(0.2)));
        }
    }
}
