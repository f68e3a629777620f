//! Reading one stream with OpenCV and FFmpeg: opening, grabbing, and what can go wrong there.

use std::{
    ffi::OsStr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use becamera_connector::Relay;
use becamera_domain::{
    Failure, FailureCode, FrameSize, StreamInfo, StreamUrl, settings::StreamSettings,
};
use opencv::{
    core::{CV_8UC3, Mat, Vector},
    prelude::*,
    videoio::{
        CAP_FFMPEG, CAP_PROP_FPS, CAP_PROP_FRAME_COUNT, CAP_PROP_FRAME_HEIGHT,
        CAP_PROP_FRAME_WIDTH, CAP_PROP_OPEN_TIMEOUT_MSEC, CAP_PROP_READ_TIMEOUT_MSEC, VideoCapture,
    },
};

use super::{
    decoder_frame::{self, DecodedFormat},
    decoder_threads::{decoder_threads, with_decoder_threads},
    display::Display,
    frame::frame_size,
    probe::{Probed, StreamDescription},
    protocols::{self, Kind},
};

/// Failed grabs in a row that are the end of a stream; a single one is a damaged packet.
const GRAB_ATTEMPTS: u32 = 30;
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// An open stream. Owned and dropped by the one thread that reads it: nothing native here may be
/// touched from another thread while a call is under way.
pub struct Capture {
    video: VideoCapture,
    /// The connection through which a camera is read; closed after the video.
    relay: Option<Relay>,
    display: Display,
    /// The picture as it was decoded, where it is not shown as it is.
    decoded: Mat,
    /// A recording ends; a live stream may only be silent.
    is_file: bool,
    /// Whether the frame rate is the stream's own. MJPEG over HTTP has none: FFmpeg makes one up.
    has_rate: bool,
    read_timeout: Duration,
    first_frame_timeout: Duration,
    size: Option<FrameSize>,
    /// The first decoded frame's format, which OpenCV's converter is made for.
    format: Option<DecodedFormat>,
    reported_size: (f64, f64),
    /// Frames that could not be decoded.
    pub damaged: u32,
}

/// What a grab gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grab {
    /// A frame, received at this moment.
    Frame(Instant),
    /// No frame comes any more.
    End,
}

impl Capture {
    /// Opens a stream that was probed. May block for the settings' open timeout, and longer when
    /// native code ignores it; waits while another stream of this process is being opened.
    ///
    /// # Errors
    /// When the stream gives no video in time.
    pub fn open(
        url: &StreamUrl,
        settings: &StreamSettings,
        probed: Probed,
    ) -> Result<Self, Failure> {
        let Probed { description, relay: Some(relay) } = probed else {
            return Self::open_recording(&url.file_path().unwrap_or_default(), settings);
        };
        let started = Instant::now();
        let threads = decoder_threads(settings, &description);
        let name = OsStr::new(relay.local_url());
        // The relay sees a camera that sends nothing. How long the first picture of one that sends
        // may take is another matter.
        let patience = settings.first_frame_timeout;
        let Some(video) = try_open(name, Kind::Live, (patience, patience), threads) else {
            let timed_out = started.elapsed() >= patience;
            return Err(not_opened(&relay, timed_out.then_some(patience)));
        };
        let has_rate = matches!(url.as_url().scheme(), "rtsp" | "rtsps");
        Self::of(video, Some(relay), has_rate, settings)
    }

    /// Opens a file.
    pub fn open_recording(path: &Path, settings: &StreamSettings) -> Result<Self, Failure> {
        let threads = decoder_threads(settings, &StreamDescription::default());
        let timeouts = (settings.open_timeout, settings.read_timeout);
        let Some(video) = try_open(path.as_os_str(), Kind::Recording, timeouts, threads) else {
            let message = "The file can't be decoded as a video";
            return Err(Failure::new(FailureCode::Unsupported, message));
        };
        Self::of(video, None, true, settings)
    }

