//! What a sample says of lines and zones, as the text of one column.

use becamera_domain::{DWELL_BOUNDS, LineId, LineTally, SceneTally, ZoneId, ZoneTally};
use serde::{Deserialize, Serialize};

/// `samples.scene`: arrays without names, since there is one every second. The order is written down
/// in the migration that made the column.
#[derive(Serialize, Deserialize)]
struct StoredTally {
    lines: Vec<(LineId, u32, u32)>,
    zones: Vec<StoredZone>,
}

/// Name, people (last, fewest, most, summed up), entries, exits, and the dwell times of people who
/// left.
type StoredZone = (ZoneId, u32, u32, u32, u32, u32, u32, Option<Stays>);
type Stays = ([u32; DWELL_BOUNDS.len() + 1], u64);

/// What a sample says of lines and zones, as text; none where it says nothing.
pub(super) fn to_text(tally: &SceneTally) -> Result<Option<String>, String> {
    if tally.is_empty() {
        return Ok(None);
    }
    let line = |l: &LineTally| (l.line_id.clone(), l.raw_in, l.raw_out);
    let zone = |z: &ZoneTally| {
        let stays = (z.dwell, z.dwell_sum_ms);
        let stays = (stays != Stays::default()).then_some(stays);
        let people = (z.people_last, z.people_min, z.people_max, z.people_sum);
        let (last, min, max, sum) = people;
        (z.zone_id.clone(), last, min, max, sum, z.entries, z.exits, stays)
    };
    let stored = StoredTally {
        lines: tally.lines.iter().map(line).collect(),
        zones: tally.zones.iter().map(zone).collect(),
    };
    serde_json::to_string(&stored).map(Some).map_err(|error| error.to_string())
}

/// What the text of a column says.
pub(super) fn from_text(text: Option<&str>) -> Result<SceneTally, String> {
    let Some(text) = text else { return Ok(SceneTally::default()) };
    let stored: StoredTally = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let line = |(line_id, raw_in, raw_out)| LineTally { line_id, raw_in, raw_out };
    let zone = |(zone_id, last, min, max, sum, entries, exits, stays): StoredZone| {
        let (dwell, dwell_sum_ms) = stays.unwrap_or_default();
        ZoneTally {
            zone_id,
            people_last: last,
            people_min: min,
            people_max: max,
            people_sum: sum,
            entries,
            exits,
            dwell,
            dwell_sum_ms,
        }
    };
    Ok(SceneTally {
        lines: stored.lines.into_iter().map(line).collect(),
        zones: stored.zones.into_iter().map(zone).collect(),
    })
}
