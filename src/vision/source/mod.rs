//! Where the frame loop of a camera gets its frames: a recording, read in step, or a live stream, of
//! which only the newest frame matters.

mod frame_source;
mod live;
mod recording;

use becamera_counting::budget::FrameBudget;
use becamera_domain::{Failure, Job, settings::StreamSettings};

pub use self::frame_source::{FrameSource, Next, Reading};
use self::{live::LiveSource, recording::FileSource};
use super::probe::Probed;

/// Opens the source of a job, which was probed. The first thing that it gives may still be a failure
/// to open.
///
/// # Errors
/// When no thread can be started for a live stream.
pub fn open(
    job: &Job,
    settings: &StreamSettings,
    probed: Probed,
) -> Result<Box<dyn FrameSource>, Failure> {
    let budget = FrameBudget::new(job.detect.fps);
    if job.url.is_file() {
        Ok(Box::new(FileSource::new(&job.url, settings, job.source, budget)))
    } else {
        Ok(Box::new(LiveSource::start(&job.url, settings, probed, budget)?))
    }
}
