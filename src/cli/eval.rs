//! `becamera eval VIDEO --gt FILE`: how good the counts of a recording are.

use std::{fmt::Write, fs, path::PathBuf, process::ExitCode, time::Duration};

use becamera_counting::evaluation::{Accuracy, Evaluation, GroundTruth, TimedCrossing};
use becamera_domain::{Scene, settings::Settings};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{replay, scene::SceneArguments};
use crate::{
    app,
    vision::replay::{Recording, ReplayEvent, ReplayFrame, ReplayJob, Stop},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The recording.
    video: PathBuf,
    /// The ground truth as the MOTChallenge writes it: `frame,id,left,top,width,height[,…]`, frames
    /// counted from 1, boxes in pixels; a header may come first.
    #[arg(long, value_name = "FILE")]
    gt: PathBuf,
    /// Compare these frames alone, as if the recording had no others: counting starts anew at the
    /// first. Without it: up to the last frame of the ground truth.
    #[arg(long, value_name = "FIRST-LAST", value_parser = frames)]
    frames: Option<(u64, u64)>,
    #[command(flatten)]
    pub(super) scene: SceneArguments,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// `FIRST-LAST`
fn frames(text: &str) -> Result<(u64, u64), String> {
    let numbers = text.split_once('-').and_then(|(first, last)| {
        Some((first.trim().parse::<u64>().ok()?, last.trim().parse::<u64>().ok()?))
    });
    match numbers {
        Some((first, last)) if first >= 1 && first <= last => Ok((first, last)),
        Some(_) => Err("the first is at least 1, and the last not before it".into()),
        None => Err("two frames such as 1-400 are wanted".into()),
    }
}

pub(super) fn run(arguments: &Arguments, settings: &Settings) -> ExitCode {
    match evaluate(arguments, settings) {
        Ok(evaluated) => {
            super::print(&if arguments.json { evaluated.json() } else { evaluated.text() })
        }
        Err((error, code)) => {
            log::error!("{error}");
            code
        }
    }
}

type Failure = (String, ExitCode);

fn evaluate(arguments: &Arguments, settings: &Settings) -> Result<Evaluated, Failure> {
    let usage = |error: String| (error, ExitCode::from(super::EXIT_USAGE));
    let failed = |error: String| (error, ExitCode::FAILURE);
    let scene = arguments.scene.scene(&[]).map_err(usage)?;
    let video = replay::video(&arguments.video).map_err(usage)?;
    let truth = ground_truth(arguments).map_err(usage)?;
    let range = arguments.frames.unwrap_or((1, truth.last_frame().into()));
    if !truth.frames().any(|frame| (range.0..=range.1).contains(&frame.into())) {
        let (first, last) = range;
        return Err(usage(format!("--frames: the ground truth has nobody in {first}-{last}")));
    }
    let stop = Stop::default();
    let interrupt =
        replay::Interrupt::listen(stop.clone()).map_err(|error| failed(error.to_string()))?;
    let detector = app::try_out_detector(settings).map_err(|error| failed(error.to_string()))?;
    let job = ReplayJob {
        video,
        frames: Some(range),
        scene: scene.clone(),
        detect: settings.detect,
        detector: detector.settings,
        stream: settings.stream.clone(),
        annotate: None,
    };
    let mut evaluated = Evaluated::new(&scene, settings.detect.preset.as_str());
    let bar = progress(range);
    let result = replay::analyse(&job, settings, &stop, &mut |event| match event {
        ReplayEvent::Opened(recording) => evaluated.recording = Some(recording),
        ReplayEvent::At(number) => bar.set_position(number.saturating_sub(range.0)),
        ReplayEvent::Frame(frame) => {
            bar.set_position(frame.number + 1 - range.0);
            evaluated.add(&truth, &frame);
        }
        _ => {}
    });
    bar.finish_and_clear();
    let summary = result.map_err(|error| {
        let code = interrupt.code().unwrap_or(ExitCode::FAILURE);
        (format!("{}: {error}", arguments.video.display()), code)
    })?;
    evaluated.finish(summary.frames);
    let wanted = range.1 - range.0 + 1;
    if summary.frames < wanted {
        log::warn!(
            "the recording ends before frame {}: {} frames of it were there",
            range.1,
            summary.frames
        );
    }
    Ok(evaluated)
}

fn ground_truth(arguments: &Arguments) -> Result<GroundTruth, String> {
    let fail = |error: String| format!("--gt {}: {error}", arguments.gt.display());
    let content = fs::read(&arguments.gt).map_err(|error| fail(error.to_string()))?;
    GroundTruth::parse(&content).map_err(|error| fail(error.to_string()))
}

fn progress((first, last): (u64, u64)) -> ProgressBar {
    let style = "{wide_bar} {pos}/{len} {per_sec} {eta}";
    let bar = ProgressBar::new(last - first + 1);
    // A template that can't be read is one of ours.
    bar.with_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

/// Everything that is told of the evaluation.
struct Evaluated {
    evaluation: Evaluation,
    recording: Option<Recording>,
    preset: &'static str,
    accuracy: Option<Accuracy>,
    frames: u64,
    skipped: u64,
    inferences: u64,
    inference: Duration,
    analysis: Duration,
    decoding: Duration,
}

impl Evaluated {
    fn new(scene: &Scene, preset: &'static str) -> Self {
        Self {
            evaluation: Evaluation::new(scene),
            recording: None,
            preset,
            accuracy: None,
            frames: 0,
            skipped: 0,
            inferences: 0,
            inference: Duration::ZERO,
            analysis: Duration::ZERO,
            decoding: Duration::ZERO,
        }
    }

    fn add(&mut self, truth: &GroundTruth, frame: &ReplayFrame) {
        let Some(recording) = &self.recording else { return };
        // Beyond what the ground truth can number there is nobody.
        let in_truth = u32::try_from(frame.number).map_or(&[][..], |number| truth.people(number));
        let crossings = frame.crossings.iter().map(|crossing| TimedCrossing {
            line_id: crossing.line_id.clone(),
            direction: crossing.direction,
            at: frame.at,
        });
        self.evaluation.add(frame.at, in_truth, &frame.people, crossings, recording.size());
        self.frames += 1;
        self.inferences += u64::from(frame.inferences);
        self.inference += frame.inference;
        self.analysis += frame.analysis;
        self.decoding += frame.decoding;
    }

    fn finish(&mut self, frames: u64) {
        self.skipped = frames.saturating_sub(self.frames);
        self.accuracy = Some(self.evaluation.accuracy());
    }

    fn per_frame(&self, total: f64) -> f64 {
        total / self.frames.max(1) as f64
    }

    fn ms_per_frame(&self, total: Duration) -> f64 {
        self.per_frame(total.as_secs_f64() * 1000.0)
    }

    fn json(&self) -> String {
        let mut answer = serde_json::to_value(&self.accuracy).unwrap_or_default();
        answer["ms_per_frame"] = json!(self.ms_per_frame(self.analysis));
        answer["inferences_per_frame"] = json!(self.per_frame(self.inferences as f64));
        answer["inference_ms_per_frame"] = json!(self.ms_per_frame(self.inference));
        answer["decode_ms_per_frame"] = json!(self.ms_per_frame(self.decoding));
        answer["frames_skipped"] = json!(self.skipped);
        answer["preset"] = json!(self.preset);
        answer["recording"] = json!(self.recording);
        format!("{answer:#}\n")
    }

    fn text(&self) -> String {
        let Some(accuracy) = &self.accuracy else { return String::new() };
        let share = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
        let signed = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:+.3}"));
        let mut text = String::new();
        let mut row = |name: &str, value: String, meaning: &str| {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name:<22}{value:>9}  {meaning}");
        };
        row("frames", accuracy.frames.to_string(), "compared");
        if self.skipped > 0 {
            row("frames skipped", self.skipped.to_string(), "beyond detect.fps, or damaged");
        }
        row("MOTA", share(accuracy.mota), "1 less misses, false positives, switches per person");
        row("IDF1", share(accuracy.idf1), "of the boxes, those with the right number");
        row("identity switches", accuracy.id_switches.to_string(), "");
        row("precision", share(accuracy.precision), "of the boxes, those with somebody in them");
        row("recall", share(accuracy.recall), "of the people, those in a box");
        row("count MAE", share(accuracy.count_mae), "mean absolute error of a frame's count");
        row("count bias", signed(accuracy.count_bias), "mean error of a frame's count");
        row("count exact", share(accuracy.exact), "of the frames");
        row("count within one", share(accuracy.within_one), "of the frames");
        let milliseconds = |total| format!("{:.1}", self.ms_per_frame(total));
        row("ms per frame", milliseconds(self.analysis), "all but decoding");
        row("  of these inference", milliseconds(self.inference), "");
        row("ms decoding", milliseconds(self.decoding), "per frame compared");
        let inferences = format!("{:.2}", self.per_frame(self.inferences as f64));
        row("inferences per frame", inferences, "");
        if !accuracy.crossings.is_empty() {
            let _ = writeln!(
                text,
                "\n{:<22}{:>7}{:>7}{:>7}{:>7}{:>8}{:>7}",
                "line", "true in", "out", "in", "out", "missed", "extra"
            );
        }
        for (line, errors) in &accuracy.crossings {
            let _ = writeln!(
                text,
                "{line:<22}{:>7}{:>7}{:>7}{:>7}{:>8}{:>7}",
                errors.gt_in,
                errors.gt_out,
                errors.inwards,
                errors.outwards,
                errors.missed,
                errors.extra
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_two_numbers() {
        assert_eq!(frames("1-400"), Ok((1, 400)));
        assert_eq!(frames("7 - 7"), Ok((7, 7)));
        for wrong in ["", "5", "0-4", "9-4", "a-b", "-3-4", "1-2-3", "1-99999999999999999999"] {
            assert!(frames(wrong).is_err(), "{wrong}");
        }
    }
}
