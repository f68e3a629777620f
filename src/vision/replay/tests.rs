//! Of the process's owner; the work itself is tested with the real binary.

use std::{process::Command, time::Duration};

use super::*;

const LONG: Limits = Limits { start: Duration::from_secs(20), silence: Duration::from_secs(20) };

fn job() -> ReplayJob {
    ReplayJob {
        video: "/nowhere.mp4".into(),
        frames: None,
        scene: Scene::default(),
        detect: DetectSettings::default(),
        detector: DetectorSettings::default(),
        stream: StreamSettings::default(),
        annotate: None,
    }
}

fn asked(script: &str, limits: Limits, stop: &Stop) -> (Result<Summary, ReplayError>, usize) {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh"]);
    let mut told = 0;
    let result = in_process_of_its_own(command, &job(), limits, stop, &mut |_| told += 1);
    (result, told)
}

/// A shell command that prints messages.
fn says(events: &[ReplayEvent]) -> String {
    let mut bytes = Vec::new();
    for event in events {
        becamera_actors::protocol::write_message(&mut bytes, event).unwrap();
    }
    let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("cat >/dev/null; printf '{octal}'")
}

#[test]
fn the_events_of_a_process_are_passed_on() {
    let summary = Summary { frames: 7, damaged: 1 };
    let script = says(&[ReplayEvent::At(1), ReplayEvent::At(2), ReplayEvent::Done(summary)]);
    let (result, told) = asked(&script, LONG, &Stop::default());
    assert_eq!((result.unwrap(), told), (summary, 2));
    let script = says(&[ReplayEvent::Failed("it is broken".into())]);
    let (result, told) = asked(&script, LONG, &Stop::default());
    assert_eq!((result.unwrap_err().to_string().as_str(), told), ("it is broken", 0));
}

#[test]
fn the_reason_why_a_process_ended_is_told() {
    let error = |script: &str, limits| asked(script, limits, &Stop::default()).0.unwrap_err();
    let crashed = error("cat >/dev/null; kill -SEGV $$", LONG).to_string();
    assert_eq!(crashed, "its analysis ended: killed by SIGSEGV");
    let left = error("exit 3", LONG).to_string();
    assert!(left.contains("exit status: 3"), "{left}");
    let garbled = error("cat >/dev/null; echo This is no message", LONG);
    assert!(matches!(garbled, ReplayError::System(_)), "{garbled}");
    let short = Limits { start: Duration::from_millis(100), silence: Duration::from_secs(20) };
    let hung = error("exec sleep 60", short);
    assert!(matches!(hung, ReplayError::Hung(_)), "{hung}");
    let short = Limits { start: Duration::from_secs(20), silence: Duration::from_millis(100) };
    let script = format!("{}; exec sleep 60", says(&[ReplayEvent::At(1)]));
    let (result, told) = asked(&script, short, &Stop::default());
    assert!(matches!(result, Err(ReplayError::Hung(_))) && told == 1);
}

#[test]
fn a_stop_ends_running_jobs_and_later_ones() {
    let stop = Stop::default();
    let mut command = Command::new("/bin/sh");
    let script = format!("{}; sleep 60 & sleep 60", says(&[ReplayEvent::At(1)]));
    command.args(["-c", &script, "sh"]);
    let asked_for = stop.clone();
    let result = in_process_of_its_own(command, &job(), LONG, &stop, &mut |_| asked_for.request());
    assert!(matches!(result, Err(ReplayError::Stopped)));
    let (result, _) = asked("exit 0", LONG, &stop);
    assert!(matches!(result, Err(ReplayError::Stopped)));
}
