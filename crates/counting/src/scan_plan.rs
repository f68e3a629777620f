//! Which parts of the next frame the detector scans.

use becamera_domain::{DetectMode, FrameSize, Recipe};

use crate::{
    geometry::BoundingBox,
    motion::Motion,
    regions::{Canvas, View},
    scale::{InputSize, ScaleChooser},
};

/// Margin around motion on every side, in heights of a person.
const MOTION_MARGIN: f32 = 0.26;
/// Margin around a search box on every side, in shares of its height.
const TRACK_MARGIN: f32 = 0.25;

/// Chooses the views of one stream's frames, and the scale at which the network sees them.
///
/// In mode [`Guided`](DetectMode::Guided) these are the parts in which something moves or a track is
/// predicted, and, by turns, one of the columns that make up the whole frame.
///
/// ```
/// use becamera_counting::{motion::Motion, regions::View, scale::InputSize, scan_plan::ScanPlan};
/// use becamera_domain::{DetectSettings, FrameSize};
///
/// let frame = FrameSize::new(768, 576);
/// let mut plan = ScanPlan::new(&DetectSettings::default().recipe(), InputSize::Dynamic);
/// // The first frame is scanned as a whole, in columns; then nothing moves.
/// assert_eq!(plan.views(frame, &Motion::NONE, [], false).len(), 2);
/// assert_eq!(plan.views(frame, &Motion::NONE, [], false), []);
/// // A full scan is one view.
/// assert_eq!(plan.views(frame, &Motion::NONE, [], true), [View::whole(frame, frame)]);
/// ```
#[derive(Debug)]
pub struct ScanPlan {
    recipe: Recipe,
    input: InputSize,
    scale: ScaleChooser,
    canvas: Option<Canvas>,
    /// Scanned frames since a column of the whole was scanned by its turn.
    since_column: u32,
    /// The column that was scanned by its turn last.
    column: usize,
}

impl ScanPlan {
    /// A plan that follows a recipe, for a network that accepts such inputs.
    pub fn new(recipe: &Recipe, input: InputSize) -> Self {
        Self {
            recipe: *recipe,
            input,
            scale: ScaleChooser::new(recipe, input),
            canvas: None,
            since_column: 0,
            column: 0,
        }
    }

    /// Takes the height of a person found, in pixels of the frame: the scale follows it.
    pub fn observe(&mut self, height: f32) {
        self.scale.observe(height);
    }

    /// The views to scan in a frame of this size, given where something moves and the search boxes of
    /// the tracks, in pixels of the frame. A `full_scan` shows the whole frame in one
    /// view.
    pub fn views(
        &mut self,
        size: FrameSize,
        motion: &Motion,
        search: impl IntoIterator<Item = BoundingBox>,
        full_scan: bool,
    ) -> Vec<View> {
        if let InputSize::Fixed(input) = self.input {
            return vec![View::whole(size, input)];
        }
        let canvas = self.scale.canvas(size);
        let changed = self.canvas.replace(canvas) != Some(canvas);
        // A full scan is one view, whatever memory it takes: a seam could cut a person near the
        // camera.
        if full_scan || self.input == InputSize::CostlyResize {
            return vec![canvas.whole()];
        }
        let columns = canvas.columns();
        self.since_column += 1;
        if changed || self.recipe.mode == DetectMode::Full {
            self.since_column = 0;
            return columns;
        }
        let turn = self.turn(&columns);
        let margin = MOTION_MARGIN * self.recipe.person_height / canvas.scale();
        let moving = motion.boxes(size).into_iter().map(|bbox| bbox.grown(margin));
        let search = search.into_iter().map(|bbox| bbox.grown(TRACK_MARGIN * bbox.height));
        let elsewhere = moving.chain(search).filter(|bbox| {
            let bbox = bbox.clipped(size.width as f32, size.height as f32);
            let inside = |view: View| {
                let column = view.bbox();
                column.left <= bbox.left && bbox.right() <= column.right()
            };
            !turn.is_some_and(inside)
        });
        let mut views = canvas.parts(&elsewhere.collect::<Vec<_>>());
        views.extend(turn);
        let pixels = |views: &[View]| views.iter().map(View::pixels).sum::<u32>();
        if pixels(&views) < pixels(&columns) { views } else { columns }
    }

    /// The column whose turn it is to be scanned although nothing points there; none in frames
    /// between two turns.
    fn turn(&mut self, columns: &[View]) -> Option<View> {
        if (self.since_column as usize) * columns.len() < self.recipe.full_every as usize {
            return None;
        }
        self.since_column = 0;
        self.column = (self.column + 1) % columns.len();
        Some(columns[self.column])
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::DetectSettings;

    use super::*;

    #[test]
    fn a_full_scan_has_no_seams() {
        let mut plan = ScanPlan::new(&DetectSettings::default().recipe(), InputSize::Dynamic);
        let size = FrameSize::new(768, 576);
        assert_eq!(plan.views(size, &Motion::NONE, [], false).len(), 2, "columns");
        assert_eq!(plan.views(size, &Motion::NONE, [], true), [View::whole(size, size)]);
    }

    #[test]
    fn the_whole_frame_is_scanned_column_by_column_within_full_every_scans() {
        let recipe = DetectSettings::default().recipe();
        let mut plan = ScanPlan::new(&recipe, InputSize::Dynamic);
        let size = FrameSize::new(768, 576);
        let columns = plan.views(size, &Motion::NONE, [], false);
        let mut scanned: Vec<View> = Vec::new();
        for _ in 0..recipe.full_every {
            scanned.extend(plan.views(size, &Motion::NONE, [], false));
        }
        scanned.sort_by_key(|view| view.left);
        assert_eq!(scanned, columns);
    }

    #[test]
    fn a_network_of_one_size_sees_whole_frames() {
        let input = FrameSize::new(300, 300);
        let recipe = DetectSettings::default().recipe();
        let mut plan = ScanPlan::new(&recipe, InputSize::Fixed(input));
        let size = FrameSize::new(1920, 1080);
        for full_scan in [false, true] {
            assert_eq!(plan.views(size, &Motion::NONE, [], full_scan), [View::whole(size, input)]);
        }
    }
}