    fn of(
        mut video: VideoCapture,
        relay: Option<Relay>,
        has_rate: bool,
        settings: &StreamSettings,
    ) -> Result<Self, Failure> {
        let display = Display::of(&mut video)
            .map_err(|error| Failure::new(FailureCode::Unsupported, error.message))?;
        let reported_size = reported_size(&video);
        let is_file = relay.is_none();
        Ok(Self {
            video,
            relay,
            display,
            decoded: Mat::default(),
            is_file,
            has_rate,
            read_timeout: settings.read_timeout,
            first_frame_timeout: settings.first_frame_timeout,
            size: None,
            format: None,
            reported_size,
            damaged: 0,
        })
    }

    /// Waits for the next frame. Retries damaged ones. Fails as stalled when it took the read
    /// timeout: the frame is then an old one, and none would follow.
    pub fn grab(&mut self) -> Result<Grab, Failure> {
        for attempt in 0..GRAB_ATTEMPTS {
            let started = Instant::now();
            let grabbed = self.video.grab().unwrap_or(false);
            let limit = self.frame_timeout();
            if started.elapsed() + Duration::from_millis(50) >= limit {
                let said = self.relay.as_ref().and_then(Relay::failure);
                return Err(said.unwrap_or_else(|| self.stalled(limit)));
            }
            if grabbed {
                self.check_format()?;
                self.damaged += attempt;
                return Ok(Grab::Frame(Instant::now()));
            }
            match &self.relay {
                // Nothing more can come, and the camera may have said why.
                Some(relay) if relay.is_over() => {
                    return relay.failure().map_or(Ok(Grab::End), Err);
                }
                Some(_) => thread::sleep(RETRY_PAUSE),
                None => {}
            }
        }
        Ok(Grab::End)
    }

    /// How long a frame may take.
    fn frame_timeout(&self) -> Duration {
        if self.size.is_none() && !self.is_file {
            self.first_frame_timeout
        } else {
            self.read_timeout
        }
    }

    fn stalled(&self, limit: Duration) -> Failure {
        let message = if self.size.is_none() && !self.is_file {
            format!(
                "The camera gave no picture that can begin a stream for {limit:?} \
                 (stream.first_frame_timeout)"
            )
        } else {
            format!("The camera sent no frame for {limit:?} (stream.read_timeout)")
        };
        Failure::new(FailureCode::Stalled, message)
    }

    /// Fails when the decoder gave another size or pixel format than at first: the frame must not be
    /// converted then.
    fn check_format(&mut self) -> Result<(), Failure> {
        let Some(now) = decoder_frame::newest() else { return Ok(()) };
        let first = *self.format.get_or_insert(now);
        if first == now {
            return Ok(());
        }
        let message = if (first.width, first.height) == (now.width, now.height) {
            "The picture's pixel format changed in mid-stream".to_owned()
        } else {
            let (from, to) = ((first.width, first.height), (now.width, now.height));
            format!(
                "The picture changed from {}x{} to {}x{} in mid-stream",
                from.0, from.1, to.0, to.1
            )
        };
        Err(Failure::new(FailureCode::FormatChanged, message))
    }

    /// Decodes the grabbed frame as 8-bit BGR into `frame`, whose memory is used again. `false`
    /// when the frame is damaged. Fails when the picture's size changed.
    pub fn retrieve(&mut self, frame: &mut Mat) -> Result<bool, Failure> {
        let retrieved = self.retrieve_upright(frame).unwrap_or(false);
        if !retrieved || frame.empty() || frame.typ() != CV_8UC3 {
            self.damaged += 1;
            return Ok(false);
        }
        let size = frame_size(frame);
        if self.size.is_none()
            && let Some(relay) = &self.relay
        {
            relay.has_picture();
        }
        let first = *self.size.get_or_insert(size);
        if first != size || reported_size(&self.video) != self.reported_size {
            return Err(Failure::new(
                FailureCode::FormatChanged,
                "The picture's size changed in mid-stream",
            ));
        }
        Ok(true)
    }

