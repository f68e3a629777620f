//! From a frame to the people in it: where to look, finding them, following them.

use std::time::Duration;

use becamera_counting::{
    geometry::BoundingBox,
    image::BgrImage,
    motion_gate::MotionGate,
    regions::{Canvas, View},
    scale::{InputSize, ScaleChooser},
    scene::is_masked,
    track::TrackedPerson,
    tracker::{Appearance, Observation, Scores, Tracker},
};
use becamera_domain::{DetectMode, DetectSettings, FrameSize, Recipe, Scene};
use opencv::{
    core::{CV_8UC3, Mat},
    prelude::*,
};

use super::{
    detector::{Detector, DetectorError, merge::merge},
    motion::{Motion, MotionDetector},
};

/// What moves is given so much more room on every side, in heights of a person; who is followed
/// in shares of the height.
const MOTION_MARGIN: f32 = 0.26;
const TRACK_MARGIN: f32 = 0.25;

/// Analyses the frames of one stream, one after the other.
pub struct Analyser {
    settings: DetectSettings,
    recipe: Recipe,
    scores: Scores,
    input: InputSize,
    motion: MotionDetector,
    gate: MotionGate,
    scale: ScaleChooser,
    tracker: Tracker,
    /// Frames since people were looked for.
    idle_frames: u32,
    canvas: Option<Canvas>,
    /// Frames in which people were looked for since the last column of a whole one was, and which
    /// of them that was.
    since_column: u32,
    column: usize,
    people: Vec<TrackedPerson>,
    /// The whole of the next frame is looked at, whatever moves.
    closely: bool,
    scene: Scene,
}

/// What a frame shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Analysis {
    /// Everybody who counts.
    pub people: Vec<TrackedPerson>,
    /// Where somebody may be besides: detections of any score, and who does not count yet.
    pub others: Vec<BoundingBox>,
    /// Nothing moves: these are the people of the frame before.
    pub held: bool,
    /// How often the network ran.
    pub inferences: u32,
    /// How long the network took, all in all.
    pub inference: Duration,
}

impl Analyser {
    /// For a stream that is to be analysed so, by a network that takes such inputs.
    pub fn new(settings: &DetectSettings, input: InputSize) -> Self {
        let recipe = settings.recipe();
        let scores = Scores::of(settings.confidence);
        Self {
            settings: *settings,
            recipe,
            scores,
            input,
            motion: MotionDetector::default(),
            gate: MotionGate::new(settings),
            scale: ScaleChooser::new(&recipe, input),
            tracker: Tracker::new(scores),
            idle_frames: u32::MAX,
            canvas: None,
            since_column: 0,
            column: 0,
            people: Vec::new(),
            closely: false,
            scene: Scene::default(),
        }
    }

    /// Whoever seems to be in one of the scene's `exclude` zones is nobody from now on.
    pub fn set_scene(&mut self, scene: &Scene) {
        self.scene = scene.clone();
    }

    /// Has the whole of the next frame looked at, whatever moves: for pictures in which nobody who
    /// can be found may be recognised.
    pub fn look_closely(&mut self) {
        self.closely = true;
    }

    /// Finds and follows the people in the next frame (8-bit BGR), whose place in the stream is
    /// `at`.
    ///
    /// # Errors
    /// When the frame or the network can't be used; the next frame may do.
    pub fn analyse(
        &mut self,
        detector: &mut dyn Detector,
        frame: &Mat,
        at: Duration,
    ) -> Result<Analysis, DetectorError> {
        let size = frame_size(frame)?;
        let motion = self.motion.next(frame)?;
        // Somebody found in a scene at rest is to be believed or forgotten soon.
        let moves = motion.any() || self.tracker.is_unsettled();
        let closely = std::mem::take(&mut self.closely);
        if !self.gate.opens(moves, at) && !closely {
            return Ok(Analysis { people: self.people.clone(), held: true, ..Analysis::default() });
        }
        self.tracker.predict(at);
        self.idle_frames = self.idle_frames.saturating_add(1);
        let mut analysis = Analysis::default();
        if closely || self.idle_frames >= self.recipe.interval {
            let views = self.views(size, &motion, closely);
            let found = self.find(detector, frame, &views, &mut analysis)?;
            self.idle_frames = 0;
            let scanned: Vec<BoundingBox> = views.iter().map(View::bbox).collect();
            self.tracker.update(size, &scanned, found);
        }
        self.gate.analysed(at);
        self.people = self.tracker.people(size);
        for person in self.people.iter().filter(|person| person.seen) {
            self.scale.observe(person.bbox.height);
        }
        analysis.people.clone_from(&self.people);
        analysis.others.extend(self.tracker.sought());
        Ok(analysis)
    }

