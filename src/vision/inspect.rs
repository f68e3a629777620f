//! Inspects a stream once: its description, and whether it gives a picture.

use becamera_domain::{Failure, FailureCode, StreamInfo, StreamUrl, settings::StreamSettings};
use opencv::core::Mat;

use super::{
    capture::{Capture, Grab},
    native,
    probe::{self, StreamDescription},
};

/// Number of frames that are tried for a good one.
const ATTEMPTS: usize = 30;

/// Probes a stream and reads its first frame, as a worker would. Blocks for as long as the
/// settings' timeouts allow.
///
/// # Errors
/// Why the stream gives no picture.
pub fn inspect(
    url: &StreamUrl,
    settings: &StreamSettings,
) -> Result<(StreamDescription, StreamInfo), Failure> {
    native::set_up();
    let probed = probe::probe(url, settings)?;
    let description = probed.description.clone();
    let mut capture = Capture::open(url, settings, probed)?;
    let mut frame = Mat::default();
    for _ in 0..ATTEMPTS {
        if capture.grab()? == Grab::End {
            break;
        }
        if capture.retrieve(&mut frame)? {
            return Ok((description, capture.info()));
        }
    }
    Err(Failure::new(FailureCode::NoFrames, "The stream opened but gave no picture"))
}
