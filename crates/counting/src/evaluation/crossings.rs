//! Crossings that were found, missed and counted wrongly.

use std::time::Duration;

use becamera_domain::{Direction, LineId};
use serde::{Deserialize, Serialize};

use crate::assignment::assign;

/// Largest time between a crossing and its counterpart in the ground truth: a box whose foot is
/// seen a little earlier or later, or a track that lags behind, is no error of the count.
pub const MATCH_WINDOW: Duration = Duration::from_secs(2);

/// A crossing and its time.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedCrossing {
    /// The line.
    pub line_id: LineId,
    /// The direction.
    pub direction: Direction,
    /// Its time in the stream.
    pub at: Duration,
}

/// What was counted on a line, and what should have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineErrors {
    /// People of the ground truth who crossed in the first direction.
    pub gt_in: u64,
    /// People of the ground truth who crossed in the second direction.
    pub gt_out: u64,
    /// Crossings counted in the first direction.
    #[serde(rename = "in")]
    pub inwards: u64,
    /// Crossings counted in the second direction.
    #[serde(rename = "out")]
    pub outwards: u64,
    /// Crossings of the ground truth that were not counted.
    pub missed: u64,
    /// Crossings counted that are not in the ground truth.
    pub extra: u64,
}

/// Compares the crossings of one line. In each direction a crossing goes with one of the ground
/// truth at most, no more than [`MATCH_WINDOW`] apart: as many as possible and, among such pairings,
/// those nearest in time. The ids of tracks do not matter.
pub fn compare(line: &LineId, truth: &[TimedCrossing], found: &[TimedCrossing]) -> LineErrors {
    let of = |all: &[TimedCrossing], direction| -> Vec<Duration> {
        let here = |one: &&TimedCrossing| one.line_id == *line && one.direction == direction;
        all.iter().filter(here).map(|one| one.at).collect()
    };
    let mut errors = LineErrors::default();
    for direction in [Direction::In, Direction::Out] {
        let (truth, found) = (of(truth, direction), of(found, direction));
        let pairs = assign(truth.len(), found.len(), |i, j| {
            let apart = truth[i].abs_diff(found[j]);
            (apart <= MATCH_WINDOW).then_some(apart.as_secs_f64())
        });
        errors.missed += (truth.len() - pairs.len()) as u64;
        errors.extra += (found.len() - pairs.len()) as u64;
        let (right, counted) = match direction {
            Direction::In => (&mut errors.gt_in, &mut errors.inwards),
            Direction::Out => (&mut errors.gt_out, &mut errors.outwards),
        };
        (*right, *counted) = (truth.len() as u64, found.len() as u64);
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossings(line: &str, direction: Direction, times: &[u64]) -> Vec<TimedCrossing> {
        let at = |ms: &u64| TimedCrossing {
            line_id: line.parse().unwrap(),
            direction,
            at: Duration::from_millis(*ms),
        };
        times.iter().map(at).collect()
    }

    #[test]
    fn crossings_go_with_those_near_in_time() {
        let line = "door".parse().unwrap();
        let truth = crossings("door", Direction::In, &[1_000, 2_500, 10_000]);
        let found = crossings("door", Direction::In, &[2_900, 4_400, 12_001]);
        let errors = compare(&line, &truth, &found);
        let expected = LineErrors { gt_in: 3, inwards: 3, missed: 1, extra: 1, ..errors };
        assert_eq!(errors, expected);
    }

    #[test]
    fn other_lines_and_directions_do_not_count() {
        let line = "door".parse().unwrap();
        let truth = crossings("door", Direction::In, &[1_000]);
        let mut found = crossings("door", Direction::Out, &[1_000]);
        found.extend(crossings("gate", Direction::In, &[1_000]));
        let errors = compare(&line, &truth, &found);
        let expected =
            LineErrors { gt_in: 1, gt_out: 0, inwards: 0, outwards: 1, missed: 1, extra: 1 };
        assert_eq!(errors, expected);
    }
}
