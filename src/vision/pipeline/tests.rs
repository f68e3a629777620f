//! The whole frame loop on real footage: `vtest.avi` of Debian's opencv-doc.

mod clips;

use std::{
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use becamera_domain::{
    CameraId, DetectSettings, FailureCode, Progress, RunId, Sample, SourceSettings, StreamEvent,
    StreamInfo, StreamUrl, WorkerId,
};

use super::*;
use clips::{Clips, FOOTAGE, serve_mjpeg};

fn pipeline(clips: &Clips) -> CountingPipeline {
    let mut settings = becamera_domain::settings::Settings::default();
    settings.stream.media_roots = vec![clips.folder().into()];
    CountingPipeline::new(settings.for_worker()).unwrap()
}

fn job(path: &Path, source: SourceSettings) -> Job {
    Job {
        run: RunId(1),
        camera: CameraId::try_from(7).unwrap(),
        worker: WorkerId::from_index(0),
        url: StreamUrl::trusted(&format!("file://{}", path.display())).unwrap(),
        detect: DetectSettings::default(),
        source,
        scene: Default::default(),
    }
}

const UNPACED: SourceSettings = SourceSettings { loop_file: false, paced: false };

#[derive(Default)]
struct Seen {
    opened: Vec<StreamInfo>,
    progress: Vec<Progress>,
    samples: Vec<Sample>,
    times: Vec<Instant>,
}

impl EventSink for Seen {
    fn emit(&mut self, event: StreamEvent) {
        self.times.push(Instant::now());
        match event {
            StreamEvent::Opened(info) => self.opened.push(info),
            StreamEvent::Progress(progress) => self.progress.push(progress),
            StreamEvent::Sample(sample) => self.samples.push(sample),
            StreamEvent::Crossing(_) | StreamEvent::Picture(_) => {}
        }
    }
}

impl Seen {
    fn frames(&self) -> u32 {
        self.progress.iter().map(|progress| progress.frames).sum()
    }
}

fn run(clips: &Clips, job: &Job) -> (Exit, Seen) {
    let mut seen = Seen::default();
    let end = pipeline(clips).run(job, &JobControl::new().unwrap(), &mut seen);
    assert!(!end.retire);
    (end.exit, seen)
}

/// Longest time until a cancel takes effect, on a machine that others use too: a stop may take two
/// seconds.
const OBEYED: Duration = Duration::from_secs(2);

#[test]
fn every_frame_of_a_recording_is_counted_in_every_container() {
    let clips = Clips::new();
    for name in ["short.mp4", "short.avi", "short.mkv", "short.ts"] {
        let (exit, seen) = run(&clips, &job(&clips.path(name), UNPACED));
        assert_eq!(exit, Exit::Ended, "{name}");
        assert_eq!(seen.opened.len(), 1, "{name}");
        assert_eq!((seen.opened[0].width, seen.opened[0].height), (768, 576));
        assert_eq!(seen.frames(), 30, "{name}");
        let sampled: u32 = seen.samples.iter().map(|sample| sample.frames).sum();
        assert_eq!(sampled, 30, "{name}: each frame is in one sample");
        // Five to eight people walk there; the detector sees some of them in every frame.
        let people = seen.samples.iter().map(|sample| sample.people_max).max().unwrap();
        assert!((2..=8).contains(&people), "{people} people in {name}");
        let last = seen.progress.last().unwrap();
        assert_eq!(last.total_frames, 30);
        assert!(last.inference_ms.iter().all(|ms| *ms > 0.0));
    }
}

#[test]
fn a_paced_recording_takes_its_time_and_keeps_its_budget() {
    let clips = Clips::new();
    let mut job = job(&clips.path("short.mp4"), SourceSettings::default());
    job.detect.fps = 2.0;
    let started = Instant::now();
    let (exit, seen) = run(&clips, &job);
    assert_eq!(exit, Exit::Ended);
    assert!(started.elapsed() > Duration::from_millis(2_500), "{:?}", started.elapsed());
    // A busy machine analyses fewer; more would break the budget.
    assert!((1..=7).contains(&seen.frames()), "{} frames", seen.frames());
    let dropped: u32 = seen.progress.iter().map(|progress| progress.dropped).sum();
    assert_eq!(seen.frames() + dropped, 30);
}

#[test]
fn a_looping_recording_goes_on_until_it_is_cancelled() {
    let clips = Clips::new();
    let control = Arc::new(JobControl::new().unwrap());
    let mut frames = 0;
    let canceller = control.clone();
    let mut sink = |event| {
        if let StreamEvent::Progress(progress) = event {
            frames += progress.frames;
            if frames > 70 {
                canceller.cancel();
            }
        }
    };
    let looping = SourceSettings { loop_file: true, paced: false };
    let end = pipeline(&clips).run(&job(&clips.path("short.mp4"), looping), &control, &mut sink);
    assert_eq!(end, PipelineExit { exit: Exit::Cancelled, retire: false });
    assert!(frames > 70);
}

#[test]
fn files_without_pictures_fail_with_a_reason() {
    let clips = Clips::new();
    let failure = |name: &str, content: &[u8]| {
        fs::write(clips.path(name), content).unwrap();
        match run(&clips, &job(&clips.path(name), UNPACED)) {
            (Exit::Failed(failure), seen) => {
                assert!(seen.opened.is_empty());
                failure.code
            }
            (exit, _) => panic!("{name}: {exit:?}"),
        }
    };
    assert_eq!(failure("empty.mp4", b""), FailureCode::NoFrames);
    assert_eq!(failure("text.mp4", b"this is no video\n"), FailureCode::Unsupported);
    let noise: Vec<u8> =
        (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_eq!(failure("noise.avi", &noise), FailureCode::Unsupported);
    let whole = fs::read(clips.path("short.mp4")).unwrap();
    // The index is at the end of the file, so that nothing of it can be read.
    assert_eq!(failure("cut.mp4", &whole[..whole.len() / 2]), FailureCode::Unsupported);
}

#[test]
fn a_truncated_or_damaged_recording_is_read_as_far_as_it_goes() {
    let clips = Clips::new();
    let whole = fs::read(clips.path("short.avi")).unwrap();
    fs::write(clips.path("cut.avi"), &whole[..whole.len() / 2]).unwrap();
    let (exit, seen) = run(&clips, &job(&clips.path("cut.avi"), UNPACED));
    assert_eq!(exit, Exit::Ended);
    assert!((5..30).contains(&seen.frames()), "{} frames", seen.frames());

    let mut damaged = fs::read(clips.path("short.ts")).unwrap();
    let length = damaged.len();
    for byte in &mut damaged[length / 3..length / 2] {
        *byte = byte.wrapping_mul(31).wrapping_add(7);
    }
    fs::write(clips.path("damaged.ts"), damaged).unwrap();
    let (exit, seen) = run(&clips, &job(&clips.path("damaged.ts"), UNPACED));
    assert_eq!(exit, Exit::Ended);
    assert!(seen.frames() >= 10, "{} frames", seen.frames());
}

#[test]
fn formats_that_can_lead_elsewhere_are_not_opened() {
    let clips = Clips::new();
    // FFmpeg would follow both if it were allowed to.
    let target = clips.path("short.ts");
    let concat = "ffconcat version 1.0\nfile short.ts\n".to_owned();
    let playlist = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{}\n#EXT-X-ENDLIST\n",
        target.display()
    );
    for (name, content) in [("list.mp4", concat), ("list.m3u8", playlist)] {
        fs::write(clips.path(name), content).unwrap();
        match run(&clips, &job(&clips.path(name), UNPACED)).0 {
            Exit::Failed(failure) => assert_eq!(failure.code, FailureCode::Unsupported),
            exit => panic!("{name}: {exit:?}"),
        }
    }
}

#[test]
fn a_cancel_is_obeyed_at_once_while_waiting_for_a_frame() {
    let clips = Clips::new();
    let control = Arc::new(JobControl::new().unwrap());
    let mut job = job(&clips.path("short.mp4"), SourceSettings { loop_file: true, paced: true });
    job.detect.fps = 1.0;
    let (mut pipeline, canceller) = (pipeline(&clips), control.clone());
    let timer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(1_200));
        canceller.cancel();
        Instant::now()
    });
    let end = pipeline.run(&job, &control, &mut Seen::default());
    let delay = timer.join().unwrap().elapsed();
    assert_eq!(end, PipelineExit { exit: Exit::Cancelled, retire: false });
    assert!(delay < OBEYED, "{delay:?}");
}

