//! A real camera: GStreamer's RTSP server with real H.264 footage, in a process of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use nix::sys::signal::Signal;

use super::{clips, procfs::Process};

/// A camera that runs until it is dropped.
pub struct RtspCamera {
    child: Child,
    port: u16,
    options: Options,
}

/// What a camera is like.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Port; 0 takes a free one.
    pub port: u16,
    /// `basic` or `digest`, with user name and password.
    pub auth: Option<(&'static str, &'static str, &'static str)>,
    /// Frames a second; 0: as filmed.
    pub fps: u32,
    /// The stream ends after so many rounds of the footage; 0: never.
    pub loops: u32,
}

impl RtspCamera {
    /// A camera on a free port, open to all.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    pub fn start_with(options: Options) -> Self {
        let script =
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/support/rtsp_camera.py");
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(clips::h264());
        let fps = if options.fps == 0 { clips::FPS } else { options.fps };
        command.args(["--fps", &fps.to_string(), "--port", &options.port.to_string()]);
        command.args(["--loops", &options.loops.to_string()]);
        if let Some((method, user, password)) = options.auth {
            command.args(["--auth", method, "--user", user, "--password", password]);
        }
        // It ends with its input: the pipe's other end is here.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("/usr/bin/python3: run deploy/test.sh");
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let port = line.strip_prefix("READY ").and_then(|port| port.trim().parse().ok());
        let port = port.unwrap_or_else(|| panic!("the test camera did not start: {line:?}"));
        Self { child, port, options }
    }

    /// One camera for all tests that do nothing to it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RtspCamera> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Its stream, without credentials.
    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/stream", self.port)
    }

    /// Its stream with these credentials, as they stand in a URL.
    pub fn url_with(&self, user_info: &str) -> String {
        format!("rtsp://{user_info}@127.0.0.1:{}/stream", self.port)
    }

    /// A path that it does not have.
    pub fn missing_url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/nothing-here", self.port)
    }

    /// It hangs: connections stay open, nothing comes.
    pub fn freeze(&self) {
        self.process().signal(Signal::SIGSTOP);
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.process().signal(Signal::SIGCONT);
    }

    /// It loses power.
    pub fn kill(&mut self) {
        // It is killed only once; whether it had ended before does not matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// It comes back on the same port.
    pub fn revive(&mut self) {
        self.kill();
        let options = Options { port: self.port, ..self.options.clone() };
        *self = Self::start_with(options);
    }

    fn process(&self) -> Process {
        Process::of(self.child.id()).expect("the test camera runs")
    }
}

impl Drop for RtspCamera {
    fn drop(&mut self) {
        self.kill();
    }
}
