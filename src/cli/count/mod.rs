//! `becamera count VIDEO…`: counts recordings at full speed.

mod counted;
mod output;
mod progress;

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use becamera_domain::{
    Scene, Zone,
    settings::{DetectorSettings, Settings},
};
use clap::Args;

use self::{counted::Counted, output::CsvTarget, progress::Progress};
use super::{
    replay::{self, unfinished},
    scene::{self, SceneArguments},
};
use crate::{
    app,
    vision::replay::{ReplayError, ReplayEvent, ReplayJob, Stop},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Recordings.
    #[arg(required = true, value_name = "VIDEO")]
    videos: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) scene: SceneArguments,
    /// A zone in which people are counted, by its corners; can be repeated.
    #[arg(long = "zone", value_name = "NAME:X,Y,X,Y,X,Y…", value_parser = scene::zone)]
    zones: Vec<Zone>,
    /// Write a table with a row for each second to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// Write a video with boxes, numbers, lines, zones and counts drawn into it; with several
    /// recordings the name of a folder.
    #[arg(long, value_name = "FILE|FOLDER")]
    annotate: Option<PathBuf>,
    /// Recordings analysed at the same time; without it as many as there are processors.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
}

/// A recording to be counted.
struct RecordingJob {
    /// As it was named.
    name: PathBuf,
    video: PathBuf,
    annotate: Option<PathBuf>,
}

type Outcome = Result<Counted, ReplayError>;

pub(super) fn run(arguments: &Arguments, settings: &Settings) -> ExitCode {
    let prepared = prepare(arguments);
    let (tasks, scene, csv) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            log::error!("{error}");
            return ExitCode::from(super::EXIT_USAGE);
        }
    };
    let stop = Stop::default();
    let interrupt = match replay::Interrupt::listen(stop.clone()) {
        Ok(interrupt) => interrupt,
        Err(error) => {
            log::error!("signals can't be listened for: {error}");
            return ExitCode::FAILURE;
        }
    };
    let detector = match app::try_out_detector(settings) {
        Ok(choice) => choice.settings,
        Err(error) => {
            log::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let counting = Counting { settings, scene: &scene, detector: &detector, stop: &stop };
    let outcomes = counting.all(&tasks, jobs(arguments, tasks.len()));
    if let Some(code) = interrupt.code() {
        log::error!("interrupted: nothing was written");
        return code;
    }
    report(arguments, &tasks, &scene, &outcomes, csv.as_ref())
}

/// Checks what was asked for before anything is done; the error names the argument.
fn prepare(arguments: &Arguments) -> Result<(Vec<RecordingJob>, Scene, Option<CsvTarget>), String> {
    let scene = arguments.scene.scene(&arguments.zones)?;
    let csv = arguments.csv.as_deref().map(CsvTarget::at).transpose()?;
    if arguments.json && csv == Some(CsvTarget::StandardOutput) {
        return Err("--csv -: standard output is taken by --json".into());
    }
    let mut tasks: Vec<RecordingJob> = Vec::new();
    for name in &arguments.videos {
        let video = replay::video(name)?;
        let annotate = annotated(arguments, &video)?;
        if annotate.is_some() && tasks.iter().any(|task| task.annotate == annotate) {
            let path = annotate.unwrap_or_default();
            return Err(format!(
                "--annotate: two recordings would be written to {}",
                path.display()
            ));
        }
        tasks.push(RecordingJob { name: name.clone(), video, annotate });
    }
    for task in &tasks {
        let outputs = arguments.csv.iter().map(|path| ("--csv", path));
        for (flag, path) in outputs.chain(task.annotate.iter().map(|path| ("--annotate", path))) {
            if tasks.iter().any(|task| is_same(path, &task.video)) {
                return Err(format!("{flag} {}: is one of the recordings", path.display()));
            }
        }
    }
    Ok((tasks, scene, csv))
}

/// Where a recording's annotated video goes.
fn annotated(arguments: &Arguments, video: &Path) -> Result<Option<PathBuf>, String> {
    let Some(path) = &arguments.annotate else { return Ok(None) };
    if path.is_dir() {
        let stem = video.file_stem().unwrap_or_default().to_string_lossy();
        return Ok(Some(path.join(format!("{stem}.annotated.mp4"))));
    }
    if arguments.videos.len() > 1 {
        let reason = "must be a folder that exists, since there are several recordings";
        return Err(format!("--annotate {}: {reason}", path.display()));
    }
    folder_exists("--annotate", path)?;
    Ok(Some(path.clone()))
}

fn folder_exists(flag: &str, path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_none_or(Path::is_dir) && path.file_name().is_some() {
        return Ok(());
    }
    Err(format!("{flag} {}: there is no such folder", path.display()))
}

fn is_same(path: &Path, video: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path == video)
}

