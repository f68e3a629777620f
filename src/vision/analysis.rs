//! From a frame to the people in it: where to scan, detecting, tracking.

use std::time::Duration;

use becamera_counting::{
    detection::merge,
    geometry::BoundingBox,
    motion::MotionGate,
    regions::View,
    scale::InputSize,
    scan_plan::ScanPlan,
    scene::is_masked,
    track::TrackedPerson,
    tracker::{Appearance, Observation, Scores, Tracker},
};
use becamera_domain::{DetectSettings, Scene};
use opencv::core::Mat;

use super::{
    detector::{Detector, DetectorError},
    frame::{bgr_image, frame_size},
    motion::MotionDetector,
};

/// Analyses the frames of one stream, one after the other.
pub struct Analyser {
    settings: DetectSettings,
    /// Of this many analysed frames one is scanned; in the others tracks are predicted.
    interval: u32,
    scores: Scores,
    motion: MotionDetector,
    gate: MotionGate,
    plan: ScanPlan,
    tracker: Tracker,
    /// Analysed frames since the detector ran.
    frames_since_scan: u32,
    people: Vec<TrackedPerson>,
    /// The next frame gets a full scan, whatever moves.
    full_scan: bool,
    scene: Scene,
}

/// What a frame shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Analysis {
    /// The people who are counted.
    pub people: Vec<TrackedPerson>,
    /// Other boxes in which somebody may be: detections of any score, and unconfirmed tracks.
    pub others: Vec<BoundingBox>,
    /// Nothing moves: these are the people of the frame before.
    pub held: bool,
    /// Number of times that the network ran.
    pub inferences: u32,
    /// How long the network took in all.
    pub inference: Duration,
}

impl Analyser {
    /// An analyser of a stream with these settings, for a network that accepts such inputs.
    pub fn new(settings: &DetectSettings, input: InputSize) -> Self {
        let recipe = settings.recipe();
        let scores = Scores::of(settings.confidence);
        Self {
            settings: *settings,
            interval: recipe.interval,
            scores,
            motion: MotionDetector::default(),
            gate: MotionGate::new(settings),
            plan: ScanPlan::new(&recipe, input),
            tracker: Tracker::new(scores),
            frames_since_scan: u32::MAX,
            people: Vec::new(),
            full_scan: false,
            scene: Scene::default(),
        }
    }

    /// From now on detections in the `exclude` zones of this scene are dropped.
    pub fn update_scene(&mut self, scene: &Scene) {
        self.scene = scene.clone();
    }

    /// Requests a full scan of the next frame, whatever moves: for pictures in which nobody who can
    /// be detected may be recognised.
    pub fn request_full_scan(&mut self) {
        self.full_scan = true;
    }

    /// Detects and tracks the people in the next frame (8-bit BGR), whose place in the stream is
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
        let size = frame_size(frame);
        let motion = self.motion.next(frame)?;
        // A new track in a scene at rest is to be confirmed or dropped soon.
        let moves = motion.any() || self.tracker.is_unsettled();
        let full_scan = std::mem::take(&mut self.full_scan);
        if !self.gate.opens(moves, at) && !full_scan {
            return Ok(Analysis { people: self.people.clone(), held: true, ..Analysis::default() });
        }
        self.tracker.predict(at);
        self.frames_since_scan = self.frames_since_scan.saturating_add(1);
        let mut analysis = Analysis::default();
        if full_scan || self.frames_since_scan >= self.interval {
            let views = self.plan.views(size, &motion, self.tracker.search_boxes(), full_scan);
            let found = self.scan(detector, frame, &views, &mut analysis)?;
            self.frames_since_scan = 0;
            let scanned: Vec<BoundingBox> = views.iter().map(View::bbox).collect();
            self.tracker.update(size, &scanned, found);
        }
        self.gate.analysed(at);
        self.people = self.tracker.people(size);
        for person in self.people.iter().filter(|person| person.seen) {
            self.plan.observe(person.bbox.height);
        }
        analysis.people.clone_from(&self.people);
        analysis.others.extend(self.tracker.search_boxes());
        Ok(analysis)
    }

    /// Runs the detector on these views, and describes the people found.
    fn scan(
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
        let size = frame_size(frame);
        let mut people = merge(found, size, self.settings.nms_iou);
        analysis.others.extend(people.iter().map(|person| person.bbox));
        people.retain(|person| !is_masked(&self.scene, &person.bbox, size));
        let boxes: Vec<BoundingBox> = people.iter().map(|person| person.bbox).collect();
        let image = bgr_image(frame)?;
        let observed = people.into_iter().map(|detection| {
            // A person lower in the picture is nearer.
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
