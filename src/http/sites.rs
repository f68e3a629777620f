//! `/sites`: how many people are in places with several doors.

use std::collections::BTreeSet;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use becamera_actors::messages::{CorrectSite, DeleteSite, GetCameras, GetSite, GetSites, PutSite};
use becamera_domain::{
    CameraId, CorrectionChange, InvalidField, LineId, LiveSite, MAX_OCCUPANCY, Member, Site,
    SiteId, SiteSettings,
};
use becamera_history::sites::SiteView;
use serde::{Deserialize, Serialize};

use super::{HttpState, ask::ask, body, envelope, error::ApiError, times::Timestamp};

pub(super) async fn list(state: Data<HttpState>) -> Result<HttpResponse, ApiError> {
    let views = ask(&state.sites, GetSites).await?;
    let doors = doors(&state).await?;
    let sites: Vec<_> = views.into_iter().map(|view| SiteDto::new(view, &doors)).collect();
    Ok(envelope::ok(SiteList { total: sites.len(), sites }))
}

pub(super) async fn get(
    state: Data<HttpState>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let view = ask(&state.sites, GetSite(id.parse()?)).await??;
    Ok(envelope::ok(SiteDto::new(view, &doors(&state).await?)))
}

pub(super) async fn put(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let site_id: SiteId = id.parse()?;
    let body: SiteBody = body::read(&request, payload, state.body_limit).await?;
    let settings = body.into_settings(&site_id)?;
    let doors = doors(&state).await?;
    for Member { camera_id, line_id, .. } in &settings.members {
        if !doors.contains(&(*camera_id, line_id.clone())) {
            let reason = format!("camera {camera_id} has no line {line_id}");
            return Err(InvalidField::new("members", reason).into());
        }
    }
    let by = state.callers.requester(&request);
    let (view, is_new) = ask(&state.sites, PutSite { site_id, settings, by }).await??;
    let site = SiteDto::new(view, &doors);
    Ok(if is_new { envelope::created(site) } else { envelope::ok(site) })
}

pub(super) async fn delete(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (site_id, by) = (id.parse::<SiteId>()?, state.callers.requester(&request));
    ask(&state.sites, DeleteSite { site_id: site_id.clone(), by }).await??;
    Ok(envelope::ok(SiteOutcome { site_id, status: "deleted", message: "Site deleted" }))
}

pub(super) async fn correct(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let site_id: SiteId = id.parse()?;
    let body: CorrectionBody = body::read(&request, payload, state.body_limit).await?;
    let (change, by) = (body.into_change()?, state.callers.requester(&request));
    let view = ask(&state.sites, CorrectSite { site_id, change, by }).await??;
    Ok(envelope::ok(SiteDto::new(view, &doors(&state).await?)))
}

/// Every line of every camera.
async fn doors(state: &HttpState) -> Result<BTreeSet<(CameraId, LineId)>, ApiError> {
    let cameras = ask(&state.pool, GetCameras).await?;
    let lines = cameras.into_iter().flat_map(|view| {
        let id = view.camera.id;
        view.camera.settings.scene.lines.into_iter().map(move |line| (id, line.id))
    });
    Ok(lines.collect())
}

/// What a caller says of a site.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SiteBody {
    site_id: Option<String>,
    name: Option<String>,
    timezone: Option<String>,
    reset_at: Option<String>,
    capacity: Option<u32>,
    members: Option<Vec<Member>>,
}

impl SiteBody {
    fn into_settings(self, id: &SiteId) -> Result<SiteSettings, InvalidField> {
        if self.site_id.is_some_and(|given| given != id.as_str()) {
            let reason = "must be the same as in the path, or be left out";
            return Err(InvalidField::new("site_id", reason));
        }
        let mut settings = SiteSettings {
            name: self.name,
            capacity: self.capacity,
            members: self.members.unwrap_or_default(),
            ..SiteSettings::default()
        };
        if let Some(name) = self.timezone {
            settings.timezone = name.parse().map_err(|_| {
                let reason = "must be a time zone of the IANA database, such as Europe/Berlin";
                InvalidField::new("timezone", reason)
            })?;
        }
        if let Some(time) = self.reset_at {
            settings.reset_at = SiteSettings::time_of_day(&time)
                .ok_or_else(|| InvalidField::new("reset_at", "must be a time such as 04:00"))?;
        }
        settings.validate()?;
        Ok(settings)
    }
}

/// How a caller corrects a site.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CorrectionBody {
    occupancy: Option<u32>,
    delta: Option<i32>,
}

