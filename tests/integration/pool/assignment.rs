//! Which worker gets which camera.

use crate::support::{SOON, clips, service::Service, wait_until};

fn start(service: &Service, camera: u32) -> String {
    let data = service.start_looping(camera, &clips::long_mp4()).ok(200);
    data["worker_id"].as_str().unwrap().to_owned()
}

#[test]
fn the_worker_that_was_used_longest_ago_is_next() {
    let service = Service::with().set("WORKERS_COUNT", 3).set("DETECT_FPS", 1).start();
    service.wait_all_idle();

    let mut order = Vec::new();
    for round in 0..6 {
        order.push(start(&service, round + 1));
        service.stop_camera_in_time(round + 1);
        service.wait_all_idle();
    }

    assert_eq!(order[..3], ["worker_1", "worker_2", "worker_3"]);
    assert_eq!(order[3..], order[..3], "round and round, so that no worker is worn out");
}

#[test]
fn many_starts_at_once_are_all_served_and_none_twice() {
    let service = Service::with().set("WORKERS_COUNT", 2).set("DETECT_FPS", 1).start();
    let clip = clips::url(&clips::long_mp4());
    let http = &service.http;

    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let start = |request: u32| {
            let body = serde_json::json!({"stream_url": clip, "source": {"loop": true}});
            // Each of eight cameras is asked for twice.
            let path = format!("/api/v1/cameras/{}/start", request % 8 + 1);
            scope.spawn(move || http.post(&path, &body).status)
        };
        let requests: Vec<_> = (0..16).map(start).collect();
        requests.into_iter().map(|request| request.join().unwrap()).collect()
    });

    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((count(200), count(503), count(400)), (2, 6, 8), "{statuses:?}");
    assert_eq!(service.metrics().metric("becamera_queue_depth"), Some(6.0));
    wait_until("both workers are busy", SOON, || service.pool()["busy_workers"] == 2);
}

#[test]
fn one_worker_is_enough_and_sixty_four_are_the_most() {
    let service = Service::with().set("WORKERS_COUNT", 1).start();
    assert_eq!(start(&service, 1), "worker_1");
    service.wait_new_count(1);

    for count in ["0", "65", "-1", "four"] {
        let builder = Service::with().set("WORKERS_COUNT", count);
        let output = builder.command("serve").output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{count} is taken");
        assert!(message.contains("workers.count"), "{count}: {message}");
    }
}
