//! A Redis server of the test's own, on a free port and in a temporary folder.

use std::{
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{SOON, postgres::free_port, wait_until};

pub const PASSWORD: &str = "s3cr3t-of-the-test";

/// A server; stopped and removed when dropped.
pub struct Redis {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Redis {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("becamera-redis").tempdir().unwrap();
        let mut server = Self { folder, port: free_port(), process: None };
        server.resume();
        server
    }

    /// Starts it (again), empty.
    pub fn resume(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--requirepass", PASSWORD])
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the package redis-server is needed");
        self.process = Some(child);
        let port = self.port;
        wait_until("redis-server listens", SOON, || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Freezes or thaws it: it takes connections and answers nothing.
    pub fn freeze(&self, frozen: bool) {
        use nix::sys::signal::{Signal, kill};
        let id = self.process.as_ref().expect("it runs").id();
        let signal = if frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        kill(nix::unistd::Pid::from_raw(id as i32), signal).unwrap();
    }

    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/0", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