impl CorrectionBody {
    fn into_change(self) -> Result<CorrectionChange, InvalidField> {
        match (self.occupancy, self.delta) {
            (Some(people), None) if people <= MAX_OCCUPANCY => Ok(CorrectionChange::Set(people)),
            (None, Some(more)) if more.unsigned_abs() <= MAX_OCCUPANCY => {
                Ok(CorrectionChange::Add(more))
            }
            (Some(_), Some(_)) => {
                Err(InvalidField::new("delta", "can't be given together with occupancy"))
            }
            (None, None) => Err(InvalidField::new("occupancy", "is required, or delta")),
            (Some(_), None) => {
                let reason = format!("must be from 0 to {MAX_OCCUPANCY}");
                Err(InvalidField::new("occupancy", reason))
            }
            (None, Some(_)) => {
                let reason = format!("must be from -{MAX_OCCUPANCY} to {MAX_OCCUPANCY}");
                Err(InvalidField::new("delta", reason))
            }
        }
    }
}

/// A site.
#[derive(Debug, Serialize)]
struct SiteDto {
    #[serde(flatten)]
    live: LiveSite,
    next_reset_at: Timestamp,
    name: Option<String>,
    timezone: &'static str,
    reset_at: String,
    members: Vec<MemberDto>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A door. `missing`: there is no such line now, so nothing is counted at it.
#[derive(Debug, Serialize)]
struct MemberDto {
    camera_id: CameraId,
    line_id: LineId,
    invert: bool,
    missing: bool,
}

impl SiteDto {
    fn new(view: SiteView, doors: &BTreeSet<(CameraId, LineId)>) -> Self {
        let SiteView { site, live, next_reset_at } = view;
        let Site { id: _, settings, created_at, updated_at } = site;
        let SiteSettings { name, timezone, reset_at, capacity: _, members } = settings;
        let member = |Member { camera_id, line_id, invert }| {
            let missing = !doors.contains(&(camera_id, LineId::clone(&line_id)));
            MemberDto { camera_id, line_id, invert, missing }
        };
        Self {
            live,
            next_reset_at: Timestamp(next_reset_at),
            name,
            timezone: timezone.name(),
            reset_at: reset_at.format("%H:%M").to_string(),
            members: members.into_iter().map(member).collect(),
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
        }
    }
}

/// All sites, by name.
#[derive(Debug, Serialize)]
struct SiteList {
    total: usize,
    sites: Vec<SiteDto>,
}

/// What became of a site that was deleted.
#[derive(Debug, Serialize)]
struct SiteOutcome {
    site_id: SiteId,
    status: &'static str,
    message: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_checked_field_by_field() {
        let id: SiteId = "shop".parse().unwrap();
        let read = |text: &str| serde_json::from_str::<SiteBody>(text).unwrap().into_settings(&id);
        let settings = read(r#"{"site_id":"shop","timezone":"Asia/Tokyo","reset_at":"05:30"}"#);
        let settings = settings.unwrap();
        assert_eq!((settings.timezone.name(), settings.members.len()), ("Asia/Tokyo", 0));
        assert_eq!(settings.reset_at.to_string(), "05:30:00");
        assert_eq!(read("{}").unwrap().reset_at.to_string(), "04:00:00");
        for (text, field) in [
            (r#"{"site_id":"bar"}"#, "site_id"),
            (r#"{"timezone":"Mars"}"#, "timezone"),
            (r#"{"reset_at":"4 am"}"#, "reset_at"),
            (r#"{"capacity":0}"#, "capacity"),
            (r#"{"name":""}"#, "name"),
        ] {
            assert_eq!(read(text).unwrap_err().field, field, "{text}");
        }
    }

    #[test]
    fn a_correction_says_one_thing() {
        let read = |text: &str| serde_json::from_str::<CorrectionBody>(text).unwrap().into_change();
        assert_eq!(read(r#"{"occupancy":7}"#), Ok(CorrectionChange::Set(7)));
        assert_eq!(read(r#"{"delta":-2}"#), Ok(CorrectionChange::Add(-2)));
        for (text, field) in [
            ("{}", "occupancy"),
            (r#"{"occupancy":1,"delta":1}"#, "delta"),
            (r#"{"occupancy":4000000000}"#, "occupancy"),
            (r#"{"delta":-2147483648}"#, "delta"),
        ] {
            assert_eq!(read(text).unwrap_err().field, field, "{text}");
        }
    }
}
