//! The audit trail: changes, with their time and origin. No secret ever gets in here.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Camera, CameraId, Scene, SiteId, StreamUrl, WorkerId};

/// Longest name of a user, in characters.
const MAX_NAME: usize = 200;
const SYSTEM: &str = "system";
/// The registration's field that holds secrets, and what an operator asked for last.
const STREAM_URL: &str = "stream_url";
const DESIRED_STATE: &str = "desired_state";
const SCENE: &str = "scene";
const LINES: &str = "lines.";
const ZONES: &str = "zones.";

/// An entry's number: microseconds since the Unix epoch when it was made, or a little more where
/// that was taken. Later entries have larger ones; after a restart too, unless the clock was set
/// back meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuditId(pub i64);

impl AuditId {
    /// The number of an entry made now: larger than that of any other that this process made,
    /// for any caller.
    pub fn unique(now: DateTime<Utc>) -> Self {
        static LAST: AtomicI64 = AtomicI64::new(i64::MIN);
        let own = now.timestamp_micros();
        let following = |last: i64| own.max(last.saturating_add(1));
        // It always gives a successor, so the update can't fail.
        let last =
            LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(following(last)));
        Self(following(last.unwrap_or_else(|last| last)))
    }
}

/// The caller that asked for a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// A user's name where a proxy gave one, else the caller's address, else `system`.
    pub who: String,
    /// The caller's address; none when nobody called.
    pub address: Option<IpAddr>,
}

impl Requester {
    /// The service itself.
    pub fn system() -> Self {
        Self { who: SYSTEM.into(), address: None }
    }

    /// A caller from this address, with the user's name as a proxy gave it: control characters
    /// are dropped, and what is beyond 200 characters.
    pub fn caller(address: IpAddr, user: Option<&str>) -> Self {
        let address = address.to_canonical();
        let clean = |user: &str| {
            let shown: String = user.chars().filter(|c| !c.is_control()).collect();
            shown.trim().chars().take(MAX_NAME).collect::<String>()
        };
        let user = user.map(clean).filter(|user| !user.is_empty());
        Self { who: user.unwrap_or_else(|| address.to_string()), address: Some(address) }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditAction {
    /// A camera was registered.
    #[serde(rename = "camera.created")]
    CameraCreated,
    /// A camera's registration was changed.
    #[serde(rename = "camera.updated")]
    CameraUpdated,
    /// A camera was started.
    #[serde(rename = "camera.started")]
    CameraStarted,
    /// A camera was stopped: by an operator, or by the service when a recording had ended or was
    /// given up.
    #[serde(rename = "camera.stopped")]
    CameraStopped,
    /// A camera was deleted.
    #[serde(rename = "camera.deleted")]
    CameraDeleted,
    /// A line was drawn into a camera's picture.
    #[serde(rename = "line.created")]
    LineCreated,
    /// A line was changed.
    #[serde(rename = "line.updated")]
    LineUpdated,
    /// A line was deleted.
    #[serde(rename = "line.deleted")]
    LineDeleted,
    /// A zone was drawn into a camera's picture.
    #[serde(rename = "zone.created")]
    ZoneCreated,
    /// A zone was changed.
    #[serde(rename = "zone.updated")]
    ZoneUpdated,
    /// A zone was deleted.
    #[serde(rename = "zone.deleted")]
    ZoneDeleted,
    /// A worker was restarted by an operator; the camera is the one it had.
    #[serde(rename = "worker.restarted")]
    WorkerRestarted,
    /// A site was made.
    #[serde(rename = "site.created")]
    SiteCreated,
    /// What is said of a site was changed.
    #[serde(rename = "site.updated")]
    SiteUpdated,
    /// A site was deleted.
    #[serde(rename = "site.deleted")]
    SiteDeleted,
    /// How many people are in a site was corrected by hand.
    #[serde(rename = "site.corrected")]
    SiteCorrected,
}

impl AuditAction {
    /// All actions.
    pub const ALL: [Self; 16] = [
        Self::CameraCreated,
        Self::CameraUpdated,
        Self::CameraStarted,
        Self::CameraStopped,
        Self::CameraDeleted,
        Self::LineCreated,
        Self::LineUpdated,
        Self::LineDeleted,
        Self::ZoneCreated,
        Self::ZoneUpdated,
        Self::ZoneDeleted,
        Self::WorkerRestarted,
        Self::SiteCreated,
        Self::SiteUpdated,
        Self::SiteDeleted,
        Self::SiteCorrected,
    ];

    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CameraCreated => "camera.created",
            Self::CameraUpdated => "camera.updated",
            Self::CameraStarted => "camera.started",
            Self::CameraStopped => "camera.stopped",
            Self::CameraDeleted => "camera.deleted",
            Self::LineCreated => "line.created",
            Self::LineUpdated => "line.updated",
            Self::LineDeleted => "line.deleted",
            Self::ZoneCreated => "zone.created",
            Self::ZoneUpdated => "zone.updated",
            Self::ZoneDeleted => "zone.deleted",
            Self::WorkerRestarted => "worker.restarted",
            Self::SiteCreated => "site.created",
            Self::SiteUpdated => "site.updated",
            Self::SiteDeleted => "site.deleted",
            Self::SiteCorrected => "site.corrected",
        }
    }
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number.
    pub id: AuditId,
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// The caller.
    pub by: Requester,
    /// What.
    pub action: AuditAction,
    /// The camera, if it was about one.
    pub camera_id: Option<CameraId>,
    /// The worker, if it was about one.
    pub worker_id: Option<WorkerId>,
    /// The site, if it was about one.
    #[serde(default)]
    pub site_id: Option<SiteId>,
    /// What it changed.
    pub changes: Vec<FieldChange>,
}

