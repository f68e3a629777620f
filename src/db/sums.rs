//! What a write adds to rollups.

use std::collections::BTreeMap;

use becamera_domain::{LineTotals, RollupLevel, Totals, ZoneTotals};

/// Camera, level in seconds, start in seconds, name of the line or zone: the key of a rollup.
pub(super) type RollupKey<N> = (i32, i32, i64, N);

/// Totals that can be added up.
pub(super) trait Summed: Copy {
    /// Adds another stretch's totals.
    fn add_up(&mut self, other: &Self);
}

macro_rules! summed {
    ($($totals:ty),*) => {$(
        impl Summed for $totals {
            fn add_up(&mut self, other: &Self) {
                self.add(other);
            }
        }
    )*};
}
summed!(Totals, LineTotals, ZoneTotals);

/// Sums for the rollups of every level; `N` names what is summed up within a camera.
#[derive(Debug)]
pub(super) struct RollupSums<N, T>(BTreeMap<RollupKey<N>, T>);

impl<N, T> Default for RollupSums<N, T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<N: Ord + Clone, T: Summed> RollupSums<N, T> {
    /// Adds what happened in this second, which is counted from the Unix epoch.
    pub fn add(&mut self, camera: i32, second: i64, name: &N, totals: &T) {
        for level in RollupLevel::ALL {
            let length = level.seconds();
            let start = second - second.rem_euclid(length.into());
            self.0
                .entry((camera, length, start, name.clone()))
                .and_modify(|sum| sum.add_up(totals))
                .or_insert(*totals);
        }
    }

    /// The sums in the order of their keys: writers that lock rows in the same order can't
    /// deadlock.
    pub fn into_rows(self) -> Vec<(RollupKey<N>, T)> {
        self.0.into_iter().collect()
    }
}
