//! Chooses the inference library for the workers: it is tried out before anything starts, in a
//! process of its own, since loading a wrong library can crash or hang.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use becamera_actors::worker::confine;
use becamera_domain::settings::{Backend, DetectorSettings};
use nix::{
    sys::signal::Signal,
    unistd::{dup, dup2_stdout},
};
use serde::{Deserialize, Serialize};

use super::{DetectorError, runtime::ModelFormat};
use crate::vision::native;

const POLL: Duration = Duration::from_millis(5);

/// An inference library that was tried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The name and version, and the precision that it calculates with.
    pub backend: String,
    /// The file, where it was loaded at run time.
    pub library: Option<PathBuf>,
}

/// The settings for the workers, and the reason for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The settings, with a backend and a library that were tried out.
    pub settings: DetectorSettings,
    /// A sentence for the log.
    pub reason: String,
}

/// Chooses the inference library. `try_out` loads the settings' network where a crash does no harm.
/// `auto` takes OpenCV when ONNX Runtime can't be used.
///
/// # Errors
/// When ONNX Runtime is asked for by name and can't be used.
pub fn choose(
    settings: &DetectorSettings,
    try_out: impl FnOnce(&DetectorSettings) -> Result<Loaded, String>,
) -> Result<Choice, DetectorError> {
    let mut chosen = settings.clone();
    let asked = match settings.backend {
        Backend::OpenCv => {
            return Ok(Choice { settings: chosen, reason: "detector.backend is opencv".into() });
        }
        Backend::Auto => "auto",
        Backend::OnnxRuntime => "onnxruntime",
    };
    let auto = settings.backend == Backend::Auto;
    let tried = match &settings.model {
        Some(path) if auto && ModelFormat::of(path)? != ModelFormat::Onnx => {
            Err(format!("only OpenCV can run {}", path.display()))
        }
        _ => try_out(&DetectorSettings { backend: Backend::OnnxRuntime, ..settings.clone() }),
    };
    match tried {
        Ok(Loaded { backend, library }) => {
            let place = library.as_ref().map(|path| format!(" ({})", path.display()));
            let place = place.unwrap_or_default();
            let why = if auto { ", the fastest that is here" } else { "" };
            chosen.onnxruntime_library = library.or(chosen.onnxruntime_library);
            let reason = format!("detector.backend is {asked}: {backend}{place} is taken{why}");
            Ok(Choice { settings: chosen, reason })
        }
        Err(why) if auto => {
            chosen.backend = Backend::OpenCv;
            let reason = format!("detector.backend is auto: opencv is taken, since {why}");
            Ok(Choice { settings: chosen, reason })
        }
        Err(why) => Err(DetectorError::Library(format!("detector.backend is {asked}, but {why}"))),
    }
}

/// Loads the settings' network in a process of its own, started as `command`, which must call
/// [`answer`]. Blocks for at most `limit`. The error says what went wrong there.
pub fn in_process_of_its_own(
    mut command: Command,
    settings: &DetectorSettings,
    limit: Duration,
) -> Result<Loaded, String> {
    let started = |error: io::Error| format!("a process to try it out can't be started: {error}");
    let settings = serde_json::to_vec(settings).map_err(|error| error.to_string())?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    confine(&mut command);
    let mut child = command.spawn().map_err(started)?;
    // A few hundred bytes each way: they fit into the pipes whether or not the other end reads. The
    // status of a process that is gone already tells why.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(&settings));
    let Some(status) = wait(&mut child, limit).map_err(started)? else {
        return Err(format!("loading it took longer than {limit:?}"));
    };
    let mut answer = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut answer).map_err(started)?;
    }
    serde_json::from_slice::<Result<Loaded, String>>(&answer)
        .unwrap_or_else(|_| Err(format!("loading it ended the process: {}", describe(status))))
}

/// Waits for a process; kills it when it takes too long.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

fn describe(status: ExitStatus) -> String {
    let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
    signal.map_or_else(|| status.to_string(), |signal| format!("killed by {signal}"))
}

