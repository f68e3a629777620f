//! `becamera count VIDEO…`

use std::{fs, process::Command};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Call, analyses, copy, wait_gone};
use crate::support::{SOON, clips, procfs::Process, wait_for, wait_until};

const LINE: [&str; 2] = ["--line", "middle:0.5,0,0.5,1"];
const ZONE: [&str; 2] = ["--zone", "all:0,0,1,0,1,1,0,1"];

fn count() -> Call {
    Call::of("count")
}

#[test]
fn a_recording_is_counted_to_its_end() {
    let mut call = count().arg(clips::long_mp4()).args(LINE).args(ZONE).args(["--csv", "out.csv"]);
    call = call.args(["--json", "--preset", "economy"]);
    let answer = call.json();
    let video = &answer["videos"][0];
    assert_eq!((&video["frames"], &video["frames_analysed"]), (&200.into(), &200.into()));
    assert_eq!((&video["frames_damaged"], &video["recording"]["width"]), (&0.into(), &768.into()));
    assert!(video["people_max"].as_u64().unwrap() >= 4, "{video}");
    // The zone is the whole picture.
    let (mean, zone) = (video["people_mean"].as_f64().unwrap(), &video["zones"]["all"]);
    assert_eq!(zone["people_mean"].as_f64().unwrap(), mean);
    assert_eq!(zone["entries"], zone["exits"]);
    // Each crossing is told, and told of in the sums and in the table.
    let crossings = video["crossings"].as_array().unwrap();
    assert!(!crossings.is_empty(), "somebody walks through the middle");
    let line = &video["lines"]["middle"];
    let sum = line["in"].as_u64().unwrap() + line["out"].as_u64().unwrap();
    assert_eq!(sum as usize, crossings.len());
    assert!(line["raw_in"].as_u64().unwrap() >= line["in"].as_u64().unwrap());

    assert_eq!(call.files(), ["out.csv"]);
    let table = fs::read(call.folder.path().join("out.csv")).unwrap();
    let mut table = csv::Reader::from_reader(&table[..]);
    let header = table.headers().unwrap().iter().collect::<Vec<_>>().join(",");
    let expected = "video,second,frames,people_min,people_max,people_mean,line_middle_in,\
                    line_middle_out,zone_all_people_max,zone_all_people_mean,zone_all_entries,\
                    zone_all_exits";
    assert_eq!(header, expected);
    let rows: Vec<Vec<f64>> = table
        .records()
        .map(|row| row.unwrap().iter().skip(1).map(|cell| cell.parse().unwrap()).collect())
        .collect();
    let of = |column: usize| rows.iter().map(|row| row[column]).collect::<Vec<_>>();
    assert_eq!(of(0), (0..20).map(f64::from).collect::<Vec<_>>());
    assert!(of(1).iter().all(|frames| *frames == 10.0));
    let summed = |column| of(column).iter().sum::<f64>() as u64;
    assert_eq!(
        (summed(5), summed(6)),
        (line["in"].as_u64().unwrap(), line["out"].as_u64().unwrap())
    );
    assert_eq!(summed(9), zone["entries"].as_u64().unwrap());
}

#[test]
fn no_more_frames_are_analysed_than_a_camera_would_have() {
    let video =
        &count().arg(clips::mp4()).args(["--json", "--set", "detect.fps=5"]).json()["videos"][0];
    assert_eq!((&video["frames"], &video["frames_analysed"]), (&30.into(), &15.into()));
}

#[test]
fn people_read_a_few_lines() {
    let answer = count().arg(clips::mp4()).args(LINE).args(ZONE).answer();
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    for part in ["3.0 s in", "30 frames analysed", "people: ", "line middle: ", "zone all: "] {
        assert!(answer.stdout.contains(part), "no {part:?}: {}", answer.stdout);
    }
    let table = count().arg(clips::mp4()).args(["--csv", "-"]).answer();
    assert!(table.stdout.starts_with("video,second,frames,"), "{}", table.stdout);
    assert_eq!(table.stdout.lines().count(), 4);
}

#[test]
fn one_that_cannot_be_analysed_is_an_error_of_its_own() {
    let mut call = count().arg(clips::text()).arg(clips::mp4()).arg(clips::without_index());
    call = call.args(["--json", "--csv", "out.csv"]);
    let answer = call.answer();
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    let said: Value = serde_json::from_str(&answer.stdout).unwrap();
    let videos = said["videos"].as_array().unwrap();
    for place in [0, 2] {
        assert_eq!(videos[place]["error"], "The file can't be decoded as a video", "{said}");
        let name = videos[place]["video"].as_str().unwrap();
        assert!(answer.stderr.contains(name), "{}", answer.stderr);
    }
    assert_eq!(videos[1]["frames"], 30);
    assert_eq!(fs::read_to_string(call.folder.path().join("out.csv")).unwrap().lines().count(), 4);
}

