//! One run: a worker's job, what it reports meanwhile and how it ends.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    CameraId, Crossing, DetectSettings, Picture, RunId, Sample, Scene, SourceSettings, StreamUrl,
    WorkerId, ZoneId, stream_url,
};

/// What a worker is told to do: read one camera's stream until it ends or is cancelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// This attempt.
    pub run: RunId,
    /// The camera.
    pub camera: CameraId,
    /// The worker that does it.
    pub worker: WorkerId,
    /// Its stream; the one place where credentials travel.
    #[serde(with = "stream_url::exposed")]
    pub url: StreamUrl,
    /// Detection settings in force.
    pub detect: DetectSettings,
    /// Reading of a recording.
    pub source: SourceSettings,
    /// Lines and zones to begin with; `JobControl` brings later ones.
    pub scene: Scene,
}

/// What a worker reports while it runs a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StreamEvent {
    /// The stream gave its first good frame.
    Opened(StreamInfo),
    /// Frames since the last report. Sent at least once a second by the frame loop itself,
    /// also when there was no frame: its absence means that the loop hangs.
    Progress(Progress),
    /// A second of counting is complete.
    Sample(Sample),
    /// Somebody crossed a line.
    Crossing(Crossing),
    /// A picture that `JobControl` asked for.
    Picture(Picture),
}

/// What is known of an open stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// Frame width in pixels.
    pub width: u32,
    /// Frame height in pixels.
    pub height: u32,
    /// The stream's own frame rate, where it says one.
    pub fps: Option<f32>,
}

/// What happened in the frame loop since the last report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Frames analysed.
    pub frames: u32,
    /// Those of them in which nothing moved: they keep the count of the one before.
    pub gated: u32,
    /// Frames received but not analysed: beyond the budget, or the worker was busy.
    pub dropped: u32,
    /// Frames that could not be read or analysed.
    pub errors: u32,
    /// People in the newest analysed frame.
    pub people: Option<u32>,
    /// People in each zone in which people are counted.
    pub zones: Vec<(ZoneId, u32)>,
    /// Milliseconds of each inference.
    pub inference_ms: Vec<f32>,
    /// Milliseconds of work on each analysed frame: convert, detect, count.
    pub processing_ms: Vec<f32>,
    /// Milliseconds from receiving each analysed frame to having its count.
    pub latency_ms: Vec<f32>,
    /// Frames of this run analysed so far.
    pub total_frames: u64,
    /// How many frames a second may be analysed; none for a recording that is read unpaced.
    pub budget: Option<Budget>,
}

impl Progress {
    /// People in the newest frame, if that is newer than the last report: a sign of life repeats
    /// the count without being one.
    pub fn new_count(&self) -> Option<u32> {
        self.people.filter(|_| self.frames > 0)
    }
}

/// Frames a second of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// What its settings ask for.
    pub asked: f32,
    /// What the machine can keep up with.
    pub granted: f32,
}

impl Budget {
    /// Whether clearly less is granted than asked.
    pub fn is_short(&self) -> bool {
        self.granted < 0.9 * self.asked
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// The run was told to stop.
    Cancelled,
    /// A recording was read to its end.
    Ended,
    /// The camera could not be opened or read on; the worker is fine.
    Failed(Failure),
    /// The worker itself failed.
    Crashed(Crash),
}

/// Why a camera could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The stable code that programs read.
    pub code: FailureCode,
    /// A sentence for people; never holds credentials.
    pub message: String,
}

impl Failure {
    /// A failure with this code and sentence.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Stable codes of camera failures, in snake case on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The host's name has no address.
    Unresolvable,
    /// The host's address is not on the allow-list.
    HostNotAllowed,
    /// Nobody listens there.
    Refused,
    /// No answer in time.
    Timeout,
    /// Credentials are missing or wrong.
    Unauthorized,
    /// The server has no such stream, or the file is not there.
    NotFound,
    /// The server does not speak RTSP.
    NotRtsp,
    /// The server sends us elsewhere; redirects are not followed.
    Redirected,
    /// No connection that is safe: its TLS is too old, or its certificate is not trusted.
    Tls,
    /// The server answers, but with nothing that can be decoded.
    Unsupported,
    /// The stream opened but gave no picture.
    NoFrames,
    /// Frames stopped coming.
    Stalled,
    /// The picture's size changed in mid-stream; the stream must be opened anew.
    FormatChanged,
    /// The server ended a live stream.
    StreamLost,
    /// Workers crashed on it time and again.
    CrashLoop,
    /// A recording crashed workers at the same frame: it is not tried again.
    PoisonedInput,
}

impl FailureCode {
    /// The code as programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unresolvable => "unresolvable",
            Self::HostNotAllowed => "host_not_allowed",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::NotRtsp => "not_rtsp",
            Self::Redirected => "redirected",
            Self::Tls => "tls",
            Self::Unsupported => "unsupported",
            Self::NoFrames => "no_frames",
            Self::Stalled => "stalled",
            Self::FormatChanged => "format_changed",
            Self::StreamLost => "stream_lost",
            Self::CrashLoop => "crash_loop",
            Self::PoisonedInput => "poisoned_input",
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a worker failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{kind}{}{detail}", if detail.is_empty() { "" } else { ": " })]
pub struct Crash {
    /// What kind of end it was.
    pub kind: CrashKind,
    /// More for people, or empty.
    pub detail: String,
}

impl Crash {
    /// A crash of this kind.
    pub fn new(kind: CrashKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// Kinds of worker failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CrashKind {
    /// Its process was ended by this signal.
    Signal(i32),
    /// Its process left with this code.
    ExitCode(i32),
    /// Its code panicked.
    Panic,
    /// Its frame loop was silent for this long and it was killed.
    Hung(Duration),
    /// What it said could not be understood.
    Protocol,
    /// The worker could not be started, or could not load its model.
    Start,
}

impl CrashKind {
    /// The label of restart metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Signal(_) => "signal",
            Self::ExitCode(_) => "exit",
            Self::Panic => "panic",
            Self::Hung(_) => "hang",
            Self::Protocol => "protocol",
            Self::Start => "start",
        }
    }
}

impl fmt::Display for CrashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(name) => write!(f, "killed by {name}"),
                Err(_) => write!(f, "killed by signal {signal}"),
            },
            Self::ExitCode(code) => write!(f, "left with exit code {code}"),
            Self::Panic => f.write_str("panicked"),
            Self::Hung(silence) => write!(f, "hung: silent for {:.1} s", silence.as_secs_f32()),
            Self::Protocol => f.write_str("protocol error"),
            Self::Start => f.write_str("could not start"),
        }
    }
}
