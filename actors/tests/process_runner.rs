//! The process runner against real child processes that misbehave in every way native code does.
//! Without libtest, since the children are this same binary: `process_runner child --parent PID`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use becamera_actors::{
    job_control::JobControl,
    metrics::Metrics,
    ports::{EventSink, PipelineExit, StreamPipeline, StreamRunner},
    worker::{ProcessRunner, ProcessRunnerConfig, child},
};
use becamera_domain::{
    CameraId, CrashKind, CrossingRules, DetectSettings, Directions, Exit, Failure, FailureCode,
    Job, Line, Picture, PictureOptions, Progress, RunId, Scene, SnapshotRequest, SourceSettings,
    StreamEvent, StreamInfo, StreamUrl, WorkerId,
};

/// Does what the job's URL says.
struct Misbehaving;

impl StreamPipeline for Misbehaving {
    fn run(&mut self, job: &Job, control: &JobControl, sink: &mut dyn EventSink) -> PipelineExit {
        let done = |exit| PipelineExit { exit, retire: false };
        sink.emit(StreamEvent::Opened(StreamInfo { width: 1, height: 1, fps: None }));
        match job.url.as_url().path() {
            "/end" => done(Exit::Ended),
            "/fail" => done(Exit::Failed(Failure::new(FailureCode::NoFrames, "no picture"))),
            "/panic" => panic!("frame 7 is square"),
            "/exit" => std::process::exit(3),
            "/segfault" => {
                // SAFETY: it is the point of the test.
                unsafe { libc::raise(libc::SIGSEGV) };
                done(Exit::Ended)
            }
            "/noise" => {
                println!("on stdout: {}", job.url.expose());
                eprintln!("terminate called for {}", job.url.expose());
                // SAFETY: it is the point of the test.
                unsafe { libc::abort() }
            }
            "/garbage" => {
                // The socket sits above the descriptors that native code may use.
                for fd in 100..110 {
                    // SAFETY: writes to a descriptor that may not be open.
                    unsafe { libc::write(fd, [0xffu8; 64].as_ptr().cast(), 64) };
                }
                done(Exit::Ended)
            }
            "/retire" => PipelineExit { exit: Exit::Ended, retire: true },
            "/scene" => {
                let mut lines = job.scene.lines.len();
                while !control.is_cancelled() {
                    lines = control.take_scene_update().map_or(lines, |scene| scene.lines.len());
                    let progress = Progress { people: Some(lines as u32), ..Progress::default() };
                    sink.emit(StreamEvent::Progress(progress));
                    std::thread::sleep(Duration::from_millis(20));
                }
                done(Exit::Cancelled)
            }
            "/picture" => {
                while !control.is_cancelled() {
                    for request in control.take_snapshot_requests() {
                        let jpeg = Ok(vec![7; 1_000_000].into());
                        let (options, frame) = (request.options, request.after + 1);
                        let taken_at = chrono::DateTime::UNIX_EPOCH;
                        let picture = Picture { options, frame, taken_at, jpeg };
                        sink.emit(StreamEvent::Picture(picture));
                    }
                    sink.emit(StreamEvent::Progress(Progress::default()));
                    std::thread::sleep(Duration::from_millis(20));
                }
                done(Exit::Cancelled)
            }
            "/hang" => loop {
                std::thread::sleep(Duration::from_secs(60));
            },
            _ => {
                while !control.is_cancelled() {
                    sink.emit(StreamEvent::Progress(Progress { frames: 1, ..Progress::default() }));
                    std::thread::sleep(Duration::from_millis(20));
                }
                done(Exit::Cancelled)
            }
        }
    }
}

fn runner(mode: &str) -> ProcessRunner {
    let config = ProcessRunnerConfig {
        program: std::env::current_exe().unwrap(),
        args: vec!["child".into()],
        init: mode.into(),
        start_timeout: Duration::from_secs(5),
        open_limit: Duration::from_millis(400),
        hang_timeout: Duration::from_millis(400),
    };
    let metrics = Metrics::new("test").unwrap();
    ProcessRunner::new(WorkerId::from_index(0), Arc::new(config), &metrics)
}

