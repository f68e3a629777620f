//! Lines and zones alike: what can be drawn into a camera's picture and taken away again.

use crate::{Line, LineId, Scene, Zone, ZoneId};

/// Something that is drawn into a camera's picture.
#[derive(Debug, Clone, PartialEq)]
pub enum SceneItem {
    /// A line that people cross.
    Line(Line),
    /// A zone in which people are counted, or left out.
    Zone(Zone),
}

/// The name of a [`SceneItem`] within its camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SceneItemId {
    /// Of a line.
    Line(LineId),
    /// Of a zone.
    Zone(ZoneId),
}

impl std::fmt::Display for SceneItemId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(id) => write!(f, "line {id}"),
            Self::Zone(id) => write!(f, "zone {id}"),
        }
    }
}

impl From<Line> for SceneItem {
    fn from(line: Line) -> Self {
        Self::Line(line)
    }
}

impl From<Zone> for SceneItem {
    fn from(zone: Zone) -> Self {
        Self::Zone(zone)
    }
}

impl From<LineId> for SceneItemId {
    fn from(id: LineId) -> Self {
        Self::Line(id)
    }
}

impl From<ZoneId> for SceneItemId {
    fn from(id: ZoneId) -> Self {
        Self::Zone(id)
    }
}

impl Scene {
    /// The names of everything that is drawn.
    pub fn ids(&self) -> impl Iterator<Item = SceneItemId> {
        let lines = self.lines.iter().map(|line| line.id.clone().into());
        lines.chain(self.zones.iter().map(|zone| zone.id.clone().into()))
    }

    /// Draws an item, or replaces the one of its name. Answers whether it is new.
    pub fn put(&mut self, item: SceneItem) -> bool {
        match item {
            SceneItem::Line(line) => put(&mut self.lines, line, |line| &line.id),
            SceneItem::Zone(zone) => put(&mut self.zones, zone, |zone| &zone.id),
        }
    }

    /// Takes an item away. Answers whether it was there.
    pub fn remove(&mut self, id: &SceneItemId) -> bool {
        let items = |scene: &Self| scene.lines.len() + scene.zones.len();
        let before = items(self);
        match id {
            SceneItemId::Line(id) => self.lines.retain(|line| line.id != *id),
            SceneItemId::Zone(id) => self.zones.retain(|zone| zone.id != *id),
        }
        items(self) < before
    }
}

/// Keeps items in the order of their names.
fn put<T, Id: Ord>(items: &mut Vec<T>, item: T, id: impl Fn(&T) -> &Id) -> bool {
    match items.binary_search_by(|other| id(other).cmp(id(&item))) {
        Ok(place) => {
            items[place] = item;
            false
        }
        Err(place) => {
            items.insert(place, item);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_replaced_by_name_and_stay_in_order() {
        let zone = |name: &str| Zone {
            id: name.parse().unwrap(),
            kind: Default::default(),
            polygon: Vec::new(),
        };
        let mut scene = Scene::default();
        assert!(scene.put(zone("till").into()) && scene.put(zone("hall").into()));
        assert!(!scene.put(zone("till").into()));
        let names: Vec<_> = scene.ids().map(|id| id.to_string()).collect();
        assert_eq!(names, ["zone hall", "zone till"]);
        let hall = zone("hall").id.into();
        assert!(scene.remove(&hall) && !scene.remove(&hall));
    }
}
