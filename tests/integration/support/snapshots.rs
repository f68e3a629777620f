//! Committed snapshots of what users see, in `tests/integration/snapshots/`.
//!
//! `INSTA_UPDATE=always cargo test --test integration -- snapshot` writes them anew; the difference
//! that version control shows is then what users will notice.

use std::fmt::Write;

use serde_json::Value;

use super::service::Service;

/// What differs from run to run, and what stands in its place.
const FILTERS: [(&str, &str); 10] = [
    // Times of tests; recordings of the past keep theirs.
    (r"20(2[5-9]|[3-9]\d)-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d:\d\d))?", "[time]"),
    (
        r#""((frame_)?age_ms|age_seconds|waiting_ms|uptime_\w+|task_duration_ms|bytes|pid|processed_frames|fps|fps_granted|\w*ms_per_frame|took_s|inferences_per_frame|seconds\w*|\w+_seconds)": [0-9.]+"#,
        r#""$1": "[number]""#,
    ),
    // Measured now and then, so that it may not be known yet.
    (r#""(cpu_percent|memory_bytes|inference_ms)": ([0-9.]+|null)"#, r#""$1": "[number]""#),
    (r#""(last_count|people)": \d+"#, r#""$1": "[people]""#),
    (r#""(\w*cursor)": "[^"]+""#, r#""$1": "[cursor]""#),
    (r#""event_id": "[^"]+""#, r#""event_id": "[id]""#),
    (r#""(buffered_writes|writes|id)": \d+"#, r#""$1": "[number]""#),
    (r#""backend": "[^"]+""#, r#""backend": "[backend]""#),
    (r#"[^\s",]*/clips/"#, "[clips]/"),
    (r"127\.0\.0\.1:[1-9]\d{3,}", "[address]"),
];

/// Asserts that this text is that of the snapshot, once what differs from run to run is replaced.
#[track_caller]
pub fn assert_same(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in FILTERS {
        settings.add_filter(pattern, replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Calls of the API, and its answers.
pub struct Transcript<'a> {
    service: &'a Service,
    name: &'static str,
    text: String,
}

impl<'a> Transcript<'a> {
    /// One about this part of the API.
    pub fn of(name: &'static str, service: &'a Service) -> Self {
        Self { service, name, text: String::new() }
    }

    /// Notes a call and its answer; gives the answer. Paths are those below `/api/v1` unless they
    /// start with two slashes.
    pub fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Value {
        let path = match path.strip_prefix("//") {
            Some(rest) => format!("/{rest}"),
            None => format!("/api/v1{path}"),
        };
        let body = body.map(|body| body.to_string());
        let answer = self.service.http.try_send(method, &path, body.as_deref()).unwrap();
        let shown = match &answer.json {
            Value::Null => answer.text,
            json => format!("{json:#}"),
        };
        let body = body.map(|body| format!(" {body}")).unwrap_or_default();
        // Writing to a string can't fail.
        let _ = writeln!(self.text, "{method} {path}{body}\n{} {shown}\n", answer.status);
        answer.json
    }

    /// Notes a GET.
    pub fn get(&mut self, path: &str) -> Value {
        self.call("GET", path, None)
    }

    /// Notes a PUT.
    pub fn put(&mut self, path: &str, body: Value) -> Value {
        self.call("PUT", path, Some(body))
    }

    /// Notes a POST.
    pub fn post(&mut self, path: &str, body: Value) -> Value {
        self.call("POST", path, Some(body))
    }

    /// Notes a DELETE.
    pub fn delete(&mut self, path: &str) -> Value {
        self.call("DELETE", path, None)
    }

    /// Compares all of it with the snapshot.
    #[track_caller]
    pub fn end(self) {
        assert_same("api", self.name, &self.text);
    }
}
