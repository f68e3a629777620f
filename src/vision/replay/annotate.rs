//! A video with people, lines, zones and counts drawn into it.

use std::path::{Path, PathBuf};

use becamera_counting::{scene::SceneTotals, track::TrackedPerson};
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

/// Draws into frames and writes them to a video.
pub(super) struct Annotator {
    path: PathBuf,
    fps: f32,
    scene: Scene,
    people: Vec<TrackedPerson>,
    writer: Option<VideoWriter>,
}

impl Annotator {
    /// An annotator that has written nothing yet.
    pub(super) fn new(scene: &Scene, path: &Path, fps: f32) -> Self {
        Self { path: path.into(), fps, scene: scene.clone(), people: Vec::new(), writer: None }
    }

    /// Draws these people from now on.
    pub(super) fn set_people(&mut self, people: &[TrackedPerson]) {
        self.people = people.to_vec();
    }

    /// Draws people, scene and totals into a frame and writes it. The error is a sentence.
    pub(super) fn write(&mut self, frame: &mut Mat, totals: &SceneTotals) -> Result<(), String> {
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
            totals: Some(totals),
            count: true,
        };
        draw(frame, &overlay)
            .and_then(|()| writer.write(frame))
            .map_err(|error| format!("the annotated video can't be written: {}", error.message))
    }

    /// Completes the file. The error is a sentence.
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