#[test]
fn damaged_recordings_give_what_they_have() {
    let said = count().arg(clips::truncated()).arg(clips::corrupt()).arg("--json").json();
    for (place, least) in [(0, 10), (1, 1)] {
        let video = &said["videos"][place];
        let frames = video["frames_analysed"].as_u64().unwrap();
        assert!((least..clips::MP4_FRAMES).contains(&frames), "{video}");
        assert_eq!(video["recording"]["frames"], clips::MP4_FRAMES);
    }
    let answer = count().arg(clips::truncated()).answer();
    assert!(answer.stdout.contains("of 30 frames could be read"), "{}", answer.stdout);
}

#[test]
fn a_crash_costs_its_recording_alone() {
    let mut call = count().args(["--json", "--jobs", "2"]);
    for name in ["a.mp4", "b.mp4"] {
        let path = call.folder.path().join(name);
        call = call.arg(copy(&clips::long_mp4(), &path));
    }
    let child = call.start();
    let (victim, _) = wait_for("both are analysed", SOON, || {
        let analyses = analyses(&child);
        (analyses.len() == 2).then(|| analyses[0])
    });
    victim.signal(Signal::SIGSEGV);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let errors: Vec<_> = said["videos"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|video| video["error"].as_str())
        .collect();
    assert_eq!(errors, ["its analysis ended: killed by SIGSEGV"]);
}

#[test]
fn one_that_hangs_is_given_up() {
    let settings = ["--set", "workers.hang_timeout=2s", "--set", "stream.read_timeout=1s"];
    let mut call = count().arg(clips::long_mp4()).arg("--json").args(settings);
    let child = call.start();
    let (victim, _) = wait_for("it is analysed", SOON, || analyses(&child).first().copied());
    // Loaded and analysing.
    wait_until("it has worked", SOON, || victim.cpu_time().as_millis() > 300);
    victim.signal(Signal::SIGSTOP);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = said["videos"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("its analysis hung: nothing came for"), "{error}");
    wait_gone(&[victim]);
}

#[test]
fn an_interrupt_leaves_no_process_and_no_half_of_a_file() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let mut call = count().arg(clips::long_mp4()).args(["--csv", "out.csv"]);
        call = call.args(["--annotate", "out.mp4"]);
        let child = call.start();
        wait_until("it is being written", SOON, || !call.files().is_empty());
        let processes = analyses(&child);
        assert_eq!(processes.len(), 1);
        Process::of(child.id()).unwrap().signal(signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(output.stdout, b"");
        wait_gone(&processes);
        assert_eq!(call.files(), [""; 0]);
    }
}

#[test]
fn who_is_killed_takes_its_processes_along() {
    let mut call = count().arg(clips::long_mp4());
    let mut child = call.start();
    let (analysis, _) = wait_for("it is analysed", SOON, || analyses(&child).first().copied());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_gone(&[analysis]);
}

#[test]
fn annotated_videos_have_every_frame() {
    let mut call = count().args(LINE).args(ZONE).args(["--annotate", ".", "--set", "detect.fps=5"]);
    for name in ["a.mp4", "b.mp4"] {
        let path = call.folder.path().join(name);
        call = call.arg(copy(&clips::mp4(), &path));
    }
    let answer = call.answer();
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(call.files(), ["a.annotated.mp4", "a.mp4", "b.annotated.mp4", "b.mp4"]);
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "csv=p=0", "-show_entries"])
        .arg("stream=width,height,r_frame_rate,nb_read_frames")
        .arg(call.folder.path().join("a.annotated.mp4"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(probe.stdout).unwrap().trim(), "768,576,10/1,30");
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_done() {
    let refused = |call: Call, part: &str| {
        let mut call = call;
        let answer = call.answer();
        assert_eq!(answer.code, Some(2), "{}", answer.stderr);
        assert!(answer.stderr.contains(part), "no {part:?}: {}", answer.stderr);
        assert_eq!(answer.stdout, "");
    };
    let clip = || count().arg(clips::mp4());
    refused(count(), "VIDEO");
    refused(clip().arg("nowhere.mp4"), "VIDEO nowhere.mp4: No such file");
    refused(clip().arg(clips::fifo()), "fifo.mp4: is not a file");
    refused(clip().args(["--line", "door:0,0,1"]), "--line");
    refused(clip().args(["--line", "door:0,0,2,0"]), "the second end must lie in the picture");
    refused(clip().args(LINE).args(LINE), "--line: there are two lines of the name middle");
    refused(clip().args(["--zone", "hall:0,0,1,1,1,0,0,1"]), "must not cross or touch itself");
    refused(clip().args(["--preset", "perfect"]), "--preset");
    refused(clip().args(["--set", "detect.scale=9"]), "detect.scale");
    refused(clip().args(["--jobs", "0"]), "--jobs");
    refused(clip().args(["--csv", "-", "--json"]), "--csv -: standard output is taken by --json");
    refused(
        clip().args(["--csv", "nowhere/out.csv"]),
        "--csv nowhere/out.csv: there is no such folder",
    );
    refused(clip().arg(clips::long_mp4()).args(["--annotate", "out.mp4"]), "must be a folder");
    refused(clip().arg(clips::mp4()).args(["--annotate", "."]), "two recordings would be written");
    refused(clip().arg("--annotate").arg(clips::mp4()), "is one of the recordings");
}
