//! `/api/v1/sites`, on both databases

use becamera::db::{DieselStore, SqliteSpool};
use becamera_actors::ports::{CrossingReader, Spool, WriteStore};
use becamera_domain::{
    CameraId, Crossing, CrossingQuery, Direction, RunId, Write, settings::StorageSettings,
};
use chrono::{DateTime, TimeDelta, Utc};
use deadpool_redis::redis::{self, Commands};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    SOON, fixtures, postgres::Postgres, redis::Redis, service::Service, sse::Events, wait_until,
};

const SHOP: &str = "/api/v1/sites/shop";

fn crossing(camera: i64, seq: u32, direction: Direction, at: DateTime<Utc>) -> Crossing {
    Crossing {
        camera_id: CameraId::try_from(camera).unwrap(),
        run: RunId(camera as u64),
        seq,
        line_id: "door".parse().unwrap(),
        direction,
        direction_name: direction.as_str().into(),
        track_id: seq.into(),
        at,
        confidence: 0.5,
    }
}

fn whole(camera: i64) -> CrossingQuery {
    CrossingQuery {
        camera_id: CameraId::try_from(camera).unwrap(),
        line_id: None,
        direction: None,
        from: None,
        to: None,
        after: None,
        limit: 1_000,
    }
}

/// A reset time that was some hours ago: nothing in these tests is at midnight by chance.
fn reset_at() -> String {
    (Utc::now() - TimeDelta::hours(6)).format("%H:%M").to_string()
}

fn shop(members: &[(i64, &str, bool)]) -> Value {
    let member = |(camera, line, invert): &(i64, &str, bool)| json!({"camera_id": camera, "line_id": line, "invert": invert});
    json!({
        "name": "Shop",
        "timezone": "UTC",
        "reset_at": reset_at(),
        "capacity": 80,
        "members": members.iter().map(member).collect::<Vec<_>>(),
    })
}

/// Two cameras; five come in at the first, one of them before the reset; one goes at the second.
fn prepare(url: &str) {
    let settings = StorageSettings { database_url: url.into(), ..StorageSettings::default() };
    let store = DieselStore::connect(&settings).unwrap();
    let ago = |minutes| Utc::now() - TimeDelta::minutes(minutes);
    let cameras = [1, 2].map(|id| {
        let mut camera = fixtures::camera(id);
        let line = r#"{"id": "door", "from": [0.1, 0.5], "to": [0.9, 0.5]}"#;
        camera.settings.scene.lines = vec![serde_json::from_str(line).unwrap()];
        Write::SaveCamera(Box::new(camera))
    });
    let mut crossings = vec![crossing(1, 0, Direction::In, ago(7 * 60))];
    crossings.extend((1..5).map(|seq| crossing(1, seq, Direction::In, ago(10))));
    crossings.push(crossing(2, 0, Direction::In, ago(5)));
    let crossings = crossings.into_iter().map(Write::Crossing);
    store.write(&cameras.into_iter().chain(crossings).collect::<Vec<_>>()).unwrap();
}

#[test]
fn sqlite() {
    let folder = TempDir::new().unwrap();
    check(&format!("sqlite:{}/sites.sqlite3", folder.path().display()));
}

#[test]
fn postgresql() {
    let server = Postgres::start();
    check(&server.database("sites"));
}

