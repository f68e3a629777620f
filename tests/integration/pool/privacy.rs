//! Nothing leaves the machine: the libraries that workers load are silent.

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::support::{
    clips, onnxruntime_is_not_tested, procfs::Process, secs, service::Service, wait_until,
};

/// ONNX Runtime was seen to look its maker's hosts up 8 s after it was loaded.
const WATCHED: std::time::Duration = secs(14);

fn files_below(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let below = if path.is_dir() { files_below(&path) } else { Vec::new() };
            below.into_iter().chain([String::from_utf8_lossy(path.as_os_str().as_bytes()).into()])
        })
        .collect()
}

/// `CI` is not set, which would silence ONNX Runtime by itself: the service gets none of our
/// environment.
#[test]
fn workers_look_up_nothing_connect_to_nothing_and_leave_no_file() {
    if onnxruntime_is_not_tested() {
        return;
    }
    let home = TempDir::new().unwrap();
    let service = Service::with()
        .env("HOME", home.path().display())
        .env("XDG_CACHE_HOME", home.path().join("cache").display())
        .set("DETECTOR_BACKEND", "onnxruntime")
        .start();
    let trace = home.path().with_extension("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o"]).arg(&trace);
    for worker in service.workers() {
        strace.args(["-p", &worker["pid"].to_string()]);
    }
    let mut strace = strace.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    wait_until("people are counted", secs(30), || {
        let answer = service.http.get("/api/v1/cameras/1/count");
        answer.status == 200 && answer.ok(200)["people"].as_u64().unwrap() > 0
    });
    // That nothing happens can't be waited for.
    thread::sleep(WATCHED);
    assert!(strace.try_wait().unwrap().is_none(), "strace ended: the workers were not watched");
    Process::of(strace.id()).unwrap().signal(Signal::SIGINT);
    strace.wait().unwrap();
    let calls = fs::read_to_string(&trace).unwrap();
    fs::remove_file(&trace).unwrap();
    assert!(!calls.contains("connect("), "a worker connected to something:\n{calls}");
    assert!(!calls.contains("AF_INET"), "a worker sent something:\n{calls}");
    assert_eq!(files_below(home.path()), [] as [String; 0]);
}
