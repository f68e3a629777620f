//! How far it is, on a terminal.

use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::vision::replay::ReplayEvent;

const KNOWN: &str = "{prefix:20!} {wide_bar} {pos}/{len} frames, {per_sec}, {eta} left, {msg}";
const UNKNOWN: &str = "{prefix:20!} {spinner} {pos} frames, {per_sec}, {msg}";

/// Bars of all recordings that are being counted. Nothing is shown where standard error is no
/// terminal.
pub(super) struct Progress {
    bars: MultiProgress,
    recordings: ProgressBar,
}

impl Progress {
    pub(super) fn new(recordings: usize) -> Self {
        let bars = MultiProgress::new();
        let all = ProgressBar::new(recordings as u64);
        let all = if recordings > 1 { bars.add(all) } else { ProgressBar::hidden() };
        let all = all.with_style(style("{pos}/{len} recordings"));
        all.tick();
        Self { bars, recordings: all }
    }

    pub(super) fn begin(&self, name: &Path) -> Bar<'_> {
        let bar = self.bars.add(ProgressBar::no_length()).with_style(style(UNKNOWN));
        bar.set_prefix(name.file_name().unwrap_or_default().to_string_lossy().into_owned());
        Bar { bar, recordings: &self.recordings }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.recordings.finish_and_clear();
    }
}

/// The bar of a recording; it goes with it.
pub(super) struct Bar<'a> {
    bar: ProgressBar,
    recordings: &'a ProgressBar,
}

impl Bar<'_> {
    pub(super) fn take(&self, event: &ReplayEvent) {
        match event {
            ReplayEvent::Opened(recording) => {
                if let Some(frames) = recording.frames {
                    self.bar.set_length(frames);
                    self.bar.set_style(style(KNOWN));
                }
            }
            ReplayEvent::At(number) => self.bar.set_position(*number),
            ReplayEvent::Frame(frame) => {
                self.bar.set_position(frame.number);
                self.bar.set_message(format!("{} people", frame.people.len()));
            }
            _ => {}
        }
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.recordings.inc(1);
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template that can't be read is one of ours.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
