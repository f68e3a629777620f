//! Counts the people in a recording with the library, in this process.
//!
//! ```sh
//! cargo run --release --example count_recording -- clip.mp4 0.5,0,0.5,1
//! ```
//!
//! The second argument is a line, as the two ends' x and y from 0 (left, top) to 1 (right, bottom);
//! crossings are counted there. `becamera count` does the same, and more, for many recordings at
//! once, each in a process of its own: native code that decodes a damaged file may crash.

#![allow(clippy::print_stdout, reason = "an example")]

use std::{collections::BTreeMap, env, error::Error, path::PathBuf};

use becamera::vision::replay::{ReplayEvent, ReplayJob, replay};
use becamera_domain::{Line, Scene, settings::Settings};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let video = arguments.next().ok_or("usage: count_recording VIDEO [X1,Y1,X2,Y2]")?;
    let lines = match arguments.next() {
        Some(ends) => vec![line(&ends)?],
        None => Vec::new(),
    };
    let settings = Settings::default();
    let job = ReplayJob {
        video: PathBuf::from(video).canonicalize()?,
        frames: None,
        scene: Scene { lines, zones: Vec::new() },
        detect: settings.detect,
        detector: settings.detector,
        stream: settings.stream,
        annotate: None,
    };

    let (mut people, mut frames) = (0, 0);
    let mut crossings = BTreeMap::new();
    let summary = replay(&job, &mut |event| match event {
        ReplayEvent::Opened(recording) => {
            println!("{}, {}", recording.size(), recording.backend);
        }
        ReplayEvent::Frame(frame) => {
            frames += 1;
            people += frame.people.len();
            for crossing in frame.crossings {
                *crossings.entry(crossing.direction.as_str()).or_insert(0) += 1;
            }
        }
        // Seconds, signs of life.
        _ => {}
    })?;

    println!("{} frames, {frames} of them analysed", summary.frames);
    println!("{:.2} people on average", people as f64 / f64::from(frames.max(1)));
    for (direction, count) in crossings {
        println!("{count} crossed the line: {direction}");
    }
    Ok(())
}

/// A line in the form that the API takes, with its default rules and names of directions.
fn line(ends: &str) -> Result<Line, Box<dyn Error>> {
    let numbers = ends.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [x1, y1, x2, y2] = numbers[..] else { return Err("a line has four numbers".into()) };
    let line: Line =
        serde_json::from_value(json!({"id": "line", "from": [x1, y1], "to": [x2, y2]}))?;
    line.validate()?;
    Ok(line)
}
