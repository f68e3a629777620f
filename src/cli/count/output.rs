//! What was counted, as text, JSON and CSV.

use std::{
    fmt::{self, Write as _},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use becamera_domain::Scene;
use serde_json::{Value, json};

use super::{
    Outcome,
    counted::{Counted, counted_zones},
    folder_exists,
};
use crate::cli::replay::unfinished;

/// Where a table goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CsvTarget {
    StandardOutput,
    File(PathBuf),
}

impl CsvTarget {
    /// The error names the flag.
    pub(super) fn at(path: &Path) -> Result<Self, String> {
        if path == Path::new("-") {
            return Ok(Self::StandardOutput);
        }
        if path.is_dir() {
            return Err(format!("--csv {}: is a folder", path.display()));
        }
        folder_exists("--csv", path)?;
        Ok(Self::File(path.into()))
    }

    /// Writes all of it, or nothing.
    pub(super) fn write(&self, table: &[u8]) -> io::Result<()> {
        let path = match self {
            Self::StandardOutput => {
                let mut out = io::stdout().lock();
                let written = out.write_all(table).and_then(|()| out.flush());
                // A reader that has gone away is no error.
                let gone = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
                return written.or_else(|error| if gone(&error) { Ok(()) } else { Err(error) });
            }
            Self::File(path) => path,
        };
        // A device or a pipe can't be replaced.
        if path.exists() && !path.is_file() {
            return fs::write(path, table);
        }
        let part = unfinished(path);
        let written = fs::write(&part, table).and_then(|()| fs::rename(&part, path));
        if written.is_err() {
            // It may not have been begun.
            let _ = fs::remove_file(&part);
        }
        written
    }
}

impl fmt::Display for CsvTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardOutput => f.write_str("-"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A row for each second of each recording that was counted.
pub(super) fn csv<'a>(
    outcomes: impl Iterator<Item = (&'a Path, &'a Outcome)>,
    scene: &Scene,
) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut header: Vec<String> =
        ["video", "second", "frames", "people_min", "people_max", "people_mean"]
            .map(Into::into)
            .into();
    for line in &scene.lines {
        header.extend(["in", "out"].map(|direction| format!("line_{}_{direction}", line.id)));
    }
    for zone in counted_zones(scene) {
        let columns = ["people_max", "people_mean", "entries", "exits"];
        header.extend(columns.map(|column| format!("zone_{}_{column}", zone.id)));
    }
    table.write_record(&header)?;
    for (name, outcome) in outcomes {
        let Ok(counted) = outcome else { continue };
        for second in &counted.seconds {
            let people = &second.people;
            let mut row = vec![
                name.display().to_string(),
                second.second.to_string(),
                people.frames.to_string(),
                people.min.to_string(),
                people.max.to_string(),
                format!("{:.3}", people.mean()),
            ];
            for line in &scene.lines {
                let count = second.lines.get(&line.id).copied().unwrap_or_default();
                row.extend([count.inwards.to_string(), count.outwards.to_string()]);
            }
            for zone in counted_zones(scene) {
                let count = second.zones.get(&zone.id).copied().unwrap_or_default();
                let mean = format!("{:.3}", count.people.mean());
                let max = count.people.max.to_string();
                row.extend([max, mean, count.entries.to_string(), count.exits.to_string()]);
            }
            table.write_record(&row)?;
        }
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// All recordings, those that could not be counted among them.
pub(super) fn json<'a>(outcomes: impl Iterator<Item = (&'a Path, &'a Outcome)>) -> String {
    let videos: Vec<_> = outcomes
        .map(|(name, outcome)| {
            let video = name.display().to_string();
            match outcome {
                Ok(counted) => counted_json(&video, counted),
                Err(error) => json!({"video": video, "error": error.to_string()}),
            }
        })
        .collect();
    format!("{:#}\n", json!({ "videos": videos }))
}

fn counted_json(video: &str, counted: &Counted) -> Value {
    let lines = counted.lines.iter().map(|(id, line)| {
        let value = json!({
            "in": line.inwards, "out": line.outwards,
            "raw_in": line.raw_in, "raw_out": line.raw_out,
        });
        (id.to_string(), value)
    });
    let zones = counted.zones.iter().map(|(id, zone)| {
        let value = json!({
            "people_max": zone.people.max, "people_mean": zone.people.mean(),
            "entries": zone.entries, "exits": zone.exits, "dwell_mean_s": zone.mean_stay(),
        });
        (id.to_string(), value)
    });
    let crossings = counted.crossings.iter().map(|counted| {
        json!({
            "line": counted.crossing.line_id, "direction": counted.crossing.direction,
            "frame": counted.frame, "at_s": counted.at.as_secs_f64(),
            "track_id": counted.crossing.track.0, "confidence": counted.crossing.confidence,
        })
    });
    json!({
        "video": video,
        "recording": counted.recording,
        "length_s": counted.length(),
        "frames": counted.summary.frames,
        "frames_analysed": counted.frames,
        "frames_damaged": counted.summary.damaged,
        "people_min": counted.people.min,
        "people_max": counted.people.max,
        "people_mean": counted.people.mean(),
        "lines": lines.collect::<serde_json::Map<_, _>>(),
        "zones": zones.collect::<serde_json::Map<_, _>>(),
        "crossings": crossings.collect::<Vec<_>>(),
        "ms_per_frame": counted.ms_per_frame(),
        "inferences_per_frame": counted.inferences as f64 / counted.frames.max(1) as f64,
        "took_s": counted.took.as_secs_f64(),
    })
}

/// For people.
pub(super) fn text<'a>(outcomes: impl Iterator<Item = (&'a Path, &'a Outcome)>) -> String {
    let mut text = String::new();
    for (name, outcome) in outcomes {
        // Writing to a string can't fail.
        let _ = match outcome {
            Ok(counted) => counted_text(&mut text, name, counted),
            Err(error) => writeln!(text, "{}: {error}", name.display()),
        };
    }
    text
}

fn counted_text(text: &mut String, name: &Path, counted: &Counted) -> fmt::Result {
    let length = counted.length();
    let took = counted.took.as_secs_f64().max(1e-3);
    writeln!(
        text,
        "{}: {length:.1} s in {took:.1} s ({:.0} x), {} frames analysed, {:.1} ms each",
        name.display(),
        length / took,
        counted.frames,
        counted.ms_per_frame(),
    )?;
    if counted.summary.damaged > 0 {
        writeln!(text, "  damaged frames: {}", counted.summary.damaged)?;
    }
    let promised = counted.recording.as_ref().and_then(|recording| recording.frames);
    // Some containers are off by one.
    if let Some(promised) = promised.filter(|promised| counted.summary.frames + 1 < *promised) {
        writeln!(text, "  only {} of {promised} frames could be read", counted.summary.frames)?;
    }
    let people = &counted.people;
    writeln!(text, "  people: {:.2} on average, {} to {}", people.mean(), people.min, people.max)?;
    for (id, line) in &counted.lines {
        writeln!(text, "  line {id}: {} in, {} out", line.inwards, line.outwards)?;
    }
    for (id, zone) in &counted.zones {
        let stay = zone.mean_stay().map_or(String::new(), |stay| format!(", {stay:.1} s each"));
        let people = &zone.people;
        writeln!(
            text,
            "  zone {id}: {:.2} on average, {} at most, {} came, {} left{stay}",
            people.mean(),
            people.max,
            zone.entries,
            zone.exits
        )?;
    }
    Ok(())
}
