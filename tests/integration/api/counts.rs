//! `/api/v1/cameras/{id}/count` and `/counts`

use serde_json::{Value, json};

use crate::support::{SOON, clips, service::Service, wait_until};

fn counts(service: &Service, query: &str) -> Value {
    service.http.get(&format!("/api/v1/cameras/1/counts?{query}")).ok(200)
}

fn buckets(page: &Value) -> Vec<String> {
    let samples = page["samples"].as_array().unwrap();
    samples.iter().map(|s| s["bucket_start"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn without_a_count_there_is_a_reason() {
    let service = Service::start();
    service.http.get("/api/v1/cameras/1/count").refused(404, "camera_not_found");
    let definition = json!({"stream_url": clips::url(&clips::mp4())});
    service.http.put("/api/v1/cameras/1", &definition).ok(201);

    let answer = service.http.get("/api/v1/cameras/1/count");

    answer.refused(404, "no_count_yet");
    assert_eq!(counts(&service, "")["samples"], json!([]));
}

#[test]
fn history_is_read_in_pages_and_spans() {
    let service = Service::start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    wait_until("five samples", SOON, || buckets(&counts(&service, "")).len() >= 5);
    service.stop_camera(1).ok(200);
    // What was counted last is written soon after.
    let frames = service.worker("worker_1")["processed_frames"].as_u64().unwrap();
    wait_until("everything is written", SOON, || {
        let page = counts(&service, "limit=1000");
        let sum: u64 =
            page["samples"].as_array().unwrap().iter().filter_map(|s| s["frames"].as_u64()).sum();
        sum == frames
    });

    let all = buckets(&counts(&service, "limit=1000"));
    assert!(all.is_sorted(), "newest last: {all:?}");
    let mut paged = Vec::new();
    let mut page = counts(&service, "limit=2");
    loop {
        assert!(buckets(&page).len() <= 2);
        paged.extend(buckets(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = counts(&service, &format!("limit=2&cursor={cursor}"));
    }
    assert_eq!(paged, all, "pages give every sample once");

    let span = counts(&service, &format!("from={}&to={}", all[1], all[3]));
    assert_eq!(buckets(&span), all[1..3], "from is inclusive, to is not");
    let none = counts(&service, "from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z");
    assert_eq!(none["samples"], json!([]));

    for bad in ["from=yesterday", "limit=0", "limit=-1", "limit=x", "cursor=%00", "unknown=1"] {
        let answer = service.http.get(&format!("/api/v1/cameras/1/counts?{bad}"));
        assert_eq!((answer.status, &answer.json["success"]), (400, &json!(false)), "{bad}");
        let field = bad.split('=').next().unwrap();
        assert!(answer.error().contains(field), "{bad}: {}", answer.error());
    }
}
