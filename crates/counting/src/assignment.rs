//! The linear assignment problem: which rows are paired with which columns.

use pathfinding::{kuhn_munkres::kuhn_munkres_min, matrix::Matrix};

/// Pairs rows with columns so that as many as possible are paired and, among such pairings, the sum
/// of costs is least. Each row and each column is in one pair at most; `cost` gives none, or a
/// number that is not finite, for a forbidden pair. The pairs are ordered by row.
///
/// The Hungarian method (Kuhn 1955, Munkres 1957) of the crate `pathfinding`, which compares
/// integers: costs that differ by less than a 2³²th of their range are taken as equal, and the same
/// costs always give the same pairs.
pub fn assign(
    rows: usize,
    columns: usize,
    cost: impl Fn(usize, usize) -> Option<f64>,
) -> Vec<(usize, usize)> {
    let cost = |row, column| cost(row, column).filter(|cost| cost.is_finite());
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    let costs: Vec<_> =
        (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).collect();
    let costs: Vec<_> = costs.into_iter().map(|(row, column)| cost(row, column)).collect();
    let known = || costs.iter().copied().flatten();
    let least = known().fold(f64::INFINITY, f64::min);
    // Halves, since the difference of two huge numbers may not be finite.
    let half_range = known().map(|cost| cost / 2.0 - least / 2.0).fold(0.0, f64::max);

    // A forbidden pair costs more than any number of pairs can save.
    let smaller = rows.min(columns);
    let levels = levels(smaller);
    let forbidden = (levels + 1) * (smaller as i64 + 1);
    let level = |cost: Option<f64>| match cost {
        // Casts from floating point saturate.
        Some(cost) if half_range > 0.0 => {
            ((cost / 2.0 - least / 2.0) / half_range * levels as f64).round() as i64
        }
        Some(_) => 0,
        None => forbidden,
    };
    let at = |row: usize, column: usize| costs[row * columns + column];
    let upright = rows <= columns;
    // The method needs at most as many rows as columns.
    let (short, long) = if upright { (rows, columns) } else { (columns, rows) };
    let turned = |i, j| if upright { at(i, j) } else { at(j, i) };
    let matrix = Matrix::from_fn(short, long, |(i, j)| level(turned(i, j)));
    let (_, chosen) = kuhn_munkres_min(&matrix);
    let mut pairs: Vec<_> = chosen
        .into_iter()
        .enumerate()
        .map(|(i, j)| if upright { (i, j) } else { (j, i) })
        .filter(|&(row, column)| at(row, column).is_some())
        .collect();
    pairs.sort_unstable();
    pairs
}

/// Steps between the least and the highest cost, so that no sum of that many costs overflows.
fn levels(pairs: usize) -> i64 {
    let bits = usize::BITS - pairs.leading_zeros();
    1 << 60u32.saturating_sub(2 * bits).clamp(8, 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assigned(costs: &[&[f64]]) -> Vec<(usize, usize)> {
        assign(costs.len(), costs.first().map_or(0, |row| row.len()), |i, j| Some(costs[i][j]))
    }

    /// All pairings, tried out.
    fn best(costs: &[Vec<Option<f64>>], row: usize, taken: &mut Vec<usize>) -> (usize, f64) {
        let Some(cells) = costs.get(row) else { return (0, 0.0) };
        let mut found = best(costs, row + 1, taken);
        for (column, cell) in cells.iter().enumerate() {
            let Some(cost) = cell.filter(|_| !taken.contains(&column)) else { continue };
            taken.push(column);
            let (pairs, sum) = best(costs, row + 1, taken);
            taken.pop();
            if pairs + 1 > found.0 || (pairs + 1 == found.0 && sum + cost < found.1) {
                found = (pairs + 1, sum + cost);
            }
        }
        found
    }

    #[test]
    fn the_least_sum_wins_over_the_least_pair() {
        assert_eq!(assigned(&[&[1.0, 2.0], &[2.0, 30.0]]), [(0, 1), (1, 0)]);
        assert_eq!(assigned(&[&[9.0], &[1.0], &[5.0]]), [(1, 0)]);
        assert_eq!(assigned(&[&[9.0, 1.0, 5.0]]), [(0, 1)]);
    }

    #[test]
    fn nothing_and_the_forbidden_give_no_pairs() {
        assert_eq!(assigned(&[]), []);
        assert_eq!(assigned(&[&[], &[]]), []);
        assert_eq!(assigned(&[&[f64::NAN, f64::INFINITY]]), []);
        assert_eq!(assign(2, 2, |_, _| None), []);
    }

    #[test]
    fn two_dear_pairs_win_over_a_cheap_one() {
        let forbidden = f64::INFINITY;
        assert_eq!(assigned(&[&[0.0, 1e6], &[1e6, forbidden]]), [(0, 1), (1, 0)]);
        let extreme = [f64::MIN, f64::MAX];
        assert_eq!(assigned(&[&extreme, &[f64::MAX, f64::MAX]]).len(), 2);
    }

    #[test]
    fn equal_costs_always_give_the_same() {
        let equal = assign(3, 4, |_, _| Some(0.5));
        assert_eq!(equal.len(), 3);
        assert!((0..10).all(|_| assign(3, 4, |_, _| Some(0.5)) == equal));
    }

    #[test]
    fn sums_of_many_do_not_overflow() {
        for pairs in [1, 2, 1000, 1 << 14, 1 << 20] {
            let (levels, pairs) = (levels(pairs), pairs as i64);
            assert!((levels + 1).checked_mul(pairs + 1).unwrap().checked_mul(pairs).is_some());
        }
    }

    proptest! {
        #[test]
        fn it_is_as_good_as_trying_all(
            (rows, columns, cells) in (1usize..5, 1usize..6).prop_flat_map(|(rows, columns)| {
                let cell = prop::option::weighted(0.7, 0u32..1000);
                (Just(rows), Just(columns), prop::collection::vec(cell, rows * columns))
            })
        ) {
            let cost = |i: usize, j: usize| cells[i * columns + j].map(|cost| f64::from(cost) / 8.0);
            let pairs = assign(rows, columns, cost);
            let table: Vec<Vec<_>> =
                (0..rows).map(|i| (0..columns).map(|j| cost(i, j)).collect()).collect();
            let (most, least) = best(&table, 0, &mut Vec::new());
            prop_assert_eq!(pairs.len(), most);
            let sum: f64 = pairs.iter().map(|&(i, j)| cost(i, j).unwrap()).sum();
            prop_assert!((sum - least).abs() < 1e-3, "{} instead of {}", sum, least);
            prop_assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0));
            let mut columns: Vec<_> = pairs.iter().map(|pair| pair.1).collect();
            columns.sort_unstable();
            columns.dedup();
            prop_assert_eq!(columns.len(), pairs.len());
        }

        #[test]
        fn it_takes_any_numbers(cells in prop::collection::vec(any::<f64>(), 12)) {
            prop_assert!(assign(3, 4, |i, j| Some(cells[i * 4 + j])).len() <= 3);
        }
    }
}
