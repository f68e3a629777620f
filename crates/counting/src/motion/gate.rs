//! Saves inference where nothing moves: an empty shop at night shall cost next to nothing.

use std::time::Duration;

use becamera_domain::DetectSettings;

/// Time for which frames are still analysed after the last motion: the count that is held from then
/// on is that of a scene at rest.
const LINGER: Duration = Duration::from_secs(1);

/// Decides for each frame of a run whether it is analysed, or whether the newest count still holds.
#[derive(Debug)]
pub struct MotionGate {
    enabled: bool,
    longest: Duration,
    moved: Option<Duration>,
    analysed: Option<Duration>,
}

impl MotionGate {
    /// A gate for a camera with these settings; open for all frames where they switch it off.
    pub fn new(settings: &DetectSettings) -> Self {
        Self {
            enabled: settings.motion_gate,
            longest: settings.forced_inference,
            moved: None,
            analysed: None,
        }
    }

    /// Whether the frame at this place in the stream is to be analysed, given whether anything moves
    /// in it. In doubt it is.
    pub fn opens(&mut self, moves: bool, at: Duration) -> bool {
        if moves || self.moved.is_none() {
            self.moved = Some(at);
        }
        let within = |since: Option<Duration>, span: Duration| {
            since.is_some_and(|since| at.saturating_sub(since) < span)
        };
        !self.enabled || !within(self.analysed, self.longest) || within(self.moved, LINGER)
    }

    /// The frame at this place was analysed, and its number of people is known.
    pub fn analysed(&mut self, at: Duration) {
        self.analysed = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(motion_gate: bool) -> DetectSettings {
        let forced_inference = Duration::from_secs(5);
        DetectSettings { motion_gate, forced_inference, ..DetectSettings::default() }
    }

    /// Seconds of a minute at 10 frames a second in which frames were analysed.
    fn analysed(gate: &mut MotionGate, moves: impl Fn(u64) -> bool) -> Vec<f32> {
        (0..600)
            .filter(|n| {
                let at = Duration::from_millis(n * 100);
                let opens = gate.opens(moves(*n), at);
                if opens {
                    gate.analysed(at);
                }
                opens
            })
            .map(|n| n as f32 / 10.0)
            .collect()
    }

    #[test]
    fn a_still_scene_is_analysed_now_and_then() {
        let times = analysed(&mut MotionGate::new(&settings(true)), |_| false);
        let (start, later) = times.split_at(10);
        assert_eq!((start[0], start[9]), (0.0, 0.9), "people of the start get confirmed");
        assert_eq!(later, (1..12).map(|n| n as f32 * 5.0 + 0.9).collect::<Vec<_>>());
        let all = analysed(&mut MotionGate::new(&settings(false)), |_| false);
        assert_eq!(all.len(), 600);
    }

    #[test]
    fn motion_is_analysed_at_once_and_a_little_longer() {
        let moves = |n: u64| (303..306).contains(&n);
        let times = analysed(&mut MotionGate::new(&settings(true)), moves);
        let busy: Vec<f32> = times.into_iter().filter(|at| (26.0..36.0).contains(at)).collect();
        assert_eq!(busy.len(), 12, "30.3 to 31.4: {busy:?}");
        assert_eq!((busy[0], busy[11]), (30.3, 31.4));
    }

    #[test]
    fn a_frame_that_failed_is_no_count_to_hold() {
        let mut gate = MotionGate::new(&settings(true));
        for n in 0..20 {
            assert!(gate.opens(false, Duration::from_millis(n * 100)));
        }
    }
}
