//! The audit trail: on both databases, and as an operator sees it.

use becamera::db::{DieselStore, SqliteSpool};
use becamera_actors::ports::{AuditReader, Spool, WriteStore};
use becamera_domain::{
    AuditAction, AuditEntry, AuditId, AuditQuery, Cutoffs, FieldChange, KeepFor, Requester,
    Retention, WorkerId, Write,
};
use serde_json::{Value, json};

use super::{camera, camera_id, forget, save, settings, time};
use crate::support::{SOON, postgres::Postgres, service::Service, wait_until};

fn entry(id: i64, second: i64, camera: Option<i64>) -> AuditEntry {
    AuditEntry {
        id: AuditId(id),
        at: time(second),
        by: Requester::caller("2001:db8::7".parse().unwrap(), Some("Ägnes \"'; --")),
        action: AuditAction::CameraUpdated,
        camera_id: camera.map(camera_id),
        worker_id: None,
        site_id: "shop".parse().ok(),
        changes: vec![FieldChange::new("name", Value::Null, "Eingang \u{0}")],
    }
}

fn record(entry: &AuditEntry) -> Write {
    Write::Audit(Box::new(entry.clone()))
}

const ALL: AuditQuery =
    AuditQuery { camera_id: None, from: None, to: None, before: None, limit: 1_000 };

fn ids(store: &DieselStore, query: AuditQuery) -> (Vec<i64>, bool) {
    let page = store.read_audit(&query).unwrap();
    (page.items.iter().map(|entry| entry.id.0).collect(), page.more)
}

fn on_both(test: impl Fn(&DieselStore)) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.sqlite3").display());
    test(&DieselStore::connect(&settings(&url)).unwrap());
    let server = Postgres::start();
    test(&DieselStore::connect(&settings(&server.database("audit"))).unwrap());
}

#[test]
fn entries_come_back_once_and_outlast_their_camera() {
    on_both(|store| {
        let first = entry(5, 5, Some(1));
        let restart = AuditEntry {
            by: Requester::system(),
            action: AuditAction::WorkerRestarted,
            worker_id: Some(WorkerId::from_index(1)),
            changes: vec![],
            ..entry(6, 6, None)
        };
        store.write(&[record(&first), save(camera(1)), record(&restart)]).unwrap();
        let other = AuditEntry { at: time(99), ..first.clone() };
        store.write(&[record(&first), record(&other), forget(1)]).unwrap();
        let page = store.read_audit(&ALL).unwrap();
        assert_eq!((page.items, page.more), (vec![restart, first], false));
    });
}

#[test]
fn pages_spans_and_cameras_are_chosen() {
    on_both(|store| {
        let entries: Vec<_> =
            (1..=9).map(|id| record(&entry(id, id * 10, Some(1 + id % 2)))).collect();
        store.write(&entries).unwrap();
        assert_eq!(ids(store, AuditQuery { limit: 4, ..ALL }), (vec![9, 8, 7, 6], true));
        let next = AuditQuery { before: Some(AuditId(6)), limit: 5, ..ALL };
        assert_eq!(ids(store, next), (vec![5, 4, 3, 2, 1], false));
        let camera = AuditQuery { camera_id: Some(camera_id(1)), ..ALL };
        assert_eq!(ids(store, camera).0, [8, 6, 4, 2]);
        let span = AuditQuery { from: Some(time(30)), to: Some(time(60)), ..camera };
        assert_eq!(ids(store, span).0, [4]);
        let late = time(30) + chrono::TimeDelta::nanoseconds(1);
        assert_eq!(ids(store, AuditQuery { to: Some(late), ..ALL }).0, [3, 2, 1]);
        assert_eq!(ids(store, AuditQuery { from: Some(late), to: Some(time(41)), ..ALL }).0, [4]);
    });
}

#[test]
fn old_entries_expire() {
    on_both(|store| {
        let day = 86_400;
        store.write(&[record(&entry(1, day, None)), record(&entry(2, 3 * day, None))]).unwrap();
        let retention = Retention { audit: KeepFor::days(2), ..Retention::default() };
        let cutoffs: Cutoffs = retention.cutoffs(time(4 * day));
        assert!(!store.expire(&cutoffs).unwrap());
        assert_eq!(ids(store, ALL).0, [2]);
        let forever = Retention { audit: KeepFor::Ever, ..Retention::default() };
        store.expire(&forever.cutoffs(time(10_000 * day))).unwrap();
        assert_eq!(ids(store, ALL).0, [2]);
    });
}

#[test]
fn entries_take_the_detour_over_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let spool = SqliteSpool::open(&folder.path().join("spool.sqlite3"), 64 << 20).unwrap();
    let writes = [record(&entry(1, 1, Some(1))), save(camera(1)), record(&entry(2, 2, None))];
    spool.append(&writes).unwrap();
    assert_eq!(spool.oldest(10).unwrap().unwrap().1, writes);
}