    /// The parts of the next frame to look at: all of it, or what moves and who is followed, and
    /// in its turn one of the columns that make up the whole.
    fn views(&mut self, size: (u32, u32), motion: &Motion, closely: bool) -> Vec<View> {
        if let InputSize::Fixed(FrameSize { width, height }) = self.input {
            return vec![View::whole(size, (width, height))];
        }
        let canvas = self.scale.canvas(size);
        let changed = self.canvas.replace(canvas) != Some(canvas);
        // A close look is one view, whatever memory it takes: a seam could cut somebody near the camera.
        if closely || self.input == InputSize::CostlyResize {
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
        let followed = self.tracker.sought().map(|bbox| bbox.grown(TRACK_MARGIN * bbox.height));
        let elsewhere = moving.chain(followed).filter(|bbox| {
            let bbox = bbox.clipped(size.0 as f32, size.1 as f32);
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

    /// The column whose turn it is to be looked at, though nobody may be in it, if it is one's.
    fn turn(&mut self, columns: &[View]) -> Option<View> {
        if (self.since_column as usize) * columns.len() < self.recipe.full_every as usize {
            return None;
        }
        self.since_column = 0;
        self.column = (self.column + 1) % columns.len();
        Some(columns[self.column])
    }

    fn find(
        &self,
        detector: &mut dyn Detector,
        frame: &Mat,
        views: &[View],
        analysis: &mut Analysis,
    ) -> Result<Vec<Observation>, DetectorError> {
        let mut found = Vec::with_capacity(views.len());
        for view in views {
            let detections = detector.detect(frame, view, self.scores.doubtful)?;
            analysis.inferences += 1;
            analysis.inference += detections.inference;
            found.push((*view, detections.people));
        }
        let size = frame_size(frame)?;
        let mut people = merge(found, size, self.settings.nms_iou);
        analysis.others.extend(people.iter().map(|person| person.bbox));
        people.retain(|person| !is_masked(&self.scene, &person.bbox, size));
        let boxes: Vec<BoundingBox> = people.iter().map(|person| person.bbox).collect();
        let image = bgr_image(frame)?;
        let observed = people.into_iter().map(|detection| {
            // Who stands lower in the picture is nearer.
            let bbox = detection.bbox;
            let nearer =
                |other: &&BoundingBox| other.bottom() > bbox.bottom() && other.iou(&bbox) > 0.0;
            let in_front: Vec<BoundingBox> = boxes.iter().filter(nearer).copied().collect();
            let appearance = Appearance::of(image, &bbox, &in_front);
            Observation { detection, appearance }
        });
        Ok(observed.collect())
    }
}

/// Width and height of a frame, in pixels.
/// The pixels of a frame, which must be 8-bit BGR.
fn bgr_image(frame: &Mat) -> Result<BgrImage<'_>, DetectorError> {
    let refuse = |reason: &str| opencv::Error::new(opencv::core::StsBadArg, reason);
    if frame.typ() != CV_8UC3 {
        return Err(refuse("the picture is not 8-bit BGR").into());
    }
    let (width, height) = frame_size(frame)?;
    let (width, height) = (width as usize, height as usize);
    BgrImage::new(frame.data_bytes()?, width, height, width * 3)
        .map_err(|error| refuse(&error.to_string()).into())
}

fn frame_size(frame: &Mat) -> Result<(u32, u32), DetectorError> {
    match (u32::try_from(frame.cols()), u32::try_from(frame.rows())) {
        (Ok(width), Ok(height)) if width > 0 && height > 0 => Ok((width, height)),
        _ => {
            let reason = "the picture is empty";
            Err(opencv::Error::new(opencv::core::StsBadArg, reason).into())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use opencv::core::{CV_8UC3, Scalar};

    use super::*;

    #[test]
    fn a_close_look_has_no_seams() {
        let mut analyser = Analyser::new(&DetectSettings::default(), InputSize::Dynamic);
        let frame = Mat::new_rows_cols_with_default(576, 768, CV_8UC3, Scalar::all(90.0)).unwrap();
        let still = MotionDetector::default().next(&frame).unwrap();
        let size = (768, 576);
        assert_eq!(analyser.views(size, &still, false).len(), 2, "columns");
        assert_eq!(analyser.views(size, &still, true), [View::whole(size, size)]);
    }
}
