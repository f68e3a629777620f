//! The wire types of lines and zones.

use becamera_domain::{
    CameraId, CrossingRules, Directions, InvalidField, Line, LineId, Point, SceneItemId, Zone,
    ZoneId, ZoneKind,
};
use serde::{Deserialize, Serialize};

use super::body::object;

/// What a caller gives of a line.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LineBody {
    line_id: Option<String>,
    from: Option<Point>,
    to: Option<Point>,
    #[serde(deserialize_with = "object")]
    directions: Option<Directions>,
    #[serde(deserialize_with = "object")]
    rules: Option<CrossingRules>,
}

impl LineBody {
    /// The line of this name, checked.
    pub(super) fn into_line(self, id: LineId) -> Result<Line, InvalidField> {
        same_name("line_id", self.line_id.as_deref(), id.as_str())?;
        let missing = |field| InvalidField::new(field, "is required: [x, y]");
        let line = Line {
            id,
            from: self.from.ok_or_else(|| missing("from"))?,
            to: self.to.ok_or_else(|| missing("to"))?,
            directions: self.directions.unwrap_or_default(),
            rules: self.rules.unwrap_or_default(),
        };
        line.validate()?;
        Ok(line)
    }
}

/// What a caller gives of a zone.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ZoneBody {
    zone_id: Option<String>,
    kind: Option<ZoneKind>,
    polygon: Option<Vec<Point>>,
}

impl ZoneBody {
    /// The zone of this name, checked.
    pub(super) fn into_zone(self, id: ZoneId) -> Result<Zone, InvalidField> {
        same_name("zone_id", self.zone_id.as_deref(), id.as_str())?;
        let missing = || InvalidField::new("polygon", "is required: [[x, y], …]");
        let zone = Zone {
            id,
            kind: self.kind.unwrap_or_default(),
            polygon: self.polygon.ok_or_else(missing)?,
        };
        zone.validate()?;
        Ok(zone)
    }
}

fn same_name(field: &'static str, given: Option<&str>, path: &str) -> Result<(), InvalidField> {
    match given {
        Some(given) if given != path => {
            Err(InvalidField::new(field, "must be the same as in the path, or be left out"))
        }
        _ => Ok(()),
    }
}

/// A line.
#[derive(Debug, Serialize)]
pub(super) struct LineDto {
    line_id: LineId,
    from: Point,
    to: Point,
    directions: Directions,
    rules: CrossingRules,
}

impl From<Line> for LineDto {
    fn from(line: Line) -> Self {
        let Line { id: line_id, from, to, directions, rules } = line;
        Self { line_id, from, to, directions, rules }
    }
}

/// A zone.
#[derive(Debug, Serialize)]
pub(super) struct ZoneDto {
    zone_id: ZoneId,
    kind: ZoneKind,
    polygon: Vec<Point>,
}

impl From<Zone> for ZoneDto {
    fn from(zone: Zone) -> Self {
        let Zone { id: zone_id, kind, polygon } = zone;
        Self { zone_id, kind, polygon }
    }
}

/// A camera's lines, by name.
#[derive(Debug, Serialize)]
pub(super) struct LineList {
    pub(super) camera_id: CameraId,
    pub(super) total: usize,
    pub(super) lines: Vec<LineDto>,
}

/// A camera's zones, by name.
#[derive(Debug, Serialize)]
pub(super) struct ZoneList {
    pub(super) camera_id: CameraId,
    pub(super) total: usize,
    pub(super) zones: Vec<ZoneDto>,
}

/// What became of a line or zone that was deleted.
#[derive(Debug, Serialize)]
pub(super) struct Deleted {
    camera_id: CameraId,
    #[serde(flatten)]
    item: DeletedItem,
    status: &'static str,
    message: &'static str,
}

/// Which it was.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum DeletedItem {
    Line { line_id: LineId },
    Zone { zone_id: ZoneId },
}

impl Deleted {
    pub(super) fn of(camera_id: CameraId, id: SceneItemId) -> Self {
        let (item, message) = match id {
            SceneItemId::Line(line_id) => {
                (DeletedItem::Line { line_id }, "Line deleted; its history stays")
            }
            SceneItemId::Zone(zone_id) => {
                (DeletedItem::Zone { zone_id }, "Zone deleted; its history stays")
            }
        };
        Self { camera_id, item, status: "deleted", message }
    }
}
