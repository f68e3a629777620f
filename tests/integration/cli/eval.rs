//! `becamera eval VIDEO --gt FILE`

use std::{fmt::Write, fs};

use super::Call;
use crate::support::clips;

/// Where seven people are in four frames of the footage (left, top, width, height), drawn by hand;
/// they walk evenly in between.
const FRAMES: [u32; 4] = [181, 194, 207, 220];
const PEOPLE: [[[f64; 4]; 4]; 7] = [
    [
        [586., 217., 46., 91.],
        [666., 234., 42., 96.],
        [736., 262., 32., 106.],
        [744., 240., 24., 84.],
    ],
    [
        [498., 222., 36., 90.],
        [570., 247., 38., 99.],
        [645., 291., 48., 107.],
        [597., 297., 44., 114.],
    ],
    [[680., 100., 18., 57.], [684., 95., 19., 60.], [671., 100., 21., 58.], [660., 106., 21., 60.]],
    [
        [704., 105., 16., 49.],
        [711., 101., 14., 51.],
        [692., 102., 20., 55.],
        [681., 110., 18., 56.],
    ],
    [
        [588., 129., 30., 73.],
        [524., 138., 29., 77.],
        [451., 153., 32., 77.],
        [367., 161., 38., 78.],
    ],
    [[202., 162., 30., 68.], [121., 156., 28., 65.], [50., 152., 28., 60.], [-6., 147., 22., 56.]],
    [[361., 209., 38., 83.], [255., 198., 37., 82.], [181., 185., 31., 73.], [99., 182., 36., 71.]],
];

/// Two people walk through this from right to left, which is `in`.
const LINE: [&str; 2] = ["--line", "left:0.2,0.2,0.2,0.6"];

/// The ground truth of frames 181 to 220.
fn ground_truth() -> String {
    let mut text = String::from("frame,id,left,top,width,height\n");
    for (id, person) in PEOPLE.iter().enumerate() {
        for frame in FRAMES[0]..=FRAMES[3] {
            let leg = FRAMES[1..3].iter().filter(|end| frame >= **end).count();
            let share = f64::from(frame - FRAMES[leg]) / f64::from(FRAMES[leg + 1] - FRAMES[leg]);
            let at = |side: usize| {
                person[leg][side] + share * (person[leg + 1][side] - person[leg][side])
            };
            let (left, top, width, height) = (at(0), at(1), at(2), at(3));
            writeln!(text, "{frame},{id},{left:.2},{top:.2},{width:.2},{height:.2}").unwrap();
        }
    }
    text
}

fn eval(truth: &str) -> Call {
    let call = Call::of("eval");
    fs::write(call.folder.path().join("truth.csv"), truth).unwrap();
    call.arg(clips::footage()).args(["--gt", "truth.csv"])
}

#[test]
fn counts_of_real_footage_are_measured() {
    let answer = eval(&ground_truth()).args(["--frames", "181-220", "--json"]).args(LINE).json();
    let number = |key: &str| answer[key].as_f64().unwrap_or_else(|| panic!("no {key}: {answer}"));
    assert_eq!((number("frames"), number("frames_skipped")), (40.0, 0.0));
    // The first frames are spent on believing that somebody is there.
    assert!(number("mota") > 0.6 && number("idf1") > 0.7, "{answer}");
    assert!(number("precision") > 0.8 && number("recall") > 0.7, "{answer}");
    assert!(number("count_mae") < 1.5 && number("count_bias").abs() < 1.5, "{answer}");
    assert!(number("exact") <= number("within_one") && number("within_one") > 0.5, "{answer}");
    assert!(answer["id_switches"].as_u64().unwrap() < 5, "{answer}");
    assert!(number("ms_per_frame") > 0.1 && number("decode_ms_per_frame") > 0.0, "{answer}");
    assert!(number("inferences_per_frame") > 0.2, "{answer}");
    let line = &answer["crossings"]["left"];
    assert_eq!((&line["gt_in"], &line["gt_out"]), (&2.into(), &0.into()), "{line}");
    assert_eq!((&line["in"], &line["missed"], &line["extra"]), (&2.into(), &0.into(), &0.into()));
    assert_eq!(line["out"], 0, "{line}");
}

#[test]
fn people_read_a_table() {
    let answer = eval(&ground_truth())
        .args(["--frames", "181-200", "--preset", "economy"])
        .args(LINE)
        .answer();
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    for row in
        ["frames                       20", "MOTA", "IDF1", "count MAE", "ms per frame", "missed"]
    {
        assert!(answer.stdout.contains(row), "no {row:?}: {}", answer.stdout);
    }
}

#[test]
fn where_nobody_is_right_all_is_wrong() {
    // The meadow is empty.
    let truth: String = (1..=10).map(|frame| format!("{frame},1,60,380,30,80\n")).collect();
    let answer = eval(&truth).arg("--json").json();
    // As far as the ground truth goes.
    assert_eq!(answer["frames"], 10);
    assert_eq!((&answer["recall"], &answer["idf1"]), (&0.0.into(), &0.0.into()));
    assert!(answer["mota"].as_f64().unwrap() <= 0.0, "{answer}");
    assert_eq!(answer["crossings"], serde_json::json!({}));
}

#[test]
fn errors_name_the_argument() {
    let refused = |mut call: Call, part: &str| {
        let answer = call.answer();
        assert_eq!(answer.code, Some(2), "{}", answer.stderr);
        assert!(answer.stderr.contains(part), "no {part:?}: {}", answer.stderr);
    };
    let good = || eval("1,1,60,380,30,80\n");
    refused(Call::of("eval").arg(clips::footage()), "--gt");
    refused(
        Call::of("eval").arg(clips::footage()).args(["--gt", "nowhere.csv"]),
        "--gt nowhere.csv:",
    );
    refused(eval("1,1,60,380,30\n"), "--gt truth.csv: line 1: has 5 columns");
    refused(
        eval("1,1,60,380,30,80\n1,2,x,0,9,9\n"),
        "--gt truth.csv: line 2: left must be a number",
    );
    refused(good().args(["--frames", "9"]), "--frames");
    refused(good().args(["--frames", "5-9"]), "--frames: the ground truth has nobody in 5-9");
    refused(good().args(["--line", "door"]), "--line");
    refused(Call::of("eval").args(["nowhere.avi", "--gt", "x"]), "VIDEO nowhere.avi:");
    let mut failed = eval("9000,1,60,380,30,80\n").args(["--frames", "9000-9000"]);
    let answer = failed.answer();
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("it has 795 frames: there is no frame 9000"),
        "{}",
        answer.stderr
    );
}
