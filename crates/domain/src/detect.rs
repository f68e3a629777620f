//! How people are looked for: presets, and every knob by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::InvalidField;

/// A measured balance of accuracy and cost; see docs/accuracy.md.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Looks at every second frame.
    Economy,
    /// Looks at every frame.
    #[default]
    Balanced,
    /// Looks at every frame more closely.
    Accurate,
}

impl Preset {
    /// All presets, cheapest first.
    pub const ALL: [Self; 3] = [Self::Economy, Self::Balanced, Self::Accurate];

    /// The name used in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Economy => "economy",
            Self::Balanced => "balanced",
            Self::Accurate => "accurate",
        }
    }

    /// What it stands for.
    pub fn recipe(self) -> Recipe {
        // All of the frame every two seconds at the usual 10 frames a second; every one where it
        // is to be accurate.
        let (interval, person_height, full_every) = match self {
            Self::Economy => (2, Recipe::USUAL_PERSON_HEIGHT, 10),
            Self::Balanced => (1, Recipe::USUAL_PERSON_HEIGHT, 20),
            Self::Accurate => (1, 96.0, 10),
        };
        Recipe { mode: DetectMode::Guided, interval, person_height, scale: None, full_every }
    }
}

/// Where people are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectMode {
    /// In whole frames.
    Full,
    /// Around what moves and around the tracks; now and then in a whole frame.
    Guided,
}

/// How people are looked for, each knob settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Where.
    pub mode: DetectMode,
    /// The detector runs in one of this number of analysed frames; in the others the tracks are
    /// predicted.
    pub interval: u32,
    /// Height at which the network shall see people, in its pixels: the scale is chosen by it.
    pub person_height: f32,
    /// Network pixels a pixel of the frame, if the scale is not to be chosen.
    pub scale: Option<f32>,
    /// Number of frames with detection in which all of the picture is scanned once: in one of
    /// them, or in columns by turns where it is large.
    pub full_every: u32,
}

impl Recipe {
    /// The height at which the network is at its best for its cost, in its pixels.
    pub const USUAL_PERSON_HEIGHT: f32 = 77.0;
}

/// `[detect]`: detection; each camera can have its own values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectSettings {
    /// Analysed frames per second of each camera, at most: 0.1 to 60.
    pub fps: f32,
    /// Lowest score of a sure detection: above 0, below 1.
    pub confidence: f32,
    /// Intersection over union above which the weaker of two boxes is dropped: 0 to 1.
    pub nms_iou: f32,
    /// While nothing moves, the previous count is kept without inference: an empty room costs next
    /// to nothing.
    pub motion_gate: bool,
    /// Longest time without inference while nothing moves: 100 ms to 1 h.
    #[serde(with = "humantime_serde")]
    pub forced_inference: Duration,
    /// A balance of accuracy and cost: `economy` detects people in every second analysed frame,
    /// `balanced` in every one, `accurate` in every one at a larger scale;
    /// docs/operations/accuracy.md has figures. It sets those of the settings below that are not
    /// set.
    pub preset: Preset,
    /// Where people are detected: `guided` around motion and tracks, and now and then in the whole
    /// frame; `full` always in the whole frame. Not set: as in the preset. Example: `"guided"`.
    pub mode: Option<DetectMode>,
    /// The detector runs in every n-th analysed frame, 1 to 10; in the others tracks are predicted.
    /// Not set: as in the preset. Example: `1`.
    pub interval: Option<u32>,
    /// Height that people should have in the network's input, in its pixels, 40 to 250: the scale
    /// is chosen by it from the heights of detected people. Not set: as in the preset. Example:
    /// `77.0`.
    pub person_height: Option<f32>,
    /// Network pixels per pixel of the frame, 0.05 to 4. Not set: chosen by `detect.person_height`.
    /// Example: `1.0`.
    pub scale: Option<f32>,
    /// Every n-th frame in which the detector runs is scanned in full, 1 to 1000: at once, or
    /// column by column where it is large. Not set: as in the preset. Example: `20`.
    pub full_every: Option<u32>,
}

impl Default for DetectSettings {
    fn default() -> Self {
        Self {
            fps: 10.0,
            confidence: 0.45,
            nms_iou: 0.45,
            motion_gate: true,
            forced_inference: Duration::from_secs(5),
            preset: Preset::default(),
            mode: None,
            interval: None,
            person_height: None,
            scale: None,
            full_every: None,
        }
    }
}

impl DetectSettings {
    /// The preset, with the knobs that are set by themselves.
    pub fn recipe(&self) -> Recipe {
        let preset = self.preset.recipe();
        Recipe {
            mode: self.mode.unwrap_or(preset.mode),
            interval: self.interval.unwrap_or(preset.interval),
            person_height: self.person_height.unwrap_or(preset.person_height),
            scale: self.scale,
            full_every: self.full_every.unwrap_or(preset.full_every),
        }
    }