#[test]
fn a_silent_camera_neither_silences_the_worker_nor_holds_a_cancel() {
    let clips = Clips::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://admin:s3cret@{}/x", listener.local_addr().unwrap());
    let job = Job { url: StreamUrl::trusted(&url).unwrap(), ..job(&clips.path("x"), UNPACED) };
    let control = Arc::new(JobControl::new().unwrap());
    let canceller = control.clone();
    let timer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(2_500));
        canceller.cancel();
        Instant::now()
    });
    let mut seen = Seen::default();
    let end = pipeline(&clips).run(&job, &control, &mut seen);
    let delay = timer.join().unwrap().elapsed();
    assert_eq!(end, PipelineExit { exit: Exit::Cancelled, retire: false });
    assert!(delay < OBEYED, "{delay:?}");
    assert!(seen.progress.len() >= 2, "a sign of life each second");
}

#[test]
fn a_camera_that_hangs_while_it_is_opened_costs_neither_the_process_nor_time() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let control = Arc::new(JobControl::new().unwrap());
    let canceller = control.clone();
    // Describes and sets up. FFmpeg then waits for the played stream, and is never answered.
    let camera = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        loop {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            assert!(length > 0, "nobody played the stream");
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
            let body = if request.starts_with("DESCRIBE") { sdp } else { "" };
            if request.starts_with("PLAY") {
                canceller.cancel();
                return (Instant::now(), stream);
            }
            let length = body.len();
            let _ = write!(
                stream,
                "RTSP/1.0 200 OK\r\nSession: 1\r\nContent-Length: {length}\r\n\r\n{body}"
            );
        }
    });
    let clips = Clips::new();
    let url = StreamUrl::trusted(&format!("rtsp://{address}/x")).unwrap();
    let job = Job { url, ..job(&clips.path("x"), UNPACED) };
    let mut pipeline = pipeline(&clips);
    let end = pipeline.run(&job, &control, &mut Seen::default());
    let ended = Instant::now();
    let (cancelled, open) = camera.join().unwrap();
    assert_eq!(end, PipelineExit { exit: Exit::Cancelled, retire: false });
    assert!(ended - cancelled < Duration::from_millis(1_500), "{:?}", ended - cancelled);
    drop(open);
}

