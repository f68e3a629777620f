//! PostgreSQL goes away for a minute under a running service: nothing is lost, nothing doubled.

use super::ledger::Ledger;
use crate::support::{
    SOON, clips, holds_for, postgres::Postgres, secs, service::Service, wait_until,
};

const OUTAGE: std::time::Duration = secs(60);

#[test]
fn counts_outlast_an_outage_of_postgresql() {
    let server = Postgres::start();
    let url = server.database("counts");
    let mut service = Service::with().env("DATABASE_URL", &url).set("WORKERS_COUNT", 3).start();
    service.keep_secret(crate::support::postgres::PASSWORD);
    for id in [1, 2] {
        service.start_looping(id, &clips::long_mp4()).ok(200);
        service.wait_new_count(id);
    }
    wait_until("some counts are stored", SOON, || Ledger::read(&url, &[1, 2]).samples > 4);

    server.stop();
    let spooled = || service.metrics().metric("becamera_spool_writes").unwrap();
    wait_until("the outage is said", SOON, || service.http.get("/readyz").status == 503);
    let reasons = service.http.get("/readyz").text;
    assert!(reasons.contains("the database is away"), "{reasons}");
    wait_until("writes wait in the spool", SOON, || spooled() > 0.0);
    // Everything else goes on meanwhile, and what operators change is kept too.
    service.stop_camera(2).ok(200);
    service.start_looping(3, &clips::long_mp4()).ok(200);
    holds_for("cameras are counted", OUTAGE, || {
        service.camera(1)["state"] == "processing" && service.http.get("/livez").status == 200
    });
    let health = service.http.get("/health");
    let spool = &health.json["details"]["components"]["storage"]["spool"];
    assert!(spool["writes"].as_u64() > Some(100), "{}", health.text);
    assert!(spool["age_seconds"].as_u64() >= Some(50), "{spool}");
    assert_eq!((&spool["thinned_samples"], &spool["error"]), (&0.into(), &().into()), "{spool}");
    assert!(service.metrics().metric("becamera_spool_age_seconds").unwrap() >= 50.0);

    server.resume();
    wait_until("the spool is empty", SOON, || spooled() == 0.0);
    service.wait_log(&["database is back"]);
    service.wait_log(&["spool is empty"]);
    wait_until("it is ready", SOON, || service.http.get("/readyz").status == 200);

    let frames = service.analysed_when_stopped(&[1, 3]);
    service.finish();
    let ledger = Ledger::read(&url, &[1, 2, 3]);
    ledger.assert_complete();
    assert_eq!(ledger.frames, frames, "every frame that was analysed is in one sample");
    assert_eq!(ledger.desired, [(1, false), (2, false), (3, false)]);
}

#[test]
fn a_service_that_ends_during_an_outage_leaves_everything_in_the_spool() {
    let server = Postgres::start();
    let url = server.database("counts");
    let mut service = Service::with().env("DATABASE_URL", &url).start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    wait_until("some counts are stored", SOON, || Ledger::read(&url, &[1]).samples > 0);
    server.stop();
    wait_until("writes wait in the spool", SOON, || {
        service.metrics().metric("becamera_spool_writes") > Some(3.0)
    });
    service.start_looping(2, &clips::long_mp4()).ok(200);
    service.wait_new_count(2);
    let frames = service.analysed_when_stopped(&[1]);
    service.finish();
    assert!(!service.log_lines(&["wait in the spool until"]).is_empty(), "{}", service.log_text());

    server.resume();
    let mut service = service.start_again();
    service.wait_log(&["wait in the spool since the last time"]);
    // Registered while the database was away, and running when the service ended.
    service.wait_new_count(2);
    assert_eq!(service.camera(1)["state"], "stopped");
    wait_until("the spool is empty", SOON, || {
        service.metrics().metric("becamera_spool_writes") == Some(0.0)
    });
    let frames = frames + service.analysed_when_stopped(&[2]);
    service.finish();
    let ledger = Ledger::read(&url, &[1, 2]);
    ledger.assert_complete();
    // What the first process counted on camera 2 after we looked is in there too.
    assert!(ledger.frames >= frames, "{} < {frames}", ledger.frames);
}