/// A field's change. `null` stands for a value that was or is not given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The field's name as the API has it, e.g. `detect.fps`.
    pub field: String,
    /// Its value before; a stream URL without its secrets.
    pub from: Value,
    /// Its value after; a stream URL without its secrets.
    pub to: Value,
    /// For a stream URL: the part that is not shown changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub credentials_changed: bool,
}

impl FieldChange {
    /// A change of what is no secret.
    pub fn new(field: &str, from: impl Into<Value>, to: impl Into<Value>) -> Self {
        let (from, to) = (from.into(), to.into());
        Self { field: field.into(), from, to, credentials_changed: false }
    }

    /// Whether it is about what an operator asked for last, rather than the registration.
    pub fn is_desired_state(&self) -> bool {
        self.field == DESIRED_STATE
    }
}

/// What changed between two registrations of a camera, by field; none stands for not registered.
pub fn changes(before: Option<&Camera>, after: Option<&Camera>) -> Vec<FieldChange> {
    let (old, new) = (before.map(shown).unwrap_or_default(), after.map(shown).unwrap_or_default());
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |of: &BTreeMap<String, Value>, name: &String| of.get(name).cloned();
    let hidden = match (before, after) {
        (Some(before), Some(after)) => differ_in_secret(&before.stream_url, &after.stream_url),
        _ => false,
    };
    let change = |name: &String| {
        let (from, to) = (value(&old, name), value(&new, name));
        let credentials_changed = hidden && name == STREAM_URL;
        (from != to || credentials_changed).then(|| FieldChange {
            field: name.clone(),
            from: from.unwrap_or_default(),
            to: to.unwrap_or_default(),
            credentials_changed,
        })
    };
    names.into_iter().filter_map(change).collect()
}

fn differ_in_secret(before: &StreamUrl, after: &StreamUrl) -> bool {
    let same_to_see = before.to_string() == after.to_string();
    before.credentials() != after.credentials() || (same_to_see && before != after)
}

/// What changed between two scenes, each line and zone by itself: a new one and one that is gone as
/// a whole (`lines.door`), of others the fields that differ (`lines.door.rules.hysteresis`).
pub fn scene_changes(before: &Scene, after: &Scene) -> Vec<(AuditAction, Vec<FieldChange>)> {
    let (old, new) = (drawn(before), drawn(after));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| {
        let (from, to) = (old.get(name), new.get(name));
        if from == to {
            return None;
        }
        let (created, updated, deleted) = match name.starts_with(LINES) {
            true => (AuditAction::LineCreated, AuditAction::LineUpdated, AuditAction::LineDeleted),
            false => (AuditAction::ZoneCreated, AuditAction::ZoneUpdated, AuditAction::ZoneDeleted),
        };
        let whole = |value: Option<&Value>| value.cloned().unwrap_or_default();
        Some(match (from, to) {
            (Some(from), Some(to)) => (updated, differences(name, from, to)),
            (None, _) => (created, vec![FieldChange::new(name, Value::Null, whole(to))]),
            (_, None) => (deleted, vec![FieldChange::new(name, whole(from), Value::Null)]),
        })
    };
    names.into_iter().filter_map(change).collect()
}

/// Fields of two objects that differ.
pub fn differences(path: &str, from: &Value, to: &Value) -> Vec<FieldChange> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    flatten(path, from.clone(), &mut old);
    flatten(path, to.clone(), &mut new);
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |of: &BTreeMap<String, Value>, name: &String| of.get(name).cloned();
    let change = |name: &String| {
        let (from, to) = (value(&old, name), value(&new, name));
        let changed = from != to;
        changed.then(|| FieldChange::new(name, from.unwrap_or_default(), to.unwrap_or_default()))
    };
    names.into_iter().filter_map(change).collect()
}

/// Lines and zones by `lines.NAME` and `zones.NAME`.
fn drawn(scene: &Scene) -> BTreeMap<String, Value> {
    let lines = scene.lines.iter().map(|line| (format!("{LINES}{}", line.id), written(line)));
    let zones = scene.zones.iter().map(|zone| (format!("{ZONES}{}", zone.id), written(zone)));
    let nameless = |(name, mut value): (String, Value)| {
        if let Value::Object(fields) = &mut value {
            fields.remove("id");
        }
        (name, value)
    };
    lines.chain(zones).map(nameless).collect()
}

/// By way of text, which gives numbers as they were written: 0.6, not 0.6000000238.
pub fn written(value: &impl Serialize) -> Value {
    let text = serde_json::to_string(value).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// A registration's fields as the API shows them, those of its settings by their paths.
fn shown(camera: &Camera) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    if let Some(name) = &camera.name {
        fields.insert("name".into(), name.clone().into());
    }
    // Displayed, never exposed: the display form has no credentials.
    fields.insert(STREAM_URL.into(), camera.stream_url.to_string().into());
    fields.insert(DESIRED_STATE.into(), camera.desired.as_str().into());
    let mut settings = written(&camera.settings);
    if let Value::Object(settings) = &mut settings {
        settings.remove(SCENE);
    }
    flatten("", settings, &mut fields);
    fields.extend(drawn(&camera.settings.scene));
    fields
}

fn flatten(path: &str, value: Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(&path, value, into);
            }
        }
        Value::Null => {}
        value => _ = into.insert(path.into(), value),
    }
}

/// Which entries to read: newest first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuditQuery {
    /// Those about this camera alone.
    pub camera_id: Option<CameraId>,
    /// Made at or after this time, UTC.
    pub from: Option<DateTime<Utc>>,
    /// Made before this time, UTC.
    pub to: Option<DateTime<Utc>>,
    /// Older than this entry: where the page before ended.
    pub before: Option<AuditId>,
    /// At most this many.
    pub limit: u32,
}

#[cfg(test)]
mod tests;