/// The other end: reads settings from standard input, loads their network and writes the result to
/// standard output.
///
/// # Errors
/// When the settings can't be read or the result can't be written.
pub fn answer() -> io::Result<()> {
    // Native libraries print: their output must not be taken for the answer.
    let mut out = File::from(dup(io::stdout())?);
    dup2_stdout(io::stderr())?;
    let settings: DetectorSettings = serde_json::from_reader(io::stdin())?;
    native::set_up();
    let loaded = super::load(&settings).map_err(|error| error.to_string()).map(|detector| {
        let library = detector.library().map(Into::into);
        Loaded { backend: detector.backend().to_owned(), library }
    });
    out.write_all(&serde_json::to_vec(&loaded)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(backend: Backend) -> DetectorSettings {
        DetectorSettings { backend, ..DetectorSettings::default() }
    }

    fn found() -> Loaded {
        Loaded { backend: "onnxruntime 1.31.1, int8".into(), library: Some("/lib/x.so".into()) }
    }

    #[test]
    fn auto_takes_onnxruntime_where_it_works() {
        let choice = choose(&settings(Backend::Auto), |tried| {
            assert_eq!(tried.backend, Backend::OnnxRuntime);
            Ok(found())
        });
        let choice = choice.unwrap();
        assert_eq!(choice.settings.backend, Backend::Auto);
        assert_eq!(choice.settings.onnxruntime_library, Some("/lib/x.so".into()));
        let reason = "detector.backend is auto: onnxruntime 1.31.1, int8 (/lib/x.so) is taken, the \
                      fastest that is here";
        assert_eq!(choice.reason, reason);
    }

    #[test]
    fn auto_takes_opencv_where_onnxruntime_does_not_work() {
        let choice = choose(&settings(Backend::Auto), |_| Err("it is broken".into())).unwrap();
        assert_eq!(choice.settings.backend, Backend::OpenCv);
        let reason = "detector.backend is auto: opencv is taken, since it is broken";
        assert_eq!(choice.reason, reason);
    }

    #[test]
    fn a_model_that_opencv_alone_runs_is_left_to_it() {
        let model = Some("/m.caffemodel".into());
        let settings = DetectorSettings { model, ..settings(Backend::Auto) };
        let choice = choose(&settings, |_| panic!("nothing is to be tried")).unwrap();
        assert_eq!(choice.settings.backend, Backend::OpenCv);
        assert!(choice.reason.ends_with("since only OpenCV can run /m.caffemodel"));
    }

    #[test]
    fn onnxruntime_by_name_must_work() {
        let asked = settings(Backend::OnnxRuntime);
        let error = choose(&asked, |_| Err("it is broken".into())).unwrap_err().to_string();
        assert_eq!(error, "detector.backend is onnxruntime, but it is broken");
        let choice = choose(&asked, |_| Ok(found())).unwrap();
        assert_eq!(choice.settings.backend, Backend::OnnxRuntime);
        assert!(choice.reason.ends_with("(/lib/x.so) is taken"), "{}", choice.reason);
    }

    #[test]
    fn opencv_by_name_needs_no_try() {
        let opencv = settings(Backend::OpenCv);
        let choice = choose(&opencv, |_| panic!("nothing is to be tried")).unwrap();
        assert_eq!(choice.settings, opencv);
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    fn tried(script: &str, limit: Duration) -> Result<Loaded, String> {
        in_process_of_its_own(shell(script), &DetectorSettings::default(), limit)
    }

    #[test]
    fn the_answer_of_the_process_is_taken() {
        let long = Duration::from_secs(20);
        let answer = serde_json::to_string(&Ok::<_, String>(found())).unwrap();
        assert_eq!(tried(&format!("cat >/dev/null; echo '{answer}'"), long), Ok(found()));
        let bad = tried("echo '{\"Err\":\"no library\"}'", long);
        assert_eq!(bad, Err("no library".into()));
    }

    #[test]
    fn the_reason_why_the_process_ended_is_told() {
        let long = Duration::from_secs(20);
        let crashed = tried("cat >/dev/null; kill -SEGV $$", long).unwrap_err();
        assert_eq!(crashed, "loading it ended the process: killed by SIGSEGV");
        let left = tried("cat >/dev/null; exit 3", long).unwrap_err();
        assert!(left.contains("exit status: 3"), "{left}");
        let hung = tried("cat >/dev/null; exec sleep 60", Duration::from_millis(50)).unwrap_err();
        assert!(hung.starts_with("loading it took longer than 50ms"), "{hung}");
    }
}
