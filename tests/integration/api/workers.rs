//! `/api/v1/workers`

use serde_json::{Value, json};

use crate::support::{
    SOON, clips,
    service::{self, Service, task_of},
    wait_until,
};

fn restart(service: &Service, body: Value) -> Value {
    service.http.post("/api/v1/workers/worker_1/restart", &body).ok(200)
}

fn back_with_another_process(service: &Service, old: u64) {
    wait_until("the worker is back with another process", SOON, || {
        let worker = service.worker("worker_1");
        ["idle", "busy"].contains(&worker["status"].as_str().unwrap())
            && worker["pid"].as_u64().is_some_and(|pid| pid != old)
    });
}

#[test]
fn every_worker_has_its_own_process() {
    let service = Service::start();
    let workers = service.workers();
    let pids: Vec<u64> = workers.iter().map(|w| w["pid"].as_u64().unwrap()).collect();
    let children: Vec<u64> =
        service.process().children().iter().map(|child| u64::from(child.pid)).collect();

    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| children.contains(pid)), "{pids:?} of {children:?}");
    for worker in &workers {
        assert_eq!(worker["restarts"], 0);
        assert!(worker["backend"].as_str().is_some_and(|b| !b.is_empty()), "{worker}");
    }
    assert_eq!(service.worker("worker_2")["pid"], pids[1]);
}

#[test]
fn unknown_workers_are_not_found() {
    let service = Service::start();
    for worker in ["worker_3", "worker_64"] {
        let path = format!("/api/v1/workers/{worker}");
        service.http.get(&path).refused(404, "worker_not_found");
        service.http.post_empty(&format!("{path}/restart")).refused(404, "worker_not_found");
    }
    for worker in ["worker_0", "worker_x", "1"] {
        let answer = service.http.get(&format!("/api/v1/workers/{worker}"));
        assert!(answer.refused(400, "invalid_field").error().contains("worker_id"));
    }
}

#[test]
fn an_idle_worker_is_restarted_gracefully() {
    let service = Service::start();
    let old = service.worker("worker_1")["pid"].as_u64().unwrap();

    let answer = service.http.post_empty("/api/v1/workers/worker_1/restart");

    assert_eq!(answer.ok(200)["worker_id"], "worker_1");
    back_with_another_process(&service, old);
    let worker = service.worker("worker_1");
    assert_eq!((&worker["restarts"], &worker["error_count"]), (&1.into(), &0.into()), "no error");
    service.wait_log(&["worker_1", "restart"]);
}

#[test]
fn the_camera_of_a_restarted_worker_moves_to_an_idle_one() {
    for force in [false, true] {
        let service = Service::start();
        service.start_looping(1, &clips::long_mp4()).ok(200);
        service.wait_new_count(1);
        let old = service.worker("worker_1")["pid"].as_u64().unwrap();

        restart(&service, json!({"force": force}));

        wait_until("the camera moves", SOON, || task_of(&service.worker("worker_2")) == Some(1));
        service.wait_new_count(1);
        back_with_another_process(&service, old);
        assert_eq!(service.worker("worker_1")["restarts"], 1, "force: {force}");
    }
}

#[test]
fn the_camera_of_the_only_worker_waits_at_the_head_of_the_queue() {
    let service = Service::with().set("WORKERS_COUNT", 1).start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.start_looping(2, &clips::long_mp4()).refused(503, "no_available_workers");
    service.wait_new_count(1);

    restart(&service, json!({"force": true}));

    service.wait_new_count(1);
    assert_eq!(service.camera(2)["state"], "pending", "camera 1 was before it");
    assert_eq!(service.camera(2)["queue_position"], 1);
}

#[test]
fn a_restart_lifts_the_quarantine() {
    use nix::sys::signal::Signal;
    let service = Service::with()
        .set("WORKERS_COUNT", 1)
        .set("WORKERS_MAX_CRASHES", 1)
        .set("WORKERS_RESTART_BACKOFF", "1ms")
        .start();
    for _ in 0..2 {
        wait_until("the worker runs", SOON, || service.worker("worker_1")["status"] == "idle");
        service::process(&service.worker("worker_1")).unwrap().signal(Signal::SIGKILL);
        wait_until("its end is seen", SOON, || service.worker("worker_1")["status"] != "idle");
    }
    wait_until("it is quarantined", SOON, || service.worker("worker_1")["status"] == "quarantined");
    service.wait_log(&["worker_1", "quarantine"]);
    assert_eq!(service.start_looping(1, &clips::long_mp4()).status, 503, "nobody is there");

    restart(&service, json!({}));

    service.wait_new_count(1);
    assert_eq!(service.worker("worker_1")["status"], "busy");
}