fn job(what: &str) -> Job {
    Job {
        run: RunId(1),
        camera: CameraId::try_from(1).unwrap(),
        worker: WorkerId::from_index(0),
        url: StreamUrl::trusted(&format!("rtsp://u:hunter22@cam{what}")).unwrap(),
        detect: DetectSettings::default(),
        source: SourceSettings::default(),
        scene: Default::default(),
    }
}

/// Runs one job in a fresh process; the events that it reported come with its exit.
fn run(what: &str) -> (Exit, usize) {
    let mut runner = runner("");
    runner.start().unwrap();
    let mut events = 0;
    let exit =
        runner.run(&job(what), &JobControl::new().unwrap(), &mut |_: StreamEvent| events += 1);
    (exit, events)
}

fn crash_kind(what: &str) -> CrashKind {
    match run(what).0 {
        Exit::Crashed(crash) => crash.kind,
        other => panic!("{what}: {other:?}"),
    }
}

fn ends_are_told_apart() {
    assert_eq!(run("/end"), (Exit::Ended, 1));
    let failure = Failure::new(FailureCode::NoFrames, "no picture");
    assert_eq!(run("/fail").0, Exit::Failed(failure));
    assert_eq!(crash_kind("/exit"), CrashKind::ExitCode(3));
    assert_eq!(crash_kind("/segfault"), CrashKind::Signal(libc::SIGSEGV));
    assert_eq!(crash_kind("/garbage"), CrashKind::Protocol);
    let Exit::Crashed(crash) = run("/panic").0 else { panic!("no crash") };
    assert_eq!((crash.kind, crash.detail.as_str()), (CrashKind::Panic, "frame 7 is square"));
}

fn last_words_come_without_credentials() {
    let Exit::Crashed(crash) = run("/noise").0 else { panic!("no crash") };
    assert_eq!(crash.kind, CrashKind::Signal(libc::SIGABRT));
    assert!(crash.detail.contains("terminate called"), "{crash}");
    assert!(!crash.detail.contains("hunter22"), "{crash}");
}

fn a_silent_loop_is_killed_as_hung() {
    let begin = Instant::now();
    assert!(matches!(crash_kind("/hang"), CrashKind::Hung(_)));
    assert!(begin.elapsed() < Duration::from_secs(3));
}

fn a_stop_ends_a_healthy_and_a_stuck_run() {
    for (what, reusable) in [("/stream", true), ("/hang", false)] {
        let mut runner = runner("");
        let pid = runner.start().unwrap().pid;
        let control = Arc::new(JobControl::new().unwrap());
        let stopper = control.clone();
        let begin = Instant::now();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            stopper.cancel();
        });
        assert_eq!(runner.run(&job(what), &control, &mut |_: StreamEvent| {}), Exit::Cancelled);
        thread.join().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(2), "{what}");
        assert_eq!(runner.check().is_ok(), reusable, "{what}");
        assert_eq!(runner.start().unwrap().pid == pid, reusable, "{what}");
    }
}

fn a_run_is_told_of_other_lines() {
    let mut runner = runner("");
    runner.start().unwrap();
    let line = |id: &str| Line {
        id: id.parse().unwrap(),
        from: [0.1, 0.5].into(),
        to: [0.9, 0.5].into(),
        directions: Directions::default(),
        rules: CrossingRules::default(),
    };
    let scene =
        |ids: &[&str]| Scene { lines: ids.iter().map(|id| line(id)).collect(), zones: vec![] };
    let job = Job { scene: scene(&["a"]), ..job("/scene") };
    let control = JobControl::new().unwrap();
    let mut seen = Vec::new();
    let exit = runner.run(&job, &control, &mut |event: StreamEvent| {
        let StreamEvent::Progress(Progress { people: Some(lines), .. }) = event else { return };
        if seen.last() == Some(&lines) {
            return;
        }
        seen.push(lines);
        match lines {
            1 => {
                control.update_scene(scene(&["a", "b"]));
                // Only the newest counts.
                control.update_scene(scene(&["a", "b", "c"]));
            }
            3 => control.update_scene(Scene::default()),
            _ => control.cancel(),
        }
    });
    assert_eq!(exit, Exit::Cancelled);
    assert_eq!(seen, [1, 3, 0]);
}

