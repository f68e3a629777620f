//! Pictures of the frame loop's frames for viewers: made on request, one per turn of the loop, so
//! that counting goes on.

use becamera_actors::{job_control::JobControl, ports::EventSink, protocol::MAX_FRAME};
use becamera_counting::{geometry::BoundingBox, scene::SceneTotals, track::TrackedPerson};
use becamera_domain::{
    Picture, PictureOptions, Scene, SnapshotRequest, StreamEvent,
    settings::{Blur, PictureSettings},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use opencv::{
    core::{Mat, Rect, Size, Vector},
    imgcodecs::{IMWRITE_JPEG_QUALITY, imencode},
    imgproc::{INTER_AREA, INTER_LINEAR, resize},
    prelude::*,
};

use super::{
    analysis::Analysis,
    draw::{Overlay, draw},
};

/// Longest JPEG in bytes: it must fit into one message.
const LONGEST: usize = MAX_FRAME - 4096;
/// Below this quality a smaller picture looks better.
const POOR: u8 = 30;
/// Margin around people that is blurred too, in shares of their box: detectors cut off heads and
/// feet.
const MARGIN: f32 = 0.15;
/// Number of patches along the longer side of a blurred person: too few for a face.
const PATCHES: i32 = 8;

/// The frame loop's place for pictures. Without requests it only remembers where people are in the
/// present frame.
pub struct PictureDesk {
    settings: PictureSettings,
    scene: Scene,
    requests: Vec<SnapshotRequest>,
    people: Vec<TrackedPerson>,
    /// Other boxes in which somebody may be.
    others: Vec<BoundingBox>,
    /// Frames so far.
    number: u64,
    /// When the present frame was received; none while not everybody in it is known who must be
    /// blurred.
    taken_at: Option<DateTime<Utc>>,
}

impl PictureDesk {
    /// A desk for one run.
    pub fn new(settings: PictureSettings, scene: Scene) -> Self {
        let (requests, people, others) = (Vec::new(), Vec::new(), Vec::new());
        Self { settings, scene, requests, people, others, number: 0, taken_at: None }
    }

    /// Draws these lines and zones from now on.
    pub fn update_scene(&mut self, scene: Scene) {
        self.scene = scene;
    }

    /// Takes the requests that have come since the last call.
    pub fn take_snapshot_requests(&mut self, control: &JobControl) {
        control
            .take_snapshot_requests()
            .into_iter()
            .for_each(|request| request.add_to(&mut self.requests));
    }

    /// Whether the next frame needs a full scan, even if nothing moves: everybody in it is to be
    /// blurred.
    pub fn needs_people(&self) -> bool {
        self.settings.blur == Blur::People && !self.requests.is_empty()
    }

    /// There is another frame, which is not analysed yet.
    pub fn begin(&mut self) {
        self.number += 1;
        self.taken_at = None;
    }

    /// Takes what the present frame shows. `full_scan`: it got a full scan, without which no picture
    /// with blurred people is made.
    pub fn found(&mut self, taken_at: DateTime<Utc>, analysis: &Analysis, full_scan: bool) {
        self.people.clear();
        self.people.extend_from_slice(&analysis.people);
        self.others.clear();
        self.others.extend_from_slice(&analysis.others);
        self.taken_at = (full_scan || self.settings.blur == Blur::Off).then_some(taken_at);
    }

    /// Makes the picture that was requested first, if the present frame is good for it. `totals` are
    /// drawn beside lines and into zones.
    pub fn serve(&mut self, frame: &Mat, totals: &SceneTotals, sink: &mut dyn EventSink) {
        let Some(taken_at) = self.taken_at else { return };
        let Some(next) = self.requests.iter().position(|request| request.after < self.number)
        else {
            return;
        };
        let options = self.requests.remove(next).options;
        let jpeg = self.picture(frame, totals, options).map_err(|error| error.to_string());
        let picture = Picture { options, frame: self.number, taken_at, jpeg };
        sink.emit(StreamEvent::Picture(picture));
    }

    fn picture(
        &self,
        frame: &Mat,
        totals: &SceneTotals,
        options: PictureOptions,
    ) -> opencv::Result<Bytes> {
        let width = options.width.min(self.settings.max_width);
        let width = frame.cols().min(i32::try_from(width).unwrap_or(i32::MAX)).max(1);
        let blur = self.settings.blur == Blur::People;
        let mut copy = Mat::default();
        if width < frame.cols() {
            resize_to_width(frame, &mut copy, width)?;
        } else if blur || options.annotate {
            frame.copy_to(&mut copy)?;
        } else {
            return jpeg(frame, options.quality, LONGEST);
        }
        let scale = |pixels: i32, of: i32| pixels as f32 / of as f32;
        let (x, y) = (scale(copy.cols(), frame.cols()), scale(copy.rows(), frame.rows()));
        let scaled =
            |person: &TrackedPerson| TrackedPerson { bbox: person.bbox.scaled(x, y), ..*person };
        let people: Vec<_> = self.people.iter().map(scaled).collect();
        if blur {
            let others = self.others.iter().map(|bbox| bbox.scaled(x, y));
            for bbox in people.iter().map(|person| person.bbox).chain(others) {
                make_unrecognisable(&mut copy, &bbox)?;
            }
        }
        if options.annotate {
            let (scene, totals) = (Some(&self.scene), Some(totals));
            draw(&mut copy, &Overlay { people: &people, scene, totals, count: true })?;
        }
        jpeg(&copy, options.quality, LONGEST)
    }
}

fn resize_to_width(from: &Mat, to: &mut Mat, width: i32) -> opencv::Result<()> {
    let height = f64::from(from.rows()) * f64::from(width) / f64::from(from.cols());
    let size = Size::new(width, (height.round() as i32).max(1));
    resize(from, to, size, 0.0, 0.0, INTER_AREA)
}

/// Replaces a box and a margin around it by a few patches of colour.
fn make_unrecognisable(picture: &mut Mat, bbox: &BoundingBox) -> opencv::Result<()> {
    let (margin_x, margin_y) = (bbox.width * MARGIN, bbox.height * MARGIN);
    let around = BoundingBox::from_corners(
        bbox.left - margin_x,
        bbox.top - margin_y,
        bbox.right() + margin_x,
        bbox.bottom() + margin_y,
    )
    .clipped(picture.cols() as f32, picture.rows() as f32);
    if !around.is_finite() {
        return Ok(());
    }
    let (left, top) = (around.left.floor() as i32, around.top.floor() as i32);
    let (right, bottom) = (around.right().ceil() as i32, around.bottom().ceil() as i32);
    let area = Rect::new(left, top, right - left, bottom - top);
    if area.width < 1 || area.height < 1 {
        return Ok(());
    }
    let patch = (area.width.max(area.height) / PATCHES).max(1);
    let few = Size::new((area.width / patch).max(1), (area.height / patch).max(1));
    let (mut patches, mut blurred) = (Mat::default(), Mat::default());
    resize(&Mat::roi(picture, area)?, &mut patches, few, 0.0, 0.0, INTER_AREA)?;
    resize(&patches, &mut blurred, area.size(), 0.0, 0.0, INTER_LINEAR)?;
    blurred.copy_to(&mut Mat::roi_mut(picture, area)?)
}

/// A JPEG of at most `limit` bytes: of lower quality, and then smaller, where it would be longer.
fn jpeg(picture: &Mat, quality: u8, limit: usize) -> opencv::Result<Bytes> {
    let mut quality = quality.clamp(1, 100);
    let mut smaller = Mat::default();
    let mut bytes = Vector::<u8>::new();
    loop {
        let source = if smaller.empty() { picture } else { &smaller };
        let parameters = Vector::from_slice(&[IMWRITE_JPEG_QUALITY, i32::from(quality)]);
        imencode(".jpg", source, &mut bytes, &parameters)?;
        if bytes.len() <= limit {
            return Ok(Bytes::from(bytes.to_vec()));
        }
        if quality > POOR {
            quality = quality * 2 / 3;
        } else if source.cols() > 1 {
            let mut half = Mat::default();
            resize_to_width(source, &mut half, source.cols() / 2)?;
            smaller = half;
        } else {
            return Err(opencv::Error::new(
                opencv::core::StsOutOfRange,
                "the picture is too large",
            ));
        }
    }
}

#[cfg(test)]
mod tests;
