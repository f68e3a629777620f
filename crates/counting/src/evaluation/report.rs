//! All metrics of a recording.

use std::{collections::BTreeMap, time::Duration};

use becamera_domain::{FrameSize, LineId, Scene};
use serde::{Deserialize, Serialize};

use crate::evaluation::{
    ClearMot, CountErrors, Identity, LabelledBox, LineErrors, TimedCrossing, crossings::compare,
};
use crate::{
    scene::SceneCounter,
    track::{TrackId, TrackedPerson},
};

/// Compares tracks with the ground truth, frame by frame. The people of the ground truth cross the
/// same lines by the same rules.
#[derive(Debug, Clone)]
pub struct Evaluation {
    clear: ClearMot,
    identity: Identity,
    counts: CountErrors,
    lines: Vec<LineId>,
    truth_scene: SceneCounter,
    truth_crossings: Vec<TimedCrossing>,
    found_crossings: Vec<TimedCrossing>,
}

/// Accuracy of the counts of a recording. Ratios are absent where there is nothing to divide by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Multiple object tracking accuracy, at most 1.
    pub mota: Option<f64>,
    /// Identity F1 score, 0 to 1.
    pub idf1: Option<f64>,
    /// Number of times that a person's track changed its id.
    pub id_switches: u64,
    /// Share of the tracks' boxes that match a person, 0 to 1.
    pub precision: Option<f64>,
    /// Share of the people that a box matches, 0 to 1.
    pub recall: Option<f64>,
    /// Mean absolute error of the number of people in a frame.
    pub count_mae: Option<f64>,
    /// Mean error of the number of people in a frame: positive where too many are counted, negative
    /// where too few.
    pub count_bias: Option<f64>,
    /// Share of the frames with the right count, 0 to 1.
    pub exact: Option<f64>,
    /// Share of the frames whose count is off by one at most, 0 to 1.
    pub within_one: Option<f64>,
    /// Crossings counted and expected, by line.
    pub crossings: BTreeMap<String, LineErrors>,
    /// Frames compared.
    pub frames: u64,
}

impl Evaluation {
    /// An evaluation of crossings of this scene's lines; no frame is compared yet.
    pub fn new(scene: &Scene) -> Self {
        Self {
            clear: ClearMot::default(),
            identity: Identity::default(),
            counts: CountErrors::default(),
            lines: scene.lines.iter().map(|line| line.id.clone()).collect(),
            truth_scene: SceneCounter::new(scene),
            truth_crossings: Vec::new(),
            found_crossings: Vec::new(),
        }
    }

    /// Takes a frame of this size: the people of the ground truth, the people found, and the
    /// crossings counted with it.
    pub fn add(
        &mut self,
        at: Duration,
        truth: &[LabelledBox],
        found: &[TrackedPerson],
        crossings: impl IntoIterator<Item = TimedCrossing>,
        frame: FrameSize,
    ) {
        let tracks: Vec<_> = found
            .iter()
            .map(|person| LabelledBox { id: person.id.0, bbox: person.bbox.into() })
            .collect();
        self.clear.add(truth, &tracks);
        self.identity.add(truth, &tracks);
        self.counts.add(truth.len(), found.len());
        self.found_crossings.extend(crossings);
        let people: Vec<_> = truth
            .iter()
            .map(|LabelledBox { id, bbox }| TrackedPerson {
                id: TrackId(*id),
                bbox: (*bbox).into(),
                confidence: 1.0,
                seen: true,
            })
            .collect();
        let said = self.truth_scene.update(at, &people, frame);
        self.truth_crossings.extend(said.crossings.into_iter().map(|crossing| TimedCrossing {
            line_id: crossing.line_id,
            direction: crossing.direction,
            at,
        }));
    }

    /// The metrics of all frames so far.
    pub fn accuracy(&self) -> Accuracy {
        let compared = |line: &LineId| compare(line, &self.truth_crossings, &self.found_crossings);
        Accuracy {
            mota: self.clear.mota(),
            idf1: self.identity.idf1(),
            id_switches: self.clear.id_switches(),
            precision: self.clear.precision(),
            recall: self.clear.recall(),
            count_mae: self.counts.mean_absolute(),
            count_bias: self.counts.bias(),
            exact: self.counts.exact(),
            within_one: self.counts.within_one(),
            crossings: self.lines.iter().map(|line| (line.to_string(), compared(line))).collect(),
            frames: self.counts.frames(),
        }
    }
}
