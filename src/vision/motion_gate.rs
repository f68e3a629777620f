//! Spares inference where nothing moves: an empty shop at night shall cost next to nothing.

use std::time::Duration;

use becamera_actors::domain::DetectSettings;
use opencv::core::Mat;

use super::motion::MotionDetector;

/// After the last motion frames are still analysed for so long: the count that is then held is
/// that of a scene at rest.
const LINGER: Duration = Duration::from_secs(1);

/// Decides for each frame of a run whether people are looked for in it, or whether the newest
/// count still holds.
pub struct MotionGate {
    motion: Option<MotionDetector>,
    longest: Duration,
    moved: Option<Duration>,
    analysed: Option<Duration>,
}

impl MotionGate {
    /// A gate as a camera's settings want it; open for all frames where they want none.
    pub fn new(settings: &DetectSettings) -> Self {
        Self {
            motion: settings.motion_gate.then(MotionDetector::default),
            longest: settings.forced_inference,
            moved: None,
            analysed: None,
        }
    }

    /// Whether people are to be looked for in the frame at this place in the stream. When in doubt,
    /// they are.
    pub fn opens(&mut self, frame: &Mat, at: Duration) -> bool {
        let Some(detector) = &mut self.motion else { return true };
        // A frame that can't be scaled is the detector's to refuse.
        if detector.next(frame).map_or(true, |motion| motion.any()) {
            self.moved = Some(at);
        }
        let within = |since: Option<Duration>, span: Duration| {
            since.is_some_and(|since| at.saturating_sub(since) < span)
        };
        !within(self.analysed, self.longest) || within(self.moved, LINGER)
    }

    /// People were looked for in the frame at this place, and their number is known.
    pub fn analysed(&mut self, at: Duration) {
        self.analysed = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use opencv::core::{CV_8UC3, Scalar};

    use super::*;

    fn frame(brightness: &[u8]) -> Mat {
        // Stripes: a change of some of them is motion, of all of them light.
        let mut frame =
            Mat::new_rows_cols_with_default(144, 192, CV_8UC3, Scalar::all(0.0)).unwrap();
        let width = 192 / brightness.len() as i32;
        for (stripe, value) in brightness.iter().enumerate() {
            let place = opencv::core::Rect::new(stripe as i32 * width, 0, width, 144);
            let colour = Scalar::all(f64::from(*value));
            opencv::imgproc::rectangle(&mut frame, place, colour, -1, 8, 0).unwrap();
        }
        frame
    }

    fn settings(motion_gate: bool) -> DetectSettings {
        let forced_inference = Duration::from_secs(5);
        DetectSettings { motion_gate, forced_inference, ..DetectSettings::default() }
    }

    /// Seconds of a minute at 10 frames a second in which frames were analysed.
    fn analysed(gate: &mut MotionGate, picture: impl Fn(u64) -> Mat) -> Vec<f32> {
        (0..600)
            .filter(|n| {
                let at = Duration::from_millis(n * 100);
                let opens = gate.opens(&picture(*n), at);
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
        let still = frame(&[90, 90, 90, 90]);
        let times = analysed(&mut MotionGate::new(&settings(true)), |_| still.clone());
        assert_eq!(times, (0..12).map(|n| n as f32 * 5.0).collect::<Vec<_>>());
        let all = analysed(&mut MotionGate::new(&settings(false)), |_| still.clone());
        assert_eq!(all.len(), 600);
    }

    #[test]
    fn motion_is_analysed_at_once_and_a_little_longer() {
        let [still, moved] = [[90, 90, 90, 90], [90, 160, 90, 90]].map(|stripes| frame(&stripes));
        let picture = |n: u64| if (303..306).contains(&n) { moved.clone() } else { still.clone() };
        let times = analysed(&mut MotionGate::new(&settings(true)), picture);
        let busy: Vec<f32> = times.into_iter().filter(|at| (30.1..35.0).contains(at)).collect();
        assert_eq!(busy.len(), 12, "30.3 to 31.4: {busy:?}");
        assert_eq!((busy[0], busy[11]), (30.3, 31.4));
    }

    #[test]
    fn a_frame_that_failed_is_no_count_to_hold() {
        let mut gate = MotionGate::new(&settings(true));
        for n in 0..20 {
            assert!(gate.opens(&frame(&[1, 2]), Duration::from_millis(n * 100)));
        }
    }
}
