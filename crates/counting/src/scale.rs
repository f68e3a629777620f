//! The scale at which the network sees a scene: people shall have the height that it knows best.

use std::collections::VecDeque;

use becamera_domain::{FrameSize, Recipe};

use crate::regions::Canvas;

/// Heights of people that are remembered, and the fewest for a choice.
const REMEMBERED: usize = 600;
const NEEDED: usize = 100;
/// Heights between two reviews of the scale …
const REVIEW: usize = 100;
/// … which is changed when it is off by more than this factor.
const TOLERANCE: f32 = 1.2;
/// The share of people who may be smaller than wanted: distant people shall be found too. Heights
/// within a scene vary: the quantile at this share is about [`SPREAD`] of the median.
const SMALL_SHARE: f32 = 0.25;
const SPREAD: f32 = 0.9;
/// Network pixels of a frame before any height is known.
const UNKNOWN_PIXELS: f32 = 768.0 * 576.0;
/// The scale never falls below this share of an unknown scene's: somebody may be farther away than
/// everybody seen so far.
const LEAST: f32 = 0.5;

/// The sizes of input that a network accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputSize {
    /// Any multiple of 32 pixels; changing it costs nothing.
    Dynamic,
    /// Any multiple of 32 pixels, but changing it costs much more than an inference.
    CostlyResize,
    /// This size alone: the one that the network was trained with.
    Fixed(FrameSize),
}

/// Chooses the scale of a stream's frames.
#[derive(Debug)]
pub struct ScaleChooser {
    person_height: f32,
    fixed: Option<f32>,
    input: InputSize,
    frame: FrameSize,
    scale: f32,
    heights: VecDeque<f32>,
    since_review: usize,
}

impl ScaleChooser {
    /// A chooser that follows a recipe, for a network that accepts such inputs.
    pub fn new(recipe: &Recipe, input: InputSize) -> Self {
        Self {
            person_height: recipe.person_height,
            fixed: recipe.scale,
            input,
            frame: FrameSize::default(),
            scale: 1.0,
            heights: VecDeque::new(),
            since_review: 0,
        }
    }

    /// A frame of this size at the scale chosen so far. A frame of another size than the one before
    /// is another scene: its heights are forgotten.
    pub fn canvas(&mut self, frame: FrameSize) -> Canvas {
        if self.frame != frame {
            self.frame = frame;
            self.heights.clear();
            self.scale = self.unknown();
        }
        Canvas::new(frame, self.fixed.unwrap_or(self.scale), self.most_pixels())
    }

    /// Takes the height of a person found, in pixels of the frame.
    pub fn observe(&mut self, height: f32) {
        if self.heights.len() == REMEMBERED {
            self.heights.pop_front();
        }
        self.heights.push_back(height.max(1.0));
        self.since_review += 1;
        if self.since_review >= REVIEW && self.heights.len() >= NEEDED {
            self.since_review = 0;
            self.review();
        }
    }

    fn review(&mut self) {
        let mut sorted: Vec<f32> = self.heights.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let small = sorted[(sorted.len() as f32 * SMALL_SHARE) as usize];
        let unknown = self.unknown();
        let wanted = (self.person_height * SPREAD / small).max(unknown * LEAST);
        let off = wanted / self.scale;
        if !(1.0 / TOLERANCE..=TOLERANCE).contains(&off) {
            self.scale = wanted;
        }
    }

    /// The scale of an unknown scene.
    fn unknown(&self) -> f32 {
        let pixels = self.frame.width.max(1) as f32 * self.frame.height.max(1) as f32;
        let closer = self.person_height / Recipe::USUAL_PERSON_HEIGHT;
        closer * (UNKNOWN_PIXELS / pixels).sqrt().min(1.0)
    }

    /// Most network pixels per frame: more would take too long.
    fn most_pixels(&self) -> u32 {
        match self.input {
            InputSize::Dynamic => 1280 * 960,
            // Six times as slow, and a change of size takes a second.
            InputSize::CostlyResize | InputSize::Fixed(_) => 384 * 288,
        }
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::Preset;

    use super::*;

    fn chooser(preset: Preset) -> ScaleChooser {
        ScaleChooser::new(&preset.recipe(), InputSize::Dynamic)
    }

    fn size(chooser: &mut ScaleChooser, (width, height): (u32, u32)) -> (u32, u32) {
        let whole = chooser.canvas(FrameSize::new(width, height)).whole();
        (whole.input.width, whole.input.height)
    }

    #[test]
    fn an_unknown_scene_costs_the_same_effort_whatever_its_size() {
        let mut balanced = chooser(Preset::Balanced);
        assert_eq!(size(&mut balanced, (768, 576)), (768, 576));
        assert_eq!(size(&mut balanced, (1920, 1080)), (896, 512));
        assert_eq!(size(&mut balanced, (320, 240)), (320, 256));
        assert_eq!(size(&mut chooser(Preset::Accurate), (768, 576)), (960, 704));
    }

    #[test]
    fn people_who_are_tall_enough_change_nothing() {
        let mut balanced = chooser(Preset::Balanced);
        balanced.canvas(FrameSize::new(768, 576));
        (0..5_000).for_each(|n| balanced.observe([62.0, 70.0, 77.0, 86.0, 95.0][n % 5]));
        assert_eq!(size(&mut balanced, (768, 576)), (768, 576));
    }

    #[test]
    fn small_people_raise_the_scale_and_tall_ones_lower_it() {
        let mut balanced = chooser(Preset::Balanced);
        balanced.canvas(FrameSize::new(768, 576));
        (0..5_000).for_each(|_| balanced.observe(46.0));
        assert_eq!(size(&mut balanced, (768, 576)), (1152, 864));
        (0..5_000).for_each(|_| balanced.observe(400.0));
        assert_eq!(size(&mut balanced, (768, 576)), (384, 288), "but no less than half");
        // A stream that changes its size is another scene.
        assert_eq!(size(&mut balanced, (640, 480)), (640, 480));
    }

    #[test]
    fn a_scale_that_is_set_stays_within_what_can_be_done() {
        let recipe = Recipe { scale: Some(0.5), ..Preset::Balanced.recipe() };
        let mut fixed = ScaleChooser::new(&recipe, InputSize::Dynamic);
        (0..5_000).for_each(|_| fixed.observe(20.0));
        assert_eq!(size(&mut fixed, (768, 576)), (384, 288));
        let mut slow = ScaleChooser::new(&Preset::Balanced.recipe(), InputSize::CostlyResize);
        assert_eq!(size(&mut slow, (768, 576)), (384, 288));
    }
}