fn a_run_makes_the_pictures_that_are_requested() {
    let mut runner = runner("");
    runner.start().unwrap();
    let control = Arc::new(JobControl::new().unwrap());
    let options = PictureOptions { width: 640, quality: 80, annotate: true };
    let mut made = Vec::new();
    let exit = runner.run(&job("/picture"), &control, &mut |event: StreamEvent| match event {
        StreamEvent::Picture(picture) => {
            // As large as a message may be.
            assert_eq!(picture.jpeg.map(|jpeg| jpeg.len()), Ok(1_000_000));
            made.push((picture.options, picture.frame));
            if made.len() == 3 { control.cancel() } else { request(&control, options, 10) }
        }
        StreamEvent::Opened(_) => request(&control, options, 0),
        _ => {}
    });
    assert_eq!(exit, Exit::Cancelled);
    assert_eq!(made, [(options, 1), (options, 11), (options, 11)]);
}

fn request(control: &JobControl, options: PictureOptions, after: u64) {
    control.request_snapshot(SnapshotRequest { options, after });
}

fn a_kill_is_immediate() {
    let mut runner = runner("");
    runner.start().unwrap();
    let control = JobControl::new().unwrap();
    control.kill();
    assert_eq!(runner.run(&job("/hang"), &control, &mut |_: StreamEvent| {}), Exit::Cancelled);
    assert!(runner.check().is_err());
}

fn a_retired_process_is_replaced() {
    let mut runner = runner("");
    let first = runner.start().unwrap().pid;
    let control = JobControl::new().unwrap();
    assert_eq!(runner.run(&job("/retire"), &control, &mut |_: StreamEvent| {}), Exit::Ended);
    assert!(runner.check().is_err());
    assert_ne!(runner.start().unwrap().pid, first);
}

fn an_idle_process_that_dies_is_noticed() {
    let mut runner = runner("");
    let pid = runner.start().unwrap().pid;
    // SAFETY: our own child, which was not reaped yet.
    unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
    let deadline = Instant::now() + Duration::from_secs(5);
    let crash = loop {
        match runner.check() {
            Err(crash) => break crash,
            Ok(()) => assert!(Instant::now() < deadline, "not noticed"),
        }
    };
    assert_eq!(crash.kind, CrashKind::Signal(libc::SIGKILL));
}

fn a_failed_start_says_why() {
    let crash = runner("no-model").start().unwrap_err();
    assert_eq!((crash.kind, crash.detail.as_str()), (CrashKind::Start, "the model is not there"));
}

fn nothing_is_left_behind() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let children = || {
        let task = format!("/proc/self/task/{}/children", std::process::id());
        std::fs::read_to_string(task).unwrap_or_default()
    };
    run("/segfault");
    let before = descriptors();
    for what in ["/end", "/segfault", "/hang", "/noise", "/retire", "/panic"] {
        run(what);
    }
    assert_eq!(descriptors(), before);
    assert_eq!(children().trim(), "");
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).map(String::as_str) == Some("child") {
        let parent = args[3].parse().unwrap();
        child::serve(
            parent,
            Box::new(|mode| match mode {
                "no-model" => Err("the model is not there".into()),
                _ => Ok((Box::new(Misbehaving), "fake".into())),
            }),
        );
    }
    let tests: [(&str, fn()); 11] = [
        ("ends_are_told_apart", ends_are_told_apart),
        ("last_words_come_without_credentials", last_words_come_without_credentials),
        ("a_silent_loop_is_killed_as_hung", a_silent_loop_is_killed_as_hung),
        ("a_stop_ends_a_healthy_and_a_stuck_run", a_stop_ends_a_healthy_and_a_stuck_run),
        ("a_run_is_told_of_other_lines", a_run_is_told_of_other_lines),
        (
            "a_run_makes_the_pictures_that_are_requested",
            a_run_makes_the_pictures_that_are_requested,
        ),
        ("a_kill_is_immediate", a_kill_is_immediate),
        ("a_retired_process_is_replaced", a_retired_process_is_replaced),
        ("an_idle_process_that_dies_is_noticed", an_idle_process_that_dies_is_noticed),
        ("a_failed_start_says_why", a_failed_start_says_why),
        ("nothing_is_left_behind", nothing_is_left_behind),
    ];
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    println!("\ntest result: ok. {} passed; 0 failed", tests.len());
}