fn jobs(arguments: &Arguments, tasks: usize) -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    arguments.jobs.map_or(processors, usize::from).min(tasks)
}

struct Counting<'a> {
    settings: &'a Settings,
    scene: &'a Scene,
    detector: &'a DetectorSettings,
    stop: &'a Stop,
}

impl Counting<'_> {
    /// Counts all recordings, `jobs` at once; outcomes are in the recordings' order.
    fn all(&self, tasks: &[RecordingJob], jobs: usize) -> Vec<Outcome> {
        let progress = Progress::new(tasks.len());
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(task) = tasks.get(number) else { break };
                        let outcome = self.one(task, &progress);
                        let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                        outcomes.push((number, outcome));
                    }
                });
            }
        });
        let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.sort_by_key(|(number, _)| *number);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn one(&self, task: &RecordingJob, progress: &Progress) -> Outcome {
        let job = ReplayJob {
            video: task.video.clone(),
            frames: None,
            scene: self.scene.clone(),
            detect: self.settings.detect,
            detector: self.detector.clone(),
            stream: self.settings.stream.clone(),
            annotate: task.annotate.as_deref().map(unfinished),
        };
        let bar = progress.begin(&task.name);
        let mut counted = Counted::new(self.scene);
        let result = replay::analyse(&job, self.settings, self.stop, &mut |event| {
            bar.take(&event);
            match event {
                ReplayEvent::Opened(recording) => counted.open(recording),
                ReplayEvent::Frame(frame) => counted.frame(frame),
                ReplayEvent::Second(second, tally) => counted.second(second, &tally),
                _ => {}
            }
        });
        drop(bar);
        let finished = match (&job.annotate, &task.annotate) {
            (Some(written), Some(wanted)) => {
                let renamed = result.and_then(|summary| {
                    fs::rename(written, wanted)?;
                    Ok(summary)
                });
                if renamed.is_err() {
                    // It may not have been begun.
                    let _ = fs::remove_file(written);
                }
                renamed
            }
            _ => result,
        };
        counted.finish(finished?);
        Ok(counted)
    }
}

fn report(
    arguments: &Arguments,
    tasks: &[RecordingJob],
    scene: &Scene,
    outcomes: &[Outcome],
    csv: Option<&CsvTarget>,
) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    let names = || tasks.iter().map(|task| task.name.as_path());
    for (name, outcome) in names().zip(outcomes) {
        if let Err(error) = outcome {
            log::error!("{}: {error}", name.display());
            code = ExitCode::FAILURE;
        }
    }
    if let Some(target) = csv {
        let table = output::csv(names().zip(outcomes), scene);
        if let Err(error) =
            table.map_err(std::io::Error::other).and_then(|table| target.write(&table))
        {
            log::error!("--csv {target}: {error}");
            code = ExitCode::FAILURE;
        }
    }
    let printed = if arguments.json {
        super::print(&output::json(names().zip(outcomes)))
    } else if csv != Some(&CsvTarget::StandardOutput) {
        super::print(&output::text(names().zip(outcomes)))
    } else {
        ExitCode::SUCCESS
    };
    if printed == ExitCode::SUCCESS { code } else { printed }
}
