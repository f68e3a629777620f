//! Frames a second over the last seconds.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(5);

/// Counts frames over a sliding window of five seconds. Bounded: reports closer than a tenth
/// of a second are merged.
#[derive(Debug, Clone, Default)]
pub struct RateMeter {
    reports: VecDeque<(Instant, u32)>,
    since: Option<Instant>,
}

impl RateMeter {
    /// Starts anew at `now`.
    pub fn reset(&mut self, now: Instant) {
        self.reports.clear();
        self.since = Some(now);
    }

    /// Notes `frames` since the last report.
    pub fn add(&mut self, now: Instant, frames: u32) {
        self.since.get_or_insert(now);
        match self.reports.back_mut() {
            Some((at, count)) if now.duration_since(*at) < WINDOW / 50 => *count += frames,
            _ => self.reports.push_back((now, frames)),
        }
        while self.reports.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.reports.pop_front();
        }
    }

    /// Frames a second at `now`: 0 before the first half second is over.
    pub fn per_second(&self, now: Instant) -> f32 {
        let Some(since) = self.since else { return 0.0 };
        let span = now.duration_since(since).min(WINDOW);
        if span < WINDOW / 10 {
            return 0.0;
        }
        let fresh = self.reports.iter().filter(|(at, _)| now.duration_since(*at) <= WINDOW);
        fresh.map(|(_, frames)| *frames as f32).sum::<f32>() / span.as_secs_f32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_last_seconds() {
        let (t0, mut meter) = (Instant::now(), RateMeter::default());
        meter.reset(t0);
        let at = |ms: u64| t0 + Duration::from_millis(ms);
        (1..=80).for_each(|n| meter.add(at(n * 250), 3));
        assert!((meter.per_second(at(20_000)) - 12.0).abs() < 0.7);
        assert_eq!(meter.per_second(at(30_000)), 0.0, "silence is seen");
        assert!(meter.reports.len() < 60);
    }
}
