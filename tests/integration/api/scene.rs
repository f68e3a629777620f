//! `/api/v1/cameras/{id}/lines`, `/zones`, `/crossings`, and the counts of lines and zones, on both
//! databases

use becamera::db::DieselStore;
use becamera_actors::ports::WriteStore;
use becamera_domain::{
    CameraId, Crossing, Direction, LineTally, RunId, Sample, SceneTally, WorkerId, Write,
    ZoneTally, settings::StorageSettings,
};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    SOON, clips, fixtures, postgres::Postgres, recorded::utc, rtsp::RtspCamera, service::Service,
    wait_until,
};

const DOOR: &str = "/api/v1/cameras/1/lines/door";
const HALL: &str = "/api/v1/cameras/1/zones/hall";

fn door() -> Value {
    json!({"from": [0.1, 0.5], "to": [0.9, 0.5], "directions": {"in": "to the shop"}})
}

fn hall() -> Value {
    json!({"polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]})
}

#[test]
fn lines_and_zones_are_drawn_changed_read_and_deleted() {
    let service = Service::start();
    service.http.put(DOOR, &door()).refused(404, "camera_not_found");
    service.http.get("/api/v1/cameras/1/lines").refused(404, "camera_not_found");
    let camera = json!({"stream_url": clips::url(&clips::long_mp4())});
    service.http.put("/api/v1/cameras/1", &camera).ok(201);
    for (path, code) in [(DOOR, "line_not_found"), (HALL, "zone_not_found")] {
        service.http.get(path).refused(404, code);
        service.http.delete(path).refused(404, code);
    }

    let drawn = service.http.put(DOOR, &door()).ok(201);
    assert_eq!(drawn["line_id"], "door");
    assert_eq!(drawn["directions"], json!({"in": "to the shop", "out": "out"}));
    assert_eq!(drawn["rules"]["min_age_ms"], 200);
    assert_eq!(service.http.put(DOOR, &door()).ok(200), drawn, "once more is the same");
    assert_eq!(service.http.put(HALL, &hall()).ok(201)["kind"], "count");
    let gate = json!({"from": [0.5, 0.1], "to": [0.5, 0.9], "rules": {"hysteresis": 0.2}});
    service.http.put("/api/v1/cameras/1/lines/a-gate", &gate).ok(201);
    let wrong = json!({"from": [0.1, 0.5], "to": [0.9, 1.5]});
    let refused = service.http.put(DOOR, &wrong).refused(400, "invalid_field");
    assert_eq!(refused.json["details"]["field"], "to");

    // A new registration keeps them, and so does a restart.
    service.http.put("/api/v1/cameras/1", &camera).ok(200);
    let service = service.restart();
    assert_eq!(service.http.get(DOOR).ok(200), drawn);
    let lines = service.http.get("/api/v1/cameras/1/lines").ok(200);
    assert_eq!((&lines["total"], &lines["lines"][1]), (&2.into(), &drawn));
    let zones = service.http.get("/api/v1/cameras/1/zones").ok(200);
    assert_eq!(zones["zones"][0]["zone_id"], "hall");
    let view = service.camera(1);
    assert_eq!((&view["lines"], &view["zones"]), (&lines["lines"], &zones["zones"]));

    let moved = json!({"from": [0.1, 0.6], "to": [0.9, 0.5]});
    service.http.put(DOOR, &moved).ok(200);
    assert_eq!(service.http.delete(DOOR).ok(200)["status"], "deleted");
    service.http.get(DOOR).refused(404, "line_not_found");
    service.http.delete(HALL).ok(200);
    let expected = [
        "camera.created",
        "line.created",
        "zone.created",
        "line.created",
        "line.updated",
        "line.deleted",
        "zone.deleted",
    ];
    let mut entries = Vec::new();
    wait_until("all of it is recorded", SOON, || {
        let audit = service.http.get("/api/v1/cameras/1/audit").ok(200);
        entries = audit["entries"].as_array().unwrap().clone();
        entries.len() == expected.len()
    });
    let actions: Vec<_> = entries.iter().rev().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, expected);
    assert_eq!(entries[5]["changes"][0]["field"], "lines.door");
    assert_eq!(entries[5]["changes"][0]["to"]["from"], json!([0.1, 0.5]));
    let fields: Vec<_> =
        entries[2]["changes"].as_array().unwrap().iter().map(|c| c["field"].clone()).collect();
    assert_eq!(fields, ["lines.door.directions.in", "lines.door.from"]);
}

#[test]
fn a_running_stream_goes_on_when_lines_are_drawn() {
    let service = Service::start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    let (before, _) = service.wait_new_count(1);
    service.http.put(DOOR, &door()).ok(201);
    service.http.put(HALL, &hall()).ok(201);
    service.http.delete(DOOR).ok(200);
    let (after, _) = service.wait_new_count(1);
    assert_eq!(after["since"], before["since"]);
    assert_eq!(after["zones"][0]["zone_id"], "hall");
    assert_eq!(service.log_lines(&["opened by"]).len(), 1);
}

/// A database with an hour of one camera: a sample every minute; somebody comes in every minute and
/// goes out every other one.
pub fn recorded(url: &str) -> Service {
    let settings = StorageSettings { database_url: url.into(), ..StorageSettings::default() };
    let store = DieselStore::connect(&settings).unwrap();
    let camera_id = CameraId::try_from(1).unwrap();
    let start = utc("2024-05-01T10:00:00Z");
    let mut writes = vec![
        Write::SaveCamera(Box::new(fixtures::camera(1))),
        Write::SaveCamera(Box::new(fixtures::camera(2))),
    ];
    for minute in 0..60u32 {
        let at = start + TimeDelta::minutes(minute.into());
        let mut dwell = [0; 9];
        dwell[2] = minute % 2;
        let hall = ZoneTally {
            zone_id: "hall".parse().unwrap(),
            people_last: 1,
            people_min: 0,
            people_max: 3,
            people_sum: 20,
            entries: 1,
            exits: minute % 2,
            dwell,
            dwell_sum_ms: u64::from(minute % 2) * 20_000,
        };
        let line = LineTally { line_id: "door".parse().unwrap(), raw_in: 2, raw_out: 1 };
        writes.push(Write::Sample(Sample {
            camera_id,
            run: RunId(1),
            seq: minute,
            bucket_start: at,
            frames: 10,
            people_last: 2,
            people_min: 2,
            people_max: 2,
            people_sum: 20,
            covered_ms: 60_000,
            inference_ms_mean: 9.5,
            worker_id: WorkerId::from_index(0),
            scene: SceneTally { lines: vec![line], zones: vec![hall] },
        }));
        for (line, direction) in [("door", Direction::In), ("gate", Direction::Out)] {
            if direction == Direction::Out && minute % 2 == 0 {
                continue;
            }
            let is_in = direction == Direction::In;
            writes.push(Write::Crossing(Crossing {
                camera_id,
                run: RunId(1),
                seq: minute * 2 + u32::from(!is_in),
                line_id: line.parse().unwrap(),
                direction,
                direction_name: if is_in { "to the shop" } else { "out" }.into(),
                track_id: minute.into(),
                at: at + TimeDelta::milliseconds(1_500),
                confidence: 0.5,
            }));
        }
    }
    store.write(&writes).unwrap();
    Service::with()
        .env("DATABASE_URL", url)
        .set("STORAGE_RETENTION_SAMPLES", "forever")
        .set("STORAGE_RETENTION_MINUTES", "forever")
        .set("STORAGE_RETENTION_CROSSINGS", "forever")
        .start()
}

#[test]
fn sqlite() {
    let folder = TempDir::new().unwrap();
    history(&recorded(&format!("sqlite:{}/lines.sqlite3", folder.path().display())));
}

#[test]
fn postgresql() {
    let server = Postgres::start();
    history(&recorded(&server.database("lines")));
}

const SPAN: &str = "from=2024-05-01T09:00:00Z&to=2024-05-01T11:00:00Z";

fn history(service: &Service) {
    counts_have_crossings_beside_people(service);
    a_line_and_a_zone_have_counts_of_their_own(service);
    crossings_are_listed(service);
    what_never_was_is_said(service);
}

fn get(service: &Service, path: &str) -> Value {
    service.http.get(&format!("/api/v1/{path}")).ok(200)
}

fn csv(service: &Service, path: &str) -> Vec<String> {
    let answer = service.http.get(&format!("/api/v1/{path}&format=csv"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text.lines().map(str::to_owned).collect()
}

fn flow(bucket: &Value) -> (i64, i64, i64) {
    let number = |name: &str| bucket[name].as_i64().unwrap_or_else(|| panic!("{name}: {bucket}"));
    (number("in"), number("out"), number("net"))
}

fn counts_have_crossings_beside_people(service: &Service) {
    let counts = get(service, &format!("cameras/1/counts?resolution=hour&{SPAN}"));
    let buckets = counts["buckets"].as_array().unwrap();
    assert_eq!(flow(&buckets[0]), (0, 0, 0));
    assert_eq!((flow(&buckets[1]), &buckets[1]["people_mean"]), ((60, 30, 30), &2.0.into()));
    let one = get(service, &format!("cameras/1/counts?resolution=hour&line=door&{SPAN}"));
    assert_eq!(flow(&one["buckets"][1]), (60, 0, 60));
    let minutes = "from=2024-05-01T10:02:00Z&to=2024-05-01T10:04:00Z&resolution=minute";
    let minutes = get(service, &format!("cameras/1/counts?{minutes}"));
    assert_eq!(flow(&minutes["buckets"][1]), (1, 1, 0));
    let both = get(service, &format!("counts?{SPAN}"));
    assert_eq!(flow(&both["cameras"][0]["buckets"][1]), (60, 30, 30));
    assert_eq!(flow(&both["cameras"][1]["buckets"][1]), (0, 0, 0));
    let total = get(service, &format!("counts?group=total&line=gate&tz=Asia/Kolkata&{SPAN}"));
    let total: i64 = total["buckets"].as_array().unwrap().iter().map(|bucket| flow(bucket).1).sum();
    assert_eq!(total, 30);
    let rows = csv(service, &format!("cameras/1/counts?resolution=day&{SPAN}"));
    assert!(rows[0].ends_with(",coverage,in,out,net"), "{rows:?}");
    assert!(rows[1].ends_with(",60,30,30"), "{rows:?}");
}

fn a_line_and_a_zone_have_counts_of_their_own(service: &Service) {
    // Neither is drawn any more: what was counted stays.
    let line = get(service, &format!("cameras/1/lines/door/counts?{SPAN}"));
    let bucket = &line["buckets"][1];
    assert_eq!((flow(bucket), &line["line_id"]), ((60, 0, 60), &"door".into()));
    assert_eq!((&bucket["raw_in"], &bucket["raw_out"]), (&120.into(), &60.into()));
    assert_eq!(bucket["coverage"], 1.0);
    let page = get(service, &format!("cameras/1/lines/door/counts?limit=1&{SPAN}"));
    let next = page["next_cursor"].as_str().unwrap();
    let page = get(service, &format!("cameras/1/lines/door/counts?cursor={next}&{SPAN}"));
    assert_eq!(page["buckets"], json!([bucket]));
    let rows = csv(service, &format!("cameras/1/lines/door/counts?resolution=day&{SPAN}"));
    assert_eq!(rows[0], "bucket_start,bucket_end,in,out,net,raw_in,raw_out,covered_ms,coverage");
    assert_eq!(rows[1], "2024-05-01T09:00:00Z,2024-05-01T11:00:00Z,60,0,60,120,60,3600000,0.5");

    let zone = get(service, &format!("cameras/1/zones/hall/counts?{SPAN}"));
    assert_eq!(zone["dwell_bounds_s"], json!([5, 10, 30, 60, 120, 300, 600, 1800]));
    assert_eq!(zone["buckets"][0]["people_mean"], Value::Null);
    let bucket = &zone["buckets"][1];
    for (name, value) in [
        ("people_mean", json!(2.0)),
        ("people_min", json!(0)),
        ("people_max", json!(3)),
        ("entries", json!(60)),
        ("exits", json!(30)),
        ("dwell", json!([0, 0, 30, 0, 0, 0, 0, 0, 0])),
        ("dwell_mean_ms", json!(20_000.0)),
        ("coverage", json!(1.0)),
    ] {
        assert_eq!(bucket[name], value, "{name}");
    }
    let rows = csv(service, &format!("cameras/1/zones/hall/counts?resolution=day&{SPAN}"));
    assert_eq!(rows[0].split(',').count(), rows[1].split(',').count());
    assert!(rows[1].ends_with(",600,2.0,0,3,60,30,0,0,30,0,0,0,0,0,0,20000.0,3600000,0.5"));
}

fn crossings_are_listed(service: &Service) {
    let first = get(service, "cameras/1/crossings?limit=2");
    let crossings = first["crossings"].as_array().unwrap();
    assert_eq!(
        crossings[0],
        json!({
            "event_id": "1-0", "camera_id": 1, "line_id": "door", "direction": "in",
            "direction_name": "to the shop", "track_id": 0, "at": "2024-05-01T10:00:01.500Z",
            "confidence": 0.5,
        })
    );
    let mut all = crossings.clone();
    let mut cursor = first["next_cursor"].clone();
    while let Some(next) = cursor.as_str() {
        let page = get(service, &format!("cameras/1/crossings?limit=40&cursor={next}"));
        all.extend(page["crossings"].as_array().unwrap().clone());
        cursor = page["next_cursor"].clone();
    }
    let ids: std::collections::BTreeSet<_> =
        all.iter().map(|crossing| crossing["event_id"].as_str().unwrap()).collect();
    assert_eq!((all.len(), ids.len()), (90, 90));
    let narrow = "from=2024-05-01T10:10:00Z&to=2024-05-01T10:20:00Z&line=gate&direction=out";
    let narrow = get(service, &format!("cameras/1/crossings?{narrow}"));
    assert_eq!(narrow["crossings"].as_array().unwrap().len(), 5);
    let rows = csv(service, "cameras/1/crossings?direction=out&tz=Asia/Tokyo");
    assert_eq!(rows.len(), 31);
    assert!(rows[1].contains("2024-05-01T19:01:01.500+09:00"), "{}", rows[1]);
    assert_eq!(get(service, "cameras/2/crossings")["crossings"], json!([]));
}

fn what_never_was_is_said(service: &Service) {
    let refused = |path: &str, status, code: &str| {
        service.http.get(&format!("/api/v1/{path}")).refused(status, code)
    };
    refused("cameras/1/lines/exit/counts", 404, "line_not_found");
    refused("cameras/2/lines/door/counts", 404, "line_not_found");
    refused("cameras/1/zones/door/counts", 404, "zone_not_found");
    refused("cameras/9/zones/door/counts", 404, "camera_not_found");
    refused("cameras/1/counts?resolution=day&line=exit", 404, "line_not_found");
    refused("cameras/9/crossings", 404, "camera_not_found");
    let seconds = refused("cameras/1/counts?line=door", 400, "invalid_field");
    assert_eq!(seconds.json["details"]["field"], "line");
}
