//! Where in a frame something moves, and whether a frame without motion is analysed at all.

mod background;
mod gate;

use std::ops::RangeInclusive;

use becamera_domain::FrameSize;

pub use background::{Background, HEIGHT, WIDTH};
pub use gate::MotionGate;

use crate::geometry::BoundingBox;

/// Edge of the square blocks in which motion is told, in pixels of the grey picture.
const BLOCK: usize = 8;
/// Blocks along the width of a frame.
pub const COLUMNS: usize = WIDTH / BLOCK;
/// Blocks along the height of a frame.
pub const ROWS: usize = HEIGHT / BLOCK;

/// Which blocks of a frame move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Motion {
    blocks: [[bool; COLUMNS]; ROWS],
}

impl Motion {
    /// Nothing moves.
    pub const NONE: Self = Self { blocks: [[false; COLUMNS]; ROWS] };

    /// Whether anything moves.
    pub fn any(&self) -> bool {
        self.blocks.iter().flatten().any(|moves| *moves)
    }

    /// For each block, row by row, whether it moves.
    pub fn blocks(&self) -> &[[bool; COLUMNS]; ROWS] {
        &self.blocks
    }

    /// Boxes around what moves, in pixels of a frame of this size: one for each group of blocks
    /// that touch, also by their corners.
    pub fn boxes(&self, frame: FrameSize) -> Vec<BoundingBox> {
        let (x, y) = (frame.width as f32 / COLUMNS as f32, frame.height as f32 / ROWS as f32);
        let mut left = self.blocks;
        let mut boxes = Vec::new();
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                if let Some((columns, rows)) = take_group(&mut left, column, row) {
                    let from = (*columns.start() as f32 * x, *rows.start() as f32 * y);
                    let to = ((*columns.end() + 1) as f32 * x, (*rows.end() + 1) as f32 * y);
                    boxes.push(BoundingBox::from_corners(from.0, from.1, to.0, to.1));
                }
            }
        }
        boxes
    }
}

/// Takes the group of blocks that this one belongs to out of those that are left; gives its columns
/// and rows. None when this block does not move or was taken before.
fn take_group(
    left: &mut [[bool; COLUMNS]; ROWS],
    column: usize,
    row: usize,
) -> Option<(RangeInclusive<usize>, RangeInclusive<usize>)> {
    let mut open = Vec::from_iter(std::mem::take(&mut left[row][column]).then_some((column, row)));
    let (mut columns, mut rows) = (column..=column, row..=row);
    while let Some((column, row)) = open.pop() {
        columns = column.min(*columns.start())..=column.max(*columns.end());
        rows = row.min(*rows.start())..=row.max(*rows.end());
        let around = |at: usize, length: usize| at.saturating_sub(1)..(at + 2).min(length);
        let (near_rows, near_columns) = (around(row, ROWS), around(column, COLUMNS));
        for (y, row) in near_rows.clone().zip(&mut left[near_rows]) {
            for (x, block) in near_columns.clone().zip(&mut row[near_columns.clone()]) {
                if std::mem::take(block) {
                    open.push((x, y));
                }
            }
        }
        if open.is_empty() {
            return Some((columns, rows));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_blocks_that_are_apart_have_boxes_of_their_own() {
        let mut motion = Motion::NONE;
        for (x, y) in [(0, 0), (1, 1), (2, 0), (23, 17), (23, 15), (10, 9)] {
            motion.blocks[y][x] = true;
        }
        let mut boxes = motion.boxes(FrameSize::new(24, 18));
        boxes.sort_by(|a, b| (a.left, a.top).partial_cmp(&(b.left, b.top)).unwrap());
        let of = |left, top, width, height| BoundingBox { left, top, width, height };
        let single = |left, top| of(left, top, 1.0, 1.0);
        let expected =
            [of(0.0, 0.0, 3.0, 2.0), single(10.0, 9.0), single(23.0, 15.0), single(23.0, 17.0)];
        assert_eq!(boxes, expected);
        motion.blocks = [[true; COLUMNS]; ROWS];
        assert_eq!(motion.boxes(FrameSize::new(240, 180)), [of(0.0, 0.0, 240.0, 180.0)]);
    }
}