fn check(url: &str) {
    prepare(url);
    let service = Service::with().env("DATABASE_URL", url).start();
    service.http.get(SHOP).refused(404, "site_not_found");
    let unknown =
        service.http.put(SHOP, &shop(&[(1, "gate", false)])).refused(400, "invalid_field");
    assert_eq!(unknown.json["details"]["field"], "members");
    assert!(unknown.error().contains("camera 1 has no line gate"), "{}", unknown.error());
    let wrong = json!({"timezone": "Mars"});
    let wrong = service.http.put(SHOP, &wrong).refused(400, "invalid_field");
    assert_eq!(wrong.json["details"]["field"], "timezone");

    // The day so far is counted, and what was before the reset is not.
    let both = shop(&[(1, "door", false), (2, "door", true)]);
    let made = service.http.put(SHOP, &both).ok(201);
    assert_eq!((&made["occupancy"], &made["in"], &made["out"]), (&3.into(), &4.into(), &1.into()));
    assert_eq!(
        made["members"][1],
        json!({
            "camera_id": 2, "line_id": "door", "invert": true, "missing": false
        })
    );
    assert_eq!(service.http.put(SHOP, &both).ok(200)["occupancy"], 3);
    assert_eq!(service.metrics().metric("becamera_site_occupancy{site=\"shop\"}"), Some(3.0));

    let correct = |body: Value| service.http.post(&format!("{SHOP}/correction"), &body);
    assert_eq!(correct(json!({"occupancy": 10})).ok(200)["occupancy"], 10);
    assert_eq!(correct(json!({"delta": -4})).ok(200)["occupancy"], 6);
    assert_eq!(correct(json!({"delta": -400})).ok(200)["occupancy"], 0);
    assert_eq!(correct(json!({"occupancy": 7})).ok(200)["occupancy"], 7);
    correct(json!({})).refused(400, "invalid_field");
    correct(json!({"occupancy": -1})).refused(400, "invalid_field");
    service
        .http
        .post("/api/v1/sites/bar/correction", &json!({"delta": 1}))
        .refused(404, "site_not_found");

    let service = service.restart();
    let shown = service.http.get(SHOP).ok(200);
    assert_eq!((&shown["occupancy"], &shown["in"]), (&7.into(), &4.into()));
    assert_eq!(shown["created_at"], made["created_at"]);
    // A line that is gone stays in the site, and what was counted at it too.
    service.http.delete("/api/v1/cameras/2/lines/door").ok(200);
    let shown = &service.http.get("/api/v1/sites").ok(200)["sites"][0];
    assert_eq!((&shown["members"][1]["missing"], &shown["out"]), (&true.into(), &1.into()));
    // A camera that is gone takes its crossings along.
    service.http.delete("/api/v1/cameras/1").ok(200);
    wait_until("the site is counted anew", SOON, || service.http.get(SHOP).ok(200)["in"] == 0);
    assert_eq!(service.http.get(SHOP).ok(200)["occupancy"], 7, "the correction holds");

    service.http.delete(SHOP).ok(200);
    service.http.delete(SHOP).refused(404, "site_not_found");
    assert_eq!(service.metrics().metric("becamera_site_occupancy{site=\"shop\"}"), None);
    let of_site = |entry: &Value| entry["site_id"] == "shop";
    let expected = [&["site.created"], &["site.corrected"; 4][..], &["site.deleted"]].concat();
    let mut entries = Vec::new();
    wait_until("all of it is recorded", SOON, || {
        let audit = service.http.get("/api/v1/audit").ok(200);
        entries = audit["entries"].as_array().unwrap().iter().rev().cloned().collect();
        entries.retain(of_site);
        entries.len() == expected.len()
    });
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, expected);
    assert_eq!(
        entries[1]["changes"],
        json!([{"field": "occupancy", "from": 3, "to": 10}]),
        "{:?}",
        entries[1]
    );
}

#[test]
fn what_waits_in_the_spool_counts_after_a_restart_and_only_once() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}/sites.sqlite3", folder.path().display());
    prepare(&url);
    let service = Service::with().env("DATABASE_URL", &url).start();
    service.http.put(SHOP, &shop(&[(1, "door", false)])).ok(201);
    let spool = service.folder().join("becamera-spool.sqlite3");
    let builder = service.stop();
    // A crash left these behind: one that the database has as well, and two that it has not.
    let settings = StorageSettings { database_url: url.clone(), ..StorageSettings::default() };
    let store = DieselStore::connect(&settings).unwrap();
    let stored = store.read_crossings(&whole(1)).unwrap().items.pop().unwrap();
    let new = [5, 6].map(|seq| crossing(1, seq, Direction::In, Utc::now()));
    let left = [stored, new[0].clone(), new[1].clone(), new[0].clone()].map(Write::Crossing);
    SqliteSpool::open(&spool, 64 << 20).unwrap().append(&left).unwrap();
    let service = builder.start();
    assert_eq!(service.http.get(SHOP).ok(200)["occupancy"], 6);
    wait_until("the spool is empty", SOON, || {
        service.metrics().metric("becamera_spool_writes") == Some(0.0)
    });
    let service = service.restart();
    assert_eq!(service.http.get(SHOP).ok(200)["occupancy"], 6);
}

#[test]
fn subscribers_and_redis_are_told() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}/sites.sqlite3", folder.path().display());
    prepare(&url);
    let server = Redis::start();
    let service = Service::with().env("DATABASE_URL", &url).env("REDIS_URL", server.url()).start();
    let mut events = Events::open(service.address, "?types=site");
    let snapshot = events.next();
    assert_eq!(snapshot.data["sites"], json!([]));
    service.http.put(SHOP, &shop(&[(1, "door", false)])).ok(201);
    let told = events.find("the new site", |event| event.name == "site");
    assert_eq!((&told.data["site_id"], &told.data["occupancy"]), (&"shop".into(), &4.into()));
    service.http.post(&format!("{SHOP}/correction"), &json!({"delta": 2})).ok(200);
    events.find("the correction", |event| event.data["occupancy"] == 6);
    let mut client = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    wait_until("Redis has it", SOON, || {
        let json: Option<String> = client.get("becamera:site:shop").unwrap();
        json.is_some_and(|json| serde_json::from_str::<Value>(&json).unwrap()["occupancy"] == 6)
    });
    service.http.delete(SHOP).ok(200);
    events.find("the deletion", |event| event.name == "site_deleted");
    wait_until("Redis has it no more", SOON, || {
        let json: Option<String> = client.get("becamera:site:shop").unwrap();
        json.is_none()
    });
}
