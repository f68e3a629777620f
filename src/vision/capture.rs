//! Reading one stream with OpenCV and FFmpeg: opening, grabbing, and what can go wrong there.

use std::{
    ffi::OsStr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

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
    decoder_threads::{decoder_threads, with_decoder_threads},
    frame::frame_size,
    probe::StreamDescription,
};

/// Failed grabs in a row that are the end of a stream; a single one is a damaged packet.
const GRAB_ATTEMPTS: u32 = 30;
const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// A camera that refuses within this time may still be busy with ending the probe's session
/// (GStreamer's server then answers 503 to about every third open): it is asked once more.
const BUSY_ANSWER: Duration = Duration::from_secs(1);
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// An open stream. Owned and dropped by the one thread that reads it: nothing native here may be
/// touched from another thread while a call is under way.
pub struct Capture {
    video: VideoCapture,
    /// A recording ends; a live stream may only be silent.
    is_file: bool,
    /// Whether the frame rate is the stream's own. MJPEG over HTTP has none: FFmpeg makes one up.
    has_rate: bool,
    read_timeout: Duration,
    size: Option<FrameSize>,
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
    /// Opens a stream with this description. May block for the settings' open timeout, and longer
    /// when native code ignores it; waits while another stream of this process is being opened.
    ///
    /// # Errors
    /// When the stream gives no video in time.
    pub fn open(
        url: &StreamUrl,
        settings: &StreamSettings,
        described: &StreamDescription,
    ) -> Result<Self, Failure> {
        if let Some(path) = url.file_path() {
            return Self::open_recording(&path, settings);
        }
        let started = Instant::now();
        let name = OsStr::new(url.expose());
        let threads = decoder_threads(settings, described);
        let mut video = try_open(name, settings, threads);
        if video.is_none() && started.elapsed() < BUSY_ANSWER {
            thread::sleep(BUSY_PAUSE);
            video = try_open(name, settings, threads);
        }
        let Some(video) = video else {
            return Err(not_opened(started.elapsed() >= settings.open_timeout));
        };
        let has_rate = matches!(url.as_url().scheme(), "rtsp" | "rtsps");
        Ok(Self::of(video, false, has_rate, settings))
    }

    /// Opens a file.
    pub fn open_recording(path: &Path, settings: &StreamSettings) -> Result<Self, Failure> {
        let threads = decoder_threads(settings, &StreamDescription::default());
        let Some(video) = try_open(path.as_os_str(), settings, threads) else {
            let message = "The file can't be decoded as a video";
            return Err(Failure::new(FailureCode::Unsupported, message));
        };
        Ok(Self::of(video, true, true, settings))
    }

    fn of(video: VideoCapture, is_file: bool, has_rate: bool, settings: &StreamSettings) -> Self {
        let reported_size = reported_size(&video);
        Self {
            video,
            is_file,
            has_rate,
            read_timeout: settings.read_timeout,
            size: None,
            reported_size,
            damaged: 0,
        }
    }

    /// Waits for the next frame. Retries damaged ones. Fails as stalled when it took the read
    /// timeout: the frame is then an old one, and none would follow.
    pub fn grab(&mut self) -> Result<Grab, Failure> {
        for attempt in 0..GRAB_ATTEMPTS {
            let started = Instant::now();
            let grabbed = self.video.grab().unwrap_or(false);
            if started.elapsed() + Duration::from_millis(50) >= self.read_timeout {
                return Err(Failure::new(
                    FailureCode::Stalled,
                    format!("The camera sent no frame for {:?}", self.read_timeout),
                ));
            }
            if grabbed {
                self.damaged += attempt;
                return Ok(Grab::Frame(Instant::now()));
            }
            if !self.is_file {
                thread::sleep(RETRY_PAUSE);
            }
        }
        Ok(Grab::End)
    }

    /// Decodes the grabbed frame as 8-bit BGR into `frame`, whose memory is used again. `false`
    /// when the frame is damaged. Fails when the picture's size changed.
    pub fn retrieve(&mut self, frame: &mut Mat) -> Result<bool, Failure> {
        let retrieved = self.video.retrieve(frame, 0).unwrap_or(false);
        if !retrieved || frame.empty() || frame.typ() != CV_8UC3 {
            self.damaged += 1;
            return Ok(false);
        }
        let size = frame_size(frame);
        let first = *self.size.get_or_insert(size);
        if first != size || reported_size(&self.video) != self.reported_size {
            return Err(Failure::new(
                FailureCode::FormatChanged,
                "The picture's size changed in mid-stream",
            ));
        }
        Ok(true)
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
fn try_open(name: &OsStr, settings: &StreamSettings, threads: u32) -> Option<VideoCapture> {
    let parameters = Vector::from_slice(&[
        CAP_PROP_OPEN_TIMEOUT_MSEC,
        timeout_ms(settings.open_timeout),
        CAP_PROP_READ_TIMEOUT_MSEC,
        timeout_ms(settings.read_timeout),
    ]);
    let opened = with_decoder_threads(threads, || {
        VideoCapture::from_file_with_params(name, CAP_FFMPEG, &parameters)
    });
    // The exception's text holds the URL with its password: it is dropped.
    opened.ok().filter(|video| video.is_opened().unwrap_or(false))
}

fn not_opened(timed_out: bool) -> Failure {
    if timed_out {
        Failure::new(FailureCode::Timeout, "The stream did not start in time")
    } else {
        Failure::new(
            FailureCode::NoFrames,
            "The camera describes its stream, but gave no video that can be decoded",
        )
    }
}
