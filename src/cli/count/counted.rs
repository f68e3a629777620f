//! What was counted in a recording.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use becamera_counting::scene::LineCrossing;
use becamera_domain::{Direction, LineId, Scene, SceneTally, Zone, ZoneId, ZoneKind};

use crate::vision::replay::{Recording, ReplayFrame, Summary};

/// Counts of a recording, as they come.
#[derive(Debug)]
pub(super) struct Counted {
    started: Instant,
    pub(super) recording: Option<Recording>,
    pub(super) summary: Summary,
    pub(super) took: Duration,
    pub(super) frames: u64,
    pub(super) people: People,
    pub(super) lines: BTreeMap<LineId, LineCount>,
    pub(super) zones: BTreeMap<ZoneId, ZoneCount>,
    pub(super) crossings: Vec<CountedCrossing>,
    pub(super) seconds: Vec<Second>,
    current: Second,
    pub(super) inferences: u64,
    pub(super) analysis: Duration,
    pub(super) decoding: Duration,
}

/// Numbers of people, over frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct People {
    pub(super) frames: u64,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) sum: u64,
}

impl People {
    fn add(&mut self, people: u32) {
        let first = self.frames == 0;
        self.min = if first { people } else { self.min.min(people) };
        self.max = self.max.max(people);
        self.sum += u64::from(people);
        self.frames += 1;
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum as f64 / self.frames.max(1) as f64
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LineCount {
    pub(super) inwards: u64,
    pub(super) outwards: u64,
    pub(super) raw_in: u64,
    pub(super) raw_out: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ZoneCount {
    pub(super) people: People,
    pub(super) entries: u64,
    pub(super) exits: u64,
    pub(super) stays_ms: u64,
}

impl ZoneCount {
    /// Mean dwell time of the people who left, in seconds.
    pub(super) fn mean_stay(&self) -> Option<f64> {
        (self.exits > 0).then(|| self.stays_ms as f64 / 1000.0 / self.exits as f64)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct CountedCrossing {
    pub(super) frame: u64,
    pub(super) at: Duration,
    pub(super) crossing: LineCrossing,
}

/// A second of the recording.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Second {
    pub(super) second: u64,
    pub(super) people: People,
    pub(super) lines: BTreeMap<LineId, LineCount>,
    pub(super) zones: BTreeMap<ZoneId, ZoneCount>,
}

/// The zones in which people are counted.
pub(super) fn counted_zones(scene: &Scene) -> impl Iterator<Item = &Zone> {
    scene.zones.iter().filter(|zone| zone.kind == ZoneKind::Count)
}

impl Counted {
    pub(super) fn new(scene: &Scene) -> Self {
        Self {
            started: Instant::now(),
            recording: None,
            summary: Summary::default(),
            took: Duration::ZERO,
            frames: 0,
            people: People::default(),
            lines: scene.lines.iter().map(|line| (line.id.clone(), LineCount::default())).collect(),
            zones: counted_zones(scene)
                .map(|zone| (zone.id.clone(), ZoneCount::default()))
                .collect(),
            crossings: Vec::new(),
            seconds: Vec::new(),
            current: Second::default(),
            inferences: 0,
            analysis: Duration::ZERO,
            decoding: Duration::ZERO,
        }
    }

    pub(super) fn open(&mut self, recording: Recording) {
        self.recording = Some(recording);
    }

    pub(super) fn frame(&mut self, frame: ReplayFrame) {
        let people = u32::try_from(frame.people.len()).unwrap_or(u32::MAX);
        self.frames += 1;
        self.people.add(people);
        self.current.people.add(people);
        for (zone, people) in frame.occupancy {
            self.zones.entry(zone.clone()).or_default().people.add(people);
            self.current.zones.entry(zone).or_default().people.add(people);
        }
        for crossing in frame.crossings {
            for lines in [&mut self.lines, &mut self.current.lines] {
                let line = lines.entry(crossing.line_id.clone()).or_default();
                match crossing.direction {
                    Direction::In => line.inwards += 1,
                    Direction::Out => line.outwards += 1,
                }
            }
            self.crossings.push(CountedCrossing { frame: frame.number, at: frame.at, crossing });
        }
        self.inferences += u64::from(frame.inferences);
        self.analysis += frame.analysis;
        self.decoding += frame.decoding;
    }

    /// A second is over.
    pub(super) fn second(&mut self, second: u64, tally: &SceneTally) {
        self.current.second = second;
        for line in &tally.lines {
            for lines in [&mut self.lines, &mut self.current.lines] {
                let count = lines.entry(line.line_id.clone()).or_default();
                count.raw_in += u64::from(line.raw_in);
                count.raw_out += u64::from(line.raw_out);
            }
        }
        for zone in &tally.zones {
            for zones in [&mut self.zones, &mut self.current.zones] {
                let count = zones.entry(zone.zone_id.clone()).or_default();
                count.entries += u64::from(zone.entries);
                count.exits += u64::from(zone.exits);
                count.stays_ms += zone.dwell_sum_ms;
            }
        }
        self.seconds.push(std::mem::take(&mut self.current));
    }

    pub(super) fn finish(&mut self, summary: Summary) {
        self.summary = summary;
        self.took = self.started.elapsed();
    }

    /// Milliseconds a frame, without decoding.
    pub(super) fn ms_per_frame(&self) -> f64 {
        self.analysis.as_secs_f64() * 1000.0 / self.frames.max(1) as f64
    }

    /// Length of what was read, in seconds of the recording.
    pub(super) fn length(&self) -> f64 {
        let fps = self.recording.as_ref().map_or(1.0, |recording| f64::from(recording.fps));
        self.summary.frames as f64 / fps
    }
}
