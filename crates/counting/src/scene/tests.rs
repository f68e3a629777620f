//! Walks over lines and through zones.

mod lines;
mod zones;

use becamera_domain::{CrossingRules, Directions, Line, Zone};

use super::*;

/// The picture: distances in it are in pixels, people are 100 pixels tall.
const FRAME: FrameSize = FrameSize::new(1000, 1000);
const HEIGHT: f32 = 100.0;

fn line(id: &str, from: [f64; 2], to: [f64; 2]) -> Line {
    Line {
        id: id.parse().unwrap(),
        from: from.into(),
        to: to.into(),
        directions: Directions::default(),
        rules: CrossingRules::default(),
    }
}

fn zone(id: &str, kind: ZoneKind, polygon: &[[f64; 2]]) -> Zone {
    let polygon = polygon.iter().copied().map(Point::from).collect();
    Zone { id: id.parse().unwrap(), kind, polygon }
}

/// A person whose foot is there, in pixels.
fn person(id: u64, x: f32, y: f32) -> TrackedPerson {
    let bbox = BoundingBox { left: x - 20.0, top: y - HEIGHT, width: 40.0, height: HEIGHT };
    TrackedPerson { id: TrackId(id), bbox, confidence: 0.8, seen: true }
}

fn tenths(frame: usize) -> Duration {
    Duration::from_millis(100 * frame as u64)
}

/// Walks of people, frame by frame at 10 frames a second; none where a person is not in the picture.
/// Gives the crossings as `(track, direction)` and their number before the rules.
fn walk(
    counter: &mut SceneCounter,
    walks: &[&[Option<(f32, f32)>]],
) -> (Vec<(u64, Direction)>, usize) {
    let mut crossings = Vec::new();
    let mut raw = 0;
    for frame in 0..walks.iter().map(|walk| walk.len()).max().unwrap_or(0) {
        let people: Vec<_> = walks
            .iter()
            .zip(1..)
            .filter_map(|(walk, id)| (*walk.get(frame)?).map(|(x, y)| person(id, x, y)))
            .collect();
        let said = counter.update(tenths(frame), &people, FRAME);
        crossings.extend(said.crossings.iter().map(|one| (one.track.0, one.direction)));
        raw += said.raw.len();
    }
    (crossings, raw)
}

/// A walk from place to place, 20 pixels per frame.
fn path(places: &[(f32, f32)]) -> Vec<Option<(f32, f32)>> {
    let mut walk = vec![places[0]];
    for &(x, y) in &places[1..] {
        loop {
            let (now_x, now_y) = walk[walk.len() - 1];
            let (dx, dy) = (x - now_x, y - now_y);
            let distance = dx.hypot(dy);
            if distance < 1e-3 {
                break;
            }
            let share = (20.0 / distance).min(1.0);
            walk.push((now_x + dx * share, now_y + dy * share));
        }
    }
    walk.into_iter().map(Some).collect()
}
