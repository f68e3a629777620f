//! Commands that analyse recordings.

mod count;
mod eval;
mod snapshots;

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Machine, SOON, procfs::Process, wait_until};

/// A call of the binary, in a folder of its own.
pub struct Call {
    command: Command,
    pub folder: TempDir,
    _machine: Machine,
}

pub struct Answer {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Call {
    pub fn of(command: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut call = Command::new(env!("CARGO_BIN_EXE_becamera"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("BECAMERA_") || text.ends_with("_URL") || text == "RUST_LOG" {
                call.env_remove(&name);
            }
        }
        call.arg(command).current_dir(folder.path());
        call.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command: call, folder, _machine: Machine::shared() }
    }

    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Starts it, to be disturbed.
    pub fn start(&mut self) -> Child {
        self.command.spawn().unwrap()
    }

    pub fn answer(&mut self) -> Answer {
        self.start().wait_with_output().unwrap().into()
    }

    /// What it says in JSON when all went well.
    pub fn json(&mut self) -> Value {
        let answer = self.answer();
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        serde_json::from_str(&answer.stdout).unwrap()
    }

    /// What is in its folder.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The processes that analyse recordings for this one.
pub fn analyses(call: &Child) -> Vec<Process> {
    let children = Process::of(call.id()).map(|process| process.children()).unwrap_or_default();
    children.into_iter().filter(|child| child.command_line().contains("replay")).collect()
}

pub fn wait_gone(processes: &[Process]) {
    wait_until("its processes are gone", SOON, || !processes.iter().any(Process::is_alive));
}

pub fn copy(from: &Path, to: &Path) -> String {
    std::fs::copy(from, to).unwrap();
    to.to_str().unwrap().to_owned()
}
