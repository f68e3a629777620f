//! Pictures of what cameras see.

use serde::{Deserialize, Serialize};

use crate::InvalidField;

/// `[pictures]`: snapshots and live pictures: made on request, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PictureSettings {
    /// Whether there are any.
    pub enabled: bool,
    /// `people` makes detected people unrecognisable in every picture; `off` does not. A person who
    /// is not detected is not blurred.
    pub blur: Blur,
    /// Widest picture in pixels: 64 to 3840.
    pub max_width: u32,
    /// Most live pictures per second for each client: 0.1 to 30.
    pub max_fps: f32,
    /// JPEG quality where none is asked for: 10 to 95.
    pub quality: u8,
    /// Most clients at once, of all cameras together: 1 to 1000. More are refused.
    pub max_viewers: usize,
}

/// What is made unrecognisable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blur {
    /// Nothing.
    #[default]
    Off,
    /// Every detected person, with a margin.
    People,
}

impl Default for PictureSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            blur: Blur::Off,
            max_width: 1280,
            max_fps: 5.0,
            quality: 80,
            max_viewers: 16,
        }
    }
}

impl PictureSettings {
    pub(super) fn validate(&self) -> Result<(), InvalidField> {
        let refuse = |field, reason| Err(InvalidField::new(field, reason));
        if !(64..=3840).contains(&self.max_width) {
            return refuse("pictures.max_width", "must be from 64 to 3840");
        }
        if !(0.1..=30.0).contains(&self.max_fps) {
            return refuse("pictures.max_fps", "must be from 0.1 to 30");
        }
        if !(10..=95).contains(&self.quality) {
            return refuse("pictures.quality", "must be from 10 to 95");
        }
        if !(1..=1000).contains(&self.max_viewers) {
            return refuse("pictures.max_viewers", "must be from 1 to 1000");
        }
        Ok(())
    }
}
