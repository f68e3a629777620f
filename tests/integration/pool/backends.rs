//! Inference libraries: which one is taken, that it counts, and that a wrong one does no harm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::support::{
    clips, onnxruntime_is_not_tested, secs,
    service::{Builder, Service},
    wait_until,
};

/// Where the service or a worker has mapped ONNX Runtime, if it has.
fn maps_it(pid: i64) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.lines().any(|line| line.contains("libonnxruntime.so"))
}

/// Plays the footage: people are seen, and all workers name this backend.
#[track_caller]
fn counts_with(service: &Service, backend: &str) {
    service.start_looping(1, &clips::long_mp4()).ok(200);
    wait_until("people are counted", secs(20), || {
        let answer = service.http.get("/api/v1/cameras/1/count");
        answer.status == 200 && answer.ok(200)["people"].as_u64().unwrap() > 0
    });
    for worker in service.workers() {
        assert!(worker["backend"].as_str().unwrap().starts_with(backend), "{worker}");
    }
}

#[test]
fn auto_takes_onnxruntime_and_says_so() {
    if onnxruntime_is_not_tested() {
        return;
    }
    let service = Service::with().start();
    let line = service.wait_log(&["detector.backend is auto: onnxruntime 1.", "is taken"]);
    assert!(line.contains("int8") && line.contains("libonnxruntime.so"), "{line}");
    counts_with(&service, "onnxruntime 1.");
    // Native code runs where it can be killed.
    assert!(!maps_it(i64::from(service.process().pid)), "the service itself has loaded it");
    assert!(service.workers().iter().all(|worker| maps_it(worker["pid"].as_i64().unwrap())));
}

#[test]
fn onnxruntime_can_be_asked_for_in_a_thread_too() {
    if onnxruntime_is_not_tested() {
        return;
    }
    let service = Service::with()
        .set("DETECTOR_BACKEND", "onnxruntime")
        .set("WORKERS_ISOLATION", "thread")
        .start();
    service.wait_log(&["detector.backend is onnxruntime: onnxruntime 1."]);
    counts_with(&service, "onnxruntime 1.");
}

#[test]
fn a_model_of_the_users_own_is_run_by_either() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/ssdlite_mobilenet_v2_person.onnx");
    let with = |backend| {
        let service = Service::with().set("DETECTOR_MODEL", model);
        service.set("DETECTOR_BACKEND", backend).start()
    };
    counts_with(&with("opencv"), "opencv ");
    if !onnxruntime_is_not_tested() {
        counts_with(&with("onnxruntime"), "onnxruntime 1.");
    }
}

/// What a service says that does not start.
#[track_caller]
fn refusal(builder: &Builder) -> String {
    let output = builder.command("serve").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(!said.contains("listening on") && !said.contains("ready (process"), "{said}");
    said
}

#[test]
fn onnxruntime_by_name_must_be_there() {
    let asked = Service::with().set("DETECTOR_BACKEND", "onnxruntime");
    let named = asked.set("DETECTOR_ONNXRUNTIME_LIBRARY", "/none/libonnxruntime.so");
    let said = refusal(&named);
    assert!(said.contains("detector.onnxruntime_library: /none/libonnxruntime.so"), "{said}");

    let asked = Service::with().set("DETECTOR_BACKEND", "onnxruntime");
    let said = refusal(&asked.env("ORT_DYLIB_PATH", "/none/libonnxruntime.so"));
    assert!(said.contains("can't start: detector.backend is onnxruntime, but"), "{said}");
    assert!(said.contains("ORT_DYLIB_PATH: /none/libonnxruntime.so"), "{said}");
}

#[test]
fn a_model_that_it_cannot_load_is_named_before_anything_starts() {
    if onnxruntime_is_not_tested() {
        return;
    }
    let model = tempfile::Builder::new().suffix(".onnx").tempfile().unwrap();
    fs::write(model.path(), "not a model").unwrap();
    let asked = Service::with().set("DETECTOR_BACKEND", "onnxruntime");
    let said = refusal(&asked.set("DETECTOR_MODEL", model.path().display()));
    assert!(said.contains("detector.model: can't load"), "{said}");
}

/// A shared library made of this source.
fn library(folder: &TempDir, name: &str, source: &str) -> PathBuf {
    let (file, library) = (folder.path().join(format!("{name}.c")), folder.path().join(name));
    fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    let status = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&file).status();
    assert!(status.unwrap().success());
    library
}

#[track_caller]
fn auto_goes_on_with_opencv(library: &Path, reason: &str) {
    let service = Service::with()
        .set("DETECTOR_ONNXRUNTIME_LIBRARY", library.display())
        .set("WORKERS_START_TIMEOUT", "5s")
        .start();
    let line = service.wait_log(&["detector.backend is auto: opencv is taken, since"]);
    assert!(line.contains(reason), "{line}");
    service.wait_log(&["worker pool started with 2 workers"]);
    let workers = service.workers();
    assert!(workers.iter().all(|worker| worker["restarts"] == 0), "{workers:?}");
    assert!(workers[0]["backend"].as_str().unwrap().starts_with("opencv "), "{workers:?}");
}

#[test]
fn an_ancient_library_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let base = "struct base { const void *(*api)(unsigned); const char *(*version)(void); };\n\
                static const void *api(unsigned n) { (void)n; return 0; }\n";
    let end = "static const struct base all = { api, version };\n\
               const struct base *OrtGetApiBase(void) { return &all; }\n";
    let of = |version: &str| {
        let text = format!("static const char *version(void) {{ return \"{version}\"; }}\n");
        library(&folder, version, &format!("{base}{text}{end}"))
    };
    auto_goes_on_with_opencv(&of("1.4.0"), "this is ONNX Runtime 1.4.0; needed is 1.17 or later");
    auto_goes_on_with_opencv(&of("1.99.0"), "ONNX Runtime 1.99.0 lacks API 17");
}

#[test]
fn what_is_another_library_or_none_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let other = library(&folder, "other.so", "int other(void) { return 1; }\n");
    auto_goes_on_with_opencv(&other, "this is not ONNX Runtime");
    let text = folder.path().join("text.so");
    fs::write(&text, "no library at all").unwrap();
    auto_goes_on_with_opencv(&text, "text.so");
}

#[test]
fn a_library_that_crashes_or_hangs_ends_in_its_own_process() {
    let folder = tempfile::tempdir().unwrap();
    let at_load = "__attribute__((constructor)) static void load(void)";
    let crash = format!("#include <signal.h>\n{at_load} {{ raise(SIGBUS); }}\n");
    let crash = library(&folder, "crash.so", &crash);
    auto_goes_on_with_opencv(&crash, "loading it ended the process: killed by SIGBUS");
    let hang = format!("#include <unistd.h>\n{at_load} {{ for (;;) pause(); }}\n");
    let hang = library(&folder, "hang.so", &hang);
    auto_goes_on_with_opencv(&hang, "loading it took longer than 5s");
}