#[test]
fn a_jpeg_stream_over_http_is_counted_until_the_server_ends_it() {
    let clips = Clips::new();
    let port = serve_mjpeg(&clips.path("picture.avi"));
    let url = format!("http://127.0.0.1:{port}/video");
    let job = Job { url: StreamUrl::trusted(&url).unwrap(), ..job(&clips.path("x"), UNPACED) };
    let (exit, seen) = run(&clips, &job);
    match exit {
        Exit::Failed(failure) => assert_eq!(failure.code, FailureCode::StreamLost),
        exit => panic!("{exit:?}"),
    }
    assert_eq!((seen.opened[0].width, seen.opened[0].fps), (768, None));
    assert!(seen.frames() >= 3, "{} frames", seen.frames());
}

/// To try a stream by hand:
/// `BECAMERA_TRY_URL=rtsp://… cargo test --lib try_by_hand -- --ignored --nocapture`
#[test]
#[ignore = "needs a stream of yours"]
fn try_by_hand() {
    let mut settings = becamera_domain::settings::Settings::default();
    settings.stream.media_roots = vec!["/".into()];
    let mut pipeline = CountingPipeline::new(settings.for_worker()).unwrap();
    let url = std::env::var("BECAMERA_TRY_URL").unwrap();
    let job = Job { url: StreamUrl::trusted(&url).unwrap(), ..job(Path::new("/x"), UNPACED) };
    let started = Instant::now();
    let mut sink =
        |event: StreamEvent| eprintln!("{:6.2} {event:?}", started.elapsed().as_secs_f32());
    let end = pipeline.run(&job, &JobControl::new().unwrap(), &mut sink);
    eprintln!("{:6.2} {end:?}", started.elapsed().as_secs_f32());
}

/// An empty platform for 6 s, then the footage: the same place, with people.
#[test]
fn the_motion_gate_saves_inference_and_keeps_the_counts() {
    let clips = Clips::new();
    let path = clips.path("idle.mkv");
    let still = "[0:v]trim=end_frame=1,loop=loop=59:size=1,setpts=N/10/TB,\
        noise=alls=6:allf=t[still];[0:v]trim=duration=6[moving];[still][moving]concat=n=2";
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i", FOOTAGE, "-an", "-filter_complex", still])
        .args(["-r", "10", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20"])
        .arg(&path)
        .status();
    assert!(made.unwrap().success());
    let mut gated = job(&path, UNPACED);
    gated.detect.forced_inference = Duration::from_secs(2);
    let mut all = gated.clone();
    all.detect.motion_gate = false;
    let [(_, gated), (_, all)] = [gated, all].map(|job| run(&clips, &job));
    let total =
        |seen: &Seen, of: fn(&Progress) -> usize| -> usize { seen.progress.iter().map(of).sum() };
    let frames = |seen: &Seen| total(seen, |progress| progress.frames as usize);
    let inferences = |seen: &Seen| total(seen, |progress| progress.inference_ms.len());
    let held = |seen: &Seen| total(seen, |progress| progress.gated as usize);
    assert_eq!((frames(&all), inferences(&all), held(&all)), (120, 120, 0));
    assert_eq!((frames(&gated), inferences(&gated)), (120, 120 - held(&gated)));
    // Of the 60 still frames all are saved except those of the first second and the forced ones, of
    // the moving ones none.
    assert!((40..=50).contains(&held(&gated)), "{} of 60", held(&gated));
    let mean = |seen: &Seen| {
        let people: u32 = seen.samples.iter().map(|sample| sample.people_sum).sum();
        f64::from(people) / frames(seen) as f64
    };
    let difference = (mean(&gated) - mean(&all)).abs();
    assert!(difference <= 0.25, "tolerance: a quarter of a person; {difference}");
}
