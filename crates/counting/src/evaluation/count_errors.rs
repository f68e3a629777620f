//! Errors of the number of people in a frame.

use crate::evaluation::clear_mot::ratio;

/// Compares numbers of people, frame by frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountErrors {
    frames: u64,
    too_many: u64,
    too_few: u64,
    exact: u64,
    within_one: u64,
}

impl CountErrors {
    /// Takes a frame's number of people: the true one and the one counted.
    pub fn add(&mut self, truth: usize, counted: usize) {
        self.frames += 1;
        self.too_many += counted.saturating_sub(truth) as u64;
        self.too_few += truth.saturating_sub(counted) as u64;
        self.exact += u64::from(counted == truth);
        self.within_one += u64::from(counted.abs_diff(truth) <= 1);
    }

    /// Frames compared.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Mean absolute error; none without frames.
    pub fn mean_absolute(&self) -> Option<f64> {
        ratio(self.too_many + self.too_few, self.frames)
    }

    /// Mean error: positive where too many are counted, negative where too few; none without
    /// frames.
    pub fn bias(&self) -> Option<f64> {
        let difference = self.too_many as f64 - self.too_few as f64;
        (self.frames > 0).then(|| difference / self.frames as f64)
    }

    /// Share of the frames with the right number, 0 to 1; none without frames.
    pub fn exact(&self) -> Option<f64> {
        ratio(self.exact, self.frames)
    }

    /// Share of the frames with at most one person too many or too few, 0 to 1; none without frames.
    pub fn within_one(&self) -> Option<f64> {
        ratio(self.within_one, self.frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_known_counts() {
        let mut errors = CountErrors::default();
        assert_eq!((errors.mean_absolute(), errors.bias(), errors.exact()), (None, None, None));
        for (truth, counted) in [(3, 3), (3, 4), (3, 1), (0, 0)] {
            errors.add(truth, counted);
        }
        assert_eq!((errors.mean_absolute(), errors.bias()), (Some(0.75), Some(-0.25)));
        assert_eq!((errors.exact(), errors.within_one()), (Some(0.5), Some(0.75)));
    }
}
