//! A video with everything drawn into it.

use std::path::{Path, PathBuf};

use becamera_counting::{
    scene::{SceneFrame, SceneTotals},
    track::TrackedPerson,
};
use becamera_domain::Scene;
use opencv::{
    core::{Mat, Size},
    prelude::*,
    videoio::{CAP_FFMPEG, VideoWriter},
};

use crate::vision::draw::{Overlay, draw};

/// Tried one after the other: H.264, which every player knows, and MPEG-4, which every FFmpeg
/// writes.
const CODECS: [[char; 4]; 2] = [['a', 'v', 'c', '1'], ['m', 'p', '4', 'v']];

/// What is drawn into frames, and where these go.
pub(super) struct Annotator {
    path: PathBuf,
    fps: f32,
    scene: Scene,
    people: Vec<TrackedPerson>,
    totals: SceneTotals,
    writer: Option<VideoWriter>,
}

impl Annotator {
    /// Nothing counted yet.
    pub(super) fn new(scene: &Scene, path: &Path, fps: f32) -> Self {
        Self {
            path: path.into(),
            fps,
            scene: scene.clone(),
            people: Vec::new(),
            totals: SceneTotals::new(scene),
            writer: None,
        }
    }

    /// Takes what the newest frame says.
    pub(super) fn take(&mut self, people: &[TrackedPerson], said: &SceneFrame) {
        self.people = people.to_vec();
        self.totals.take(said);
    }

    /// Draws into a frame and writes it.
    pub(super) fn write(&mut self, frame: &mut Mat) -> Result<(), String> {
        if frame.empty() {
            return Ok(());
        }
        if self.writer.is_none() {
            self.writer = Some(open(&self.path, self.fps, frame)?);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let overlay = Overlay {
            people: &self.people,
            scene: Some(&self.scene),
            totals: Some(&self.totals),
            count: true,
        };
        draw(frame, &overlay)
            .and_then(|()| writer.write(frame))
            .map_err(|error| format!("the annotated video can't be written: {}", error.message))
    }

    /// Completes the file.
    pub(super) fn finish(self) -> Result<(), String> {
        let Some(mut writer) = self.writer else { return Ok(()) };
        writer
            .release()
            .map_err(|error| format!("the annotated video can't be completed: {}", error.message))
    }
}

fn open(path: &Path, fps: f32, frame: &Mat) -> Result<VideoWriter, String> {
    let size = Size::new(frame.cols(), frame.rows());
    for [a, b, c, d] in CODECS {
        let writer = VideoWriter::fourcc(a, b, c, d).and_then(|codec| {
            VideoWriter::new_with_backend(path, CAP_FFMPEG, codec, f64::from(fps), size, true)
        });
        if let Ok(writer) = writer
            && writer.is_opened().unwrap_or(false)
        {
            return Ok(writer);
        }
    }
    Err("the annotated video can't be begun: its name must end in .mp4, .mkv, .mov or .avi".into())
}
