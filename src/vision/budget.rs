//! Which frames are analysed: the camera's budget of frames a second.

use std::time::Duration;

/// Chooses frames by their time so that no more than a given number a second are taken over time.
#[derive(Debug)]
pub struct FrameBudget {
    period: Duration,
    due: Option<Duration>,
}

impl FrameBudget {
    /// A budget of so many frames a second.
    pub fn new(fps: f32) -> Self {
        Self { period: Duration::from_secs_f32(1.0 / fps.clamp(0.01, 1000.0)), due: None }
    }

    /// Whether the frame received at `at` (since any fixed moment) is to be analysed.
    ///
    /// A frame may be early by half a period: cameras jitter, and a budget of 10 would else drop
    /// every other frame of a camera that sends 10. The schedule itself goes on evenly, so the
    /// rate holds over time; after a gap it starts anew instead of catching up.
    pub fn takes(&mut self, at: Duration) -> bool {
        let Some(due) = self.due else {
            self.due = Some(at + self.period);
            return true;
        };
        if at + self.period / 2 < due {
            return false;
        }
        let late = at.saturating_sub(due) > self.period;
        self.due = Some(if late { at } else { due } + self.period);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(camera_fps: u32, budget: f32, seconds: u32, jitter_ms: u64) -> usize {
        let mut budget = FrameBudget::new(budget);
        (0..camera_fps * seconds)
            .filter(|n| {
                let jitter = Duration::from_millis((u64::from(*n) * 7919) % (jitter_ms + 1));
                budget.takes(Duration::from_secs(1) * *n / camera_fps + jitter)
            })
            .count()
    }

    #[test]
    fn a_camera_within_its_budget_loses_nothing() {
        assert_eq!(taken(10, 10.0, 60, 0), 600);
        assert_eq!(taken(10, 10.0, 60, 40), 600);
        assert_eq!(taken(5, 10.0, 60, 40), 300);
    }

    #[test]
    fn a_faster_camera_is_cut_to_its_budget() {
        for fps in [12, 15, 25, 30, 60] {
            let taken = taken(fps, 10.0, 60, 10);
            assert!((590..=601).contains(&taken), "{taken} of {fps} fps");
        }
        assert!((5..=7).contains(&taken(25, 0.1, 60, 10)));
    }

    #[test]
    fn after_a_gap_it_does_not_catch_up() {
        let mut budget = FrameBudget::new(10.0);
        assert!(budget.takes(Duration::ZERO));
        let burst = |n: u64| Duration::from_millis(60_000 + n);
        assert_eq!((0..50).filter(|n| budget.takes(burst(*n))).count(), 1);
    }

    proptest! {
        #[test]
        fn the_budget_holds_whatever_the_camera_does(
            waits in prop::collection::vec(0u64..300, 1..300), fps in 0.5f32..60.0
        ) {
            let (mut budget, mut now, mut taken) = (FrameBudget::new(fps), 0, 0u32);
            for wait in waits {
                now += wait;
                taken += u32::from(budget.takes(Duration::from_millis(now)));
            }
            prop_assert!(taken as f32 <= now as f32 / 1000.0 * fps + 2.5, "{taken} in {now} ms");
        }
    }
}
