//! What every process of ours is kept from.

use std::{io, os::unix::process::CommandExt, process::Command};

use nix::sys::resource::{Resource, setrlimit};

/// The variable that keeps ONNX Runtime silent, and its value. From release 1.29 on the library sends
/// a device id, the system's and the process's name to its maker as soon as it is loaded; its own
/// switch (`with_telemetry`) comes too late for that. It must be set before the library is loaded.
pub const TELEMETRY_OFF: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// Keeps a process that is to be started from our secrets (settings and URLs in the environment),
/// from writing core files, and from outliving us: the kernel kills it when the thread that starts
/// it ends.
pub fn confine(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("BECAMERA_") || text.ends_with("_URL") {
            command.env_remove(&name);
        }
    }
    command.env(TELEMETRY_OFF.0, TELEMETRY_OFF.1);
    // SAFETY: only async-signal-safe calls between fork and exec.
    unsafe {
        command.pre_exec(|| {
            setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}
