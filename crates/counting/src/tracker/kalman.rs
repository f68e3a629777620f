//! A box in motion: one Kalman filter a coordinate, as the covariances never mix.
//!
//! Constant velocity for the centre, as in SORT (Bewley et al., 2016, arXiv:1602.00763), noise in
//! proportion to the person's height, as in DeepSORT (Wojke et al., 2017, arXiv:1703.07402).
//! Time is counted in [`STEP`]s, for which the noise was chosen.

use std::time::Duration;

use crate::geometry::BoundingBox;

/// The unit of time.
pub const STEP: Duration = Duration::from_millis(100);

/// Standard deviations, in heights of the person: of a place or a velocity that drifts for a step,
/// of a detection, of the velocity of somebody new.
const DRIFT: f32 = 1.0 / 40.0;
const DETECTION: f32 = 1.0 / 20.0;
const NEW_VELOCITY: f32 = 1.0 / 4.0;
/// What remains of the velocity after a step without a detection.
const DAMPING: f32 = 0.9;
/// No box gets smaller, in pixels.
const SMALLEST: f32 = 1.0;

/// Where a box is believed to be, and where it goes.
#[derive(Debug, Clone)]
pub struct BoxFilter {
    cx: Moving,
    cy: Moving,
    width: Resting,
    height: Resting,
}

#[derive(Debug, Clone)]
struct Moving {
    position: f32,
    velocity: f32,
    /// Covariance: of the position, between both, of the velocity.
    covariance: [f32; 3],
}

#[derive(Debug, Clone)]
struct Resting {
    value: f32,
    variance: f32,
}

impl BoxFilter {
    /// A box that was detected for the first time, at rest.
    pub fn new(bbox: &BoundingBox) -> Self {
        let height = bbox.height.max(SMALLEST);
        let variance = (height * DETECTION).powi(2);
        let velocity_variance = (height * NEW_VELOCITY).powi(2);
        let moving = |position| Moving {
            position,
            velocity: 0.0,
            covariance: [variance, 0.0, velocity_variance],
        };
        let resting = |value| Resting { value, variance };
        Self {
            cx: moving(bbox.left + bbox.width / 2.0),
            cy: moving(bbox.top + bbox.height / 2.0),
            width: resting(bbox.width),
            height: resting(height),
        }
    }

    /// Predicts the box after `steps` steps. A track that was missed lately slows down.
    pub fn predict(&mut self, steps: f32, missed: bool) {
        let drift = (self.height.value * DRIFT).powi(2) * steps;
        for axis in [&mut self.cx, &mut self.cy] {
            if missed {
                axis.velocity *= DAMPING.powf(steps);
            }
            axis.predict(steps, drift);
        }
        self.width.variance += drift;
        self.height.variance += drift;
    }

    /// Takes a detection of it.
    pub fn correct(&mut self, bbox: &BoundingBox) {
        let noise = (self.height.value * DETECTION).powi(2);
        self.cx.correct(bbox.left + bbox.width / 2.0, noise);
        self.cy.correct(bbox.top + bbox.height / 2.0, noise);
        self.width.correct(bbox.width, noise);
        self.height.correct(bbox.height, noise);
    }

    /// The box, in pixels.
    pub fn bbox(&self) -> BoundingBox {
        let (width, height) = (self.width.value, self.height.value);
        let (left, top) = (self.cx.position - width / 2.0, self.cy.position - height / 2.0);
        BoundingBox { left, top, width, height }
    }
}

impl Moving {
    fn predict(&mut self, steps: f32, drift: f32) {
        self.position += self.velocity * steps;
        let [position, mixed, velocity] = self.covariance;
        self.covariance = [
            position + 2.0 * steps * mixed + steps * steps * velocity + drift,
            mixed + steps * velocity,
            velocity + drift,
        ];
    }

    fn correct(&mut self, measured: f32, noise: f32) {
        let [position, mixed, velocity] = self.covariance;
        let (gain, velocity_gain) = (position / (position + noise), mixed / (position + noise));
        let surprise = measured - self.position;
        self.position += gain * surprise;
        self.velocity += velocity_gain * surprise;
        self.covariance =
            [(1.0 - gain) * position, (1.0 - gain) * mixed, velocity - velocity_gain * mixed];
    }
}

impl Resting {
    fn correct(&mut self, measured: f32, noise: f32) {
        let gain = self.variance / (self.variance + noise);
        self.value = (self.value + gain * (measured - self.value)).max(SMALLEST);
        self.variance *= 1.0 - gain;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bbox(left: f32, top: f32) -> BoundingBox {
        BoundingBox { left, top, width: 30.0, height: 80.0 }
    }

    #[test]
    fn a_steady_walk_is_foretold() {
        let mut filter = BoxFilter::new(&bbox(0.0, 100.0));
        for step in 1..20 {
            filter.predict(1.0, false);
            filter.correct(&bbox(5.0 * step as f32, 100.0));
        }
        filter.predict(4.0, false);
        let predicted = filter.bbox();
        assert!((predicted.left - 115.0).abs() < 1.0 && (predicted.top - 100.0).abs() < 0.5);
        // A missed track comes to rest.
        for _ in 0..100 {
            filter.predict(1.0, true);
        }
        assert!((100.0..170.0).contains(&filter.bbox().left), "{:?}", filter.bbox());
    }

    #[test]
    fn two_half_steps_are_about_one() {
        let mut whole = BoxFilter::new(&bbox(0.0, 0.0));
        let mut halves = whole.clone();
        for step in 1..30 {
            let measured = bbox(4.0 * step as f32, 2.0 * step as f32);
            whole.predict(1.0, false);
            halves.predict(0.5, false);
            halves.predict(0.5, false);
            whole.correct(&measured);
            halves.correct(&measured);
            assert!((whole.bbox().left - halves.bbox().left).abs() < 1.0);
        }
    }

    proptest! {
        #[test]
        fn it_stays_finite_whatever_comes(
            boxes in prop::collection::vec((-1e4f32..1e4, -1e4f32..1e4, 0f32..1e4, 0f32..1e4), 1..60),
            steps in 0.01f32..50.0
        ) {
            let made = |&(left, top, width, height): &(f32, f32, f32, f32)| {
                BoundingBox { left, top, width, height }
            };
            let mut filter = BoxFilter::new(&made(&boxes[0]));
            for (n, given) in boxes.iter().enumerate() {
                filter.predict(steps, n % 3 == 0);
                if n % 2 == 0 {
                    filter.correct(&made(given));
                }
                let bbox = filter.bbox();
                prop_assert!(bbox.is_finite() && bbox.height >= 1.0);
            }
        }
    }
}