    /// Checks every value.
    pub fn validate(&self) -> Result<(), InvalidField> {
        // Ranges hold no NaN.
        let checks = [
            ("detect.fps", (0.1..=60.0).contains(&self.fps), "from 0.1 to 60 frames a second"),
            ("detect.confidence", inside(0.0, self.confidence, 1.0), "above 0 and below 1"),
            ("detect.nms_iou", (0.0..=1.0).contains(&self.nms_iou), "from 0 to 1"),
            (
                "detect.forced_inference",
                (Duration::from_millis(100)..=Duration::from_secs(3_600))
                    .contains(&self.forced_inference),
                "from 100 ms to 1 h",
            ),
            (
                "detect.interval",
                self.interval.is_none_or(|n| (1..=10).contains(&n)),
                "from 1 to 10",
            ),
            (
                "detect.person_height",
                self.person_height.is_none_or(|height| (40.0..=250.0).contains(&height)),
                "from 40 to 250 pixels",
            ),
            (
                "detect.scale",
                self.scale.is_none_or(|scale| (0.05..=4.0).contains(&scale)),
                "from 0.05 to 4",
            ),
            (
                "detect.full_every",
                self.full_every.is_none_or(|n| (1..=1_000).contains(&n)),
                "from 1 to 1000",
            ),
        ];
        match checks.into_iter().find(|(_, fits, _)| !fits) {
            Some((field, _, range)) => Err(InvalidField::new(field, format!("must be {range}"))),
            None => Ok(()),
        }
    }
}

fn inside(low: f32, value: f32, high: f32) -> bool {
    value > low && value < high
}

/// A camera's own detection settings; an absent one follows `detect.*` of the configuration, but
/// a preset of its own also takes the place of all that the configuration says of the knobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectOverrides {
    /// Frames analysed a second, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f32>,
    /// Lowest score (0–1) of a detection that is taken for sure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Intersection over union (0–1) above which the weaker of two boxes is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nms_iou: Option<f32>,
    /// Whether frames in which nothing moves keep the count of the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motion_gate: Option<bool>,
    /// Longest time between two analysed frames where nothing moves.
    #[serde(skip_serializing_if = "Option::is_none", with = "humantime_serde")]
    pub forced_inference: Option<Duration>,
    /// Settles what the knobs below leave open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Where people are looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<DetectMode>,
    /// People are looked for in one of so many analysed frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<u32>,
    /// Height at which the network shall see people, in its pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_height: Option<f32>,
    /// Network pixels a pixel of the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f32>,
    /// One of so many frames in which people are looked for is looked at as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_every: Option<u32>,
}

impl DetectOverrides {
    /// Checks every given value.
    pub fn validate(&self) -> Result<(), InvalidField> {
        self.apply(&DetectSettings::default()).validate()
    }

    /// The settings in force, given the service's.
    pub fn apply(&self, service: &DetectSettings) -> DetectSettings {
        let inherited = match self.preset {
            Some(preset) => DetectSettings { preset, ..DetectSettings::default() },
            None => *service,
        };
        DetectSettings {
            fps: self.fps.unwrap_or(service.fps),
            confidence: self.confidence.unwrap_or(service.confidence),
            nms_iou: self.nms_iou.unwrap_or(service.nms_iou),
            motion_gate: self.motion_gate.unwrap_or(service.motion_gate),
            forced_inference: self.forced_inference.unwrap_or(service.forced_inference),
            preset: inherited.preset,
            mode: self.mode.or(inherited.mode),
            interval: self.interval.or(inherited.interval),
            person_height: self.person_height.or(inherited.person_height),
            scale: self.scale.or(inherited.scale),
            full_every: self.full_every.or(inherited.full_every),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: DetectOverrides = DetectOverrides {
        fps: None,
        confidence: None,
        nms_iou: None,
        motion_gate: None,
        forced_inference: None,
        preset: None,
        mode: None,
        interval: None,
        person_height: None,
        scale: None,
        full_every: None,
    };

    #[test]
    fn settings_out_of_range_name_their_field() {
        let field = |detect: DetectOverrides| detect.validate().unwrap_err().field;
        assert_eq!(field(DetectOverrides { fps: Some(0.0), ..NONE }), "detect.fps");
        assert_eq!(field(DetectOverrides { fps: Some(f32::NAN), ..NONE }), "detect.fps");
        assert_eq!(field(DetectOverrides { confidence: Some(1.0), ..NONE }), "detect.confidence");
        assert_eq!(field(DetectOverrides { nms_iou: Some(-0.1), ..NONE }), "detect.nms_iou");
        assert_eq!(field(DetectOverrides { interval: Some(0), ..NONE }), "detect.interval");
        assert_eq!(field(DetectOverrides { scale: Some(f32::NAN), ..NONE }), "detect.scale");
        let tall = DetectOverrides { person_height: Some(900.0), ..NONE };
        assert_eq!(field(tall), "detect.person_height");
        assert_eq!(field(DetectOverrides { full_every: Some(0), ..NONE }), "detect.full_every");
        assert!(NONE.validate().is_ok());
    }

    #[test]
    fn a_cameras_own_setting_wins_over_the_services() {
        let service = DetectSettings { fps: 5.0, interval: Some(3), ..DetectSettings::default() };
        let applied = DetectOverrides { confidence: Some(0.6), ..NONE }.apply(&service);
        assert_eq!((applied.fps, applied.confidence), (5.0, 0.6));
        assert_eq!(applied.recipe().interval, 3);
    }

    #[test]
    fn a_preset_of_its_own_forgets_the_services_knobs() {
        let service = DetectSettings { interval: Some(3), ..DetectSettings::default() };
        let own = DetectOverrides { preset: Some(Preset::Accurate), scale: Some(0.5), ..NONE };
        let recipe = own.apply(&service).recipe();
        assert_eq!((recipe.interval, recipe.scale), (1, Some(0.5)));
        assert_eq!(recipe.person_height, Preset::Accurate.recipe().person_height);
    }
}
