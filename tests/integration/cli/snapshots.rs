//! What the commands print, as people and scripts read it.

use super::Call;
use crate::support::{clips, snapshots::assert_same};

const SCENE: [&str; 4] = ["--line", "middle:0.5,0,0.5,1", "--zone", "all:0,0,1,0,1,1,0,1"];

#[track_caller]
fn printed(name: &str, mut call: Call) {
    let answer = call.answer();
    let folder = call.folder.path().to_str().unwrap();
    let text = format!("{}--- exit code {}\n", answer.stdout, answer.code.unwrap());
    assert_same("cli", name, &text.replace(folder, "[folder]"));
}

#[test]
fn snapshots_of_the_help() {
    printed("help", Call::of("--help"));
    printed("help_short", Call::of("-h"));
    for command in ["serve", "count", "eval", "probe", "migrate", "config"] {
        printed(&format!("help_{command}"), Call::of(command).arg("--help"));
    }
}

#[test]
fn snapshots_of_probe_and_config() {
    printed("config", Call::of("config").args(["--set", "workers.count=2"]));
    let roots = ["--set", "stream.media_roots=/"];
    let clip = || Call::of("probe").args(roots).arg(clips::url(&clips::mp4()));
    printed("probe", clip());
    printed("probe_json", clip().arg("--json"));
    let text = || Call::of("probe").args(roots).arg(clips::url(&clips::text()));
    printed("probe_failed", text());
    printed("probe_failed_json", text().arg("--json"));
}

/// Where nobody is counted no number depends on the inference library.
#[test]
fn snapshots_of_count_and_eval() {
    let exclude = ["--exclude", "mirror:0,0,1,0,1,1,0,1"];
    let count = || Call::of("count").arg(clips::mp4()).args(exclude).args(SCENE);
    printed("count_json", count().arg("--json"));
    printed("count_csv", count().args(["--csv", "-"]));
    printed("count_failed_json", Call::of("count").arg(clips::text()).arg("--json"));
    let eval = || {
        let call = Call::of("eval");
        let truth = "frame,id,left,top,width,height\n1,1,10,10,50,100\n2,1,12,10,50,100\n";
        std::fs::write(call.folder.path().join("truth.csv"), truth).unwrap();
        call.arg(clips::mp4()).args(["--gt", "truth.csv", "--frames", "1-2"]).args(exclude)
    };
    printed("eval_json", eval().args(["--line", "middle:0.5,0,0.5,1", "--json"]));
}
