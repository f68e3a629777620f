//! Which frames are analysed: the camera's budget of frames per second, and what is left of it on
//! a machine that can't keep up.

use std::time::Duration;

use becamera_domain::Budget;

/// Time between two reviews of the budget.
const WINDOW: Duration = Duration::from_secs(2);
/// The budget shrinks when more than this share of the frames it took was missed …
const MISSED: f32 = 0.1;
/// … to this share of itself …
const SHRINK: f32 = 0.8;
/// … but not below this share of what was asked.
const LEAST: f32 = 0.1;
/// After a window without a miss it grows by this share of what was asked.
const GROW: f32 = 0.04;

/// Chooses frames by their time so that over time no more than a given number per second are taken.
///
/// When frames that were taken are missed, because the frame before them is still being analysed,
/// the budget shrinks by a factor, and grows again by steps: additive increase, multiplicative
/// decrease. So the cameras of a machine get fair shares of it without knowing of each other (Chiu and Jain,
/// "Analysis of the increase and decrease algorithms for congestion avoidance", 1989), and frames
/// are read evenly instead of whenever there is time.
#[derive(Debug)]
pub struct FrameBudget {
    asked: f32,
    granted: f32,
    due: Option<Duration>,
    window: Window,
}

#[derive(Debug, Default)]
struct Window {
    start: Option<Duration>,
    taken: u32,
    missed: u32,
}

impl FrameBudget {
    /// A budget of this number of frames per second.
    pub fn new(fps: f32) -> Self {
        let asked = fps.clamp(0.01, 1000.0);
        Self { asked, granted: asked, due: None, window: Window::default() }
    }

    /// Whether the frame received at `at` (since any fixed moment) is to be analysed.
    ///
    /// A frame may be early by half a period: cameras jitter, and a budget of 10 would else drop
    /// every other frame of a camera that sends 10. The schedule itself goes on evenly, so the
    /// rate holds over time; after a gap it starts anew instead of catching up.
    pub fn takes(&mut self, at: Duration) -> bool {
        self.review(at);
        let period = Duration::from_secs_f32(1.0 / self.granted);
        let due = self.due.unwrap_or(at);
        if at + period / 2 < due {
            return false;
        }
        let late = at.saturating_sub(due) > period;
        self.due = Some(if late { at } else { due } + period);
        self.window.taken += 1;
        true
    }

    /// A frame that was taken, or would have been, came while there was no time for it.
    pub fn missed(&mut self) {
        self.window.missed += 1;
    }

    /// The budget asked for, and the one granted now.
    pub fn budget(&self) -> Budget {
        Budget { asked: self.asked, granted: self.granted }
    }

    fn review(&mut self, at: Duration) {
        let Window { start, taken, missed } = self.window;
        // Also after the clock of a recording went back to its start.
        let Some(begun) = start.filter(|start| *start <= at) else {
            self.window = Window { start: Some(at), ..Window::default() };
            return;
        };
        if at - begun < WINDOW || taken < 2 {
            return;
        }
        if missed as f32 > MISSED * taken.max(missed) as f32 {
            self.granted = (self.granted * SHRINK).max(self.asked * LEAST);
        } else if missed == 0 {
            self.granted = (self.granted + self.asked * GROW).min(self.asked);
        }
        self.window = Window { start: Some(at), ..Window::default() };
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

    /// Runs a camera of 25 frames per second whose frames take `analysis` each; gives the frames
    /// taken and the budget in the end.
    fn busy(budget: &mut FrameBudget, from: u32, seconds: u32, analysis: Duration) -> (u32, f32) {
        let (mut free, mut taken) = (Duration::ZERO, 0);
        for n in from * 25..(from + seconds) * 25 {
            let at = Duration::from_millis(40) * n;
            if !budget.takes(at) {
                continue;
            }
            // One frame may wait; the next replaces it.
            if free > at + analysis {
                budget.missed();
                continue;
            }
            taken += 1;
            free = free.max(at) + analysis;
        }
        (taken, budget.budget().granted)
    }

    #[test]
    fn a_machine_that_keeps_up_grants_what_is_asked() {
        let mut budget = FrameBudget::new(10.0);
        let (taken, granted) = busy(&mut budget, 0, 60, Duration::from_millis(90));
        assert!((595..=605).contains(&taken), "{taken}");
        assert_eq!(granted, 10.0);
    }

    #[test]
    fn an_overloaded_machine_grants_what_it_can_and_recovers() {
        let mut budget = FrameBudget::new(10.0);
        // Good for 4 frames a second.
        let (taken, granted) = busy(&mut budget, 0, 120, Duration::from_millis(250));
        assert!((2.5..=5.0).contains(&granted), "{granted}");
        assert!(taken >= 120 * 5 / 2, "the machine is put to use: {taken}");
        let (_, granted) = busy(&mut budget, 120, 120, Duration::from_millis(20));
        assert_eq!(granted, 10.0);
    }

    #[test]
    fn it_never_shrinks_to_nothing() {
        let mut budget = FrameBudget::new(10.0);
        let (_, granted) = busy(&mut budget, 0, 600, Duration::from_secs(7));
        assert_eq!(granted, 1.0);
        assert_eq!(budget.budget(), Budget { asked: 10.0, granted: 1.0 });
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