    fn retrieve_upright(&mut self, frame: &mut Mat) -> opencv::Result<bool> {
        if self.display.is_plain() {
            return self.video.retrieve(frame, 0);
        }
        let retrieved = self.video.retrieve(&mut self.decoded, 0)? && !self.decoded.empty();
        if retrieved {
            self.display.apply(&self.decoded, frame)?;
        }
        Ok(retrieved)
    }

    /// What is known of the stream once a frame was retrieved.
    pub fn info(&self) -> StreamInfo {
        let FrameSize { width, height } = self.size.unwrap_or_default();
        StreamInfo { width, height, fps: self.frame_rate() }
    }

    /// The stream's own frame rate; absent where it has none or an implausible one.
    pub fn frame_rate(&self) -> Option<f32> {
        let fps = self.video.get(CAP_PROP_FPS).ok().filter(|fps| (0.1..=240.0).contains(fps))?;
        self.has_rate.then_some(fps as f32)
    }

    /// The number of frames in a recording, as its header says.
    pub fn frame_count(&self) -> Option<u64> {
        let count = self.video.get(CAP_PROP_FRAME_COUNT).ok()?;
        // Beyond that it is made up.
        (self.is_file && (1.0..1e9).contains(&count)).then_some(count as u64)
    }
}

/// A timeout in milliseconds, as OpenCV takes it.
fn timeout_ms(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn reported_size(video: &VideoCapture) -> (f64, f64) {
    let get = |property| video.get(property).unwrap_or_default();
    (get(CAP_PROP_FRAME_WIDTH), get(CAP_PROP_FRAME_HEIGHT))
}

/// The backend is forced: others run pipeline strings. A file goes by its path, since FFmpeg takes
/// no percent-encoding there.
fn try_open(
    name: &OsStr,
    kind: Kind,
    (open, read): (Duration, Duration),
    threads: u32,
) -> Option<VideoCapture> {
    let parameters = Vector::from_slice(&[
        CAP_PROP_OPEN_TIMEOUT_MSEC,
        timeout_ms(open),
        CAP_PROP_READ_TIMEOUT_MSEC,
        timeout_ms(read),
    ]);
    let opened = protocols::only_for(kind, || {
        with_decoder_threads(threads, || {
            VideoCapture::from_file_with_params(name, CAP_FFMPEG, &parameters)
        })
    });
    // FFmpeg decodes while it looks what the stream is: those frames are not OpenCV's.
    decoder_frame::forget();
    // The exception's text holds the URL with its password: it is dropped.
    opened.ok().filter(|video| video.is_opened().unwrap_or(false))
}

/// Why a camera's stream could not be opened; `timeout` where that took so long.
fn not_opened(relay: &Relay, timeout: Option<Duration>) -> Failure {
    if let Some(failure) = relay.failure() {
        return failure;
    }
    let codec = relay.description().codec.as_deref().unwrap_or("video");
    let kilobytes = relay.received().bytes.div_ceil(1000);
    let (code, message) = match (timeout, kilobytes) {
        (Some(timeout), 0) => (
            FailureCode::Timeout,
            format!("The stream did not start in time: the camera sent nothing in {timeout:?}"),
        ),
        (Some(timeout), _) => (
            FailureCode::Timeout,
            format!(
                "The stream did not start in time: the camera sent {kilobytes} kB of {codec} in \
                 {timeout:?}, but no picture that can begin a stream; are its keyframes further \
                 apart than stream.first_frame_timeout?"
            ),
        ),
        (None, 0) => (
            FailureCode::NoFrames,
            "The camera describes its stream, but ended it without sending anything".into(),
        ),
        (None, _) => (
            FailureCode::NoFrames,
            format!(
                "The camera describes its stream, but gave no video that can be decoded \
                 ({kilobytes} kB of {codec})"
            ),
        ),
    };
    Failure::new(code, message)
}
