//! What was counted on lines and in zones since a stream was opened, for pictures and live counts.

use becamera_domain::{Direction, LineId, Scene, ZoneId};

use crate::scene::SceneFrame;

/// Counts since a stream was opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SceneTotals {
    /// Crossings of each line: in its first and in its second direction.
    pub crossings: Vec<(LineId, [u64; 2])>,
    /// Number of people in each zone now.
    pub occupancy: Vec<(ZoneId, u32)>,
}

impl SceneTotals {
    /// Totals of a scene on which nothing was counted yet.
    pub fn new(scene: &Scene) -> Self {
        let mut totals = Self::default();
        totals.update_scene(scene);
        totals
    }

    /// Goes on with another scene: lines that keep their ids keep their counts.
    pub fn update_scene(&mut self, scene: &Scene) {
        let old = std::mem::take(&mut self.crossings);
        let crossed = |id: &LineId| old.iter().find(|(other, _)| other == id).map(|line| line.1);
        let lines = scene.lines.iter().map(|line| &line.id);
        self.crossings = lines.map(|id| (id.clone(), crossed(id).unwrap_or_default())).collect();
        self.occupancy.retain(|(id, _)| scene.zones.iter().any(|zone| zone.id == *id));
    }

    /// Adds what happened with a frame.
    pub fn take(&mut self, said: &SceneFrame) {
        self.occupancy.clone_from(&said.occupancy);
        for crossing in &said.crossings {
            let of = |line: &&mut (LineId, [u64; 2])| line.0 == crossing.line_id;
            if let Some((_, counts)) = self.crossings.iter_mut().find(of) {
                counts[usize::from(crossing.direction == Direction::Out)] += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scene::LineCrossing, track::TrackId};

    fn scene(lines: &[&str]) -> Scene {
        let line = |id| serde_json::json!({"id": id, "from": [0.1, 0.9], "to": [0.9, 0.9]});
        let lines: Vec<_> = lines.iter().map(line).collect();
        serde_json::from_value(serde_json::json!({"lines": lines, "zones": []})).unwrap()
    }

    #[test]
    fn a_line_that_stays_keeps_its_count() {
        let mut totals = SceneTotals::new(&scene(&["back", "door"]));
        let crossing = |direction| LineCrossing {
            line_id: "door".parse().unwrap(),
            direction,
            direction_name: String::new(),
            track: TrackId(1),
            confidence: 0.5,
        };
        let said = SceneFrame {
            crossings: [Direction::Out, Direction::In, Direction::Out].map(crossing).into(),
            occupancy: vec![("hall".parse().unwrap(), 3)],
            ..SceneFrame::default()
        };
        totals.take(&said);
        assert_eq!(totals.occupancy, said.occupancy);
        totals.update_scene(&scene(&["door", "side"]));
        let expected = [("door", [1, 2]), ("side", [0, 0])];
        assert_eq!(totals.crossings, expected.map(|(id, n)| (id.parse().unwrap(), n)));
        assert_eq!(totals.occupancy, [], "the zone is gone");
    }
}