fn trail(service: &Service, query: &str) -> Vec<Value> {
    let data = service.http.get(&format!("/api/v1/{query}")).ok(200);
    data["entries"].as_array().unwrap().clone()
}

fn wait_entries(service: &Service, count: usize) -> Vec<Value> {
    wait_until(&format!("{count} entries are written"), SOON, || {
        trail(service, "audit").len() >= count
    });
    let entries = trail(service, "audit");
    assert_eq!(entries.len(), count, "{entries:?}");
    entries
}

#[test]
fn an_operators_day_is_told_newest_first_and_without_secrets() {
    let mut service = Service::with().set("SERVER_USER_HEADER", "X-Forwarded-User").start();
    for secret in ["hunter2", "hunter3"] {
        service.keep_secret(secret);
    }
    let alice = service.http.with_header("X-Forwarded-User", "alice");
    let camera = "/api/v1/cameras/1";
    let define = |url: &str| json!({"stream_url": url, "detect": {"confidence": 0.6}});
    alice.put(camera, &define("rtsp://viewer:hunter2@127.0.0.1:9/1")).ok(201);
    alice.put(camera, &define("rtsp://viewer:hunter2@127.0.0.1:9/1")).ok(200);
    service.http.put(camera, &define("rtsp://viewer:hunter3@127.0.0.1:9/1")).ok(200);
    alice.post_empty(&format!("{camera}/start")).ok(200);
    alice
        .put(camera, &json!({"name": "Tür", "stream_url": "no url"}))
        .refused(400, "invalid_field");
    alice.post_empty(&format!("{camera}/stop")).ok(200);
    alice.post_empty("/api/v1/workers/worker_1/restart").ok(200);
    alice.delete(camera).ok(200);

    let entries = wait_entries(&service, 6);

    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let expected = [
        "camera.deleted",
        "worker.restarted",
        "camera.stopped",
        "camera.started",
        "camera.updated",
        "camera.created",
    ];
    assert_eq!(actions, expected);
    let who: Vec<_> = entries.iter().map(|entry| entry["who"].as_str().unwrap()).collect();
    assert_eq!(who, ["alice", "alice", "alice", "alice", "127.0.0.1", "alice"]);
    assert!(entries.iter().all(|entry| entry["address"] == "127.0.0.1"));
    let shown = "rtsp://***@127.0.0.1:9/1";
    let changed = json!([
        {"field": "stream_url", "from": shown, "to": shown, "credentials_changed": true}
    ]);
    assert_eq!(entries[4]["changes"], changed);
    let started = json!([{"field": "desired_state", "from": "stopped", "to": "running"}]);
    assert_eq!(entries[3]["changes"], started);
    let confidence = json!({"field": "detect.confidence", "from": null, "to": 0.6});
    assert!(entries[5]["changes"].as_array().unwrap().contains(&confidence), "{}", entries[5]);
    assert_eq!(
        (&entries[1]["worker_id"], &entries[1]["camera_id"]),
        (&json!("worker_1"), &Value::Null)
    );

    let of_camera = trail(&service, "cameras/1/audit");
    assert_eq!(of_camera.len(), 5, "also after its deletion");
    assert_eq!(trail(&service, "audit?camera=1"), of_camera);
    let at = entries[3]["at"].as_str().unwrap();
    assert!(trail(&service, &format!("audit?to={at}")).len() <= 2);
    let service = service.restart();
    assert_eq!(trail(&service, "audit"), entries, "a restart of the service is nobody's doing");
}

#[test]
fn the_trail_is_read_in_pages_and_refuses_what_it_can_not_read() {
    let service = Service::start();
    for id in 1..=5 {
        let body = json!({"stream_url": "rtsp://127.0.0.1:9/1"});
        service.http.put(&format!("/api/v1/cameras/{id}"), &body).ok(201);
    }
    let entries = wait_entries(&service, 5);
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = service.http.get(&format!("/api/v1/audit?limit=2{cursor}")).ok(200);
        read.extend(page["entries"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(read, entries);
    for (query, field) in [
        ("limit=0", "limit"),
        ("camera=x", "camera"),
        ("cursor=AgAA", "cursor"),
        ("who=alice", "who"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
    ] {
        let answer = service.http.get(&format!("/api/v1/audit?{query}"));
        let answer = answer.refused(400, "invalid_field");
        assert_eq!(answer.json["details"]["field"], field, "{query}");
    }
    service.http.get("/api/v1/cameras/x/audit").refused(400, "invalid_field");
    assert_eq!(trail(&service, "cameras/99/audit"), Vec::<Value>::new());
}
