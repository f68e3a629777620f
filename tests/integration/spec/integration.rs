//! Test case 3.7: integration with database and cache.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};

use crate::support::{SOON, rtsp::RtspCamera, service::Service, wait_for, wait_until};

#[derive(Debug, PartialEq, diesel::QueryableByName)]
struct Summary {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    samples: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    buckets: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    frames: i64,
}

// Read beside the running service, as an analyst would.
fn stored(service: &Service) -> Summary {
    let mut connection = SqliteConnection::establish(service.database().to_str().unwrap()).unwrap();
    let query = "SELECT count(*) AS samples, count(DISTINCT bucket_start) AS buckets, \
                 coalesce(sum(frames), 0) AS frames FROM samples WHERE camera_id = 1";
    sql_query(query).get_result(&mut connection).unwrap()
}

#[test]
fn worker_int_001_database_integration() {
    let service = Service::start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);

    // In real time: a second's sample is in the database soon after that second.
    let (first, _) = wait_for("a sample is stored", SOON, || {
        service.http.get("/api/v1/cameras/1/counts").ok(200)["samples"].get(0).cloned()
    });
    for field in ["camera_id", "frames", "people_last", "people_max"] {
        assert!(first[field].is_u64(), "{field}: {first}");
    }
    for field in ["people_mean", "inference_ms_mean"] {
        assert!(first[field].is_number(), "{field}: {first}");
    }
    assert_eq!(first["worker_id"], "worker_1");
    let bucket: DateTime<Utc> = first["bucket_start"].as_str().unwrap().parse().unwrap();
    assert_eq!(bucket.timestamp_subsec_nanos(), 0, "whole seconds");
    assert!((Utc::now() - bucket).num_seconds() < 20);
    wait_until("five samples", SOON, || stored(&service).samples >= 5);

    // Consistent: one sample a second, and together they hold every frame that was counted.
    service.stop_camera(1).ok(200);
    let analysed = service.worker("worker_1")["processed_frames"].as_i64().unwrap();
    wait_until("everything is written", SOON, || stored(&service).frames >= analysed);
    let summary = stored(&service);
    assert_eq!((summary.frames, summary.samples), (analysed, summary.buckets), "{summary:?}");
    let metrics = service.metrics();
    assert_eq!(metrics.metric("becamera_sample_write_failures_total"), Some(0.0));
    assert_eq!(metrics.metric("becamera_samples_lost_total"), Some(0.0));
    let writes = metrics.metric("becamera_sample_write_seconds_count").unwrap();
    let seconds = metrics.metric("becamera_sample_write_seconds_sum").unwrap();
    assert!(seconds / writes < 0.1, "{:.0} ms a write", 1000.0 * seconds / writes);

    let answer = service.http.get("/api/v1/cameras/1/counts?limit=1000").ok(200);
    let samples = answer["samples"].as_array().unwrap();
    let buckets: BTreeSet<&str> =
        samples.iter().map(|sample| sample["bucket_start"].as_str().unwrap()).collect();
    assert_eq!((samples.len() as i64, buckets.len()), (summary.samples, samples.len()));
    assert!(samples.is_sorted_by_key(|sample| sample["bucket_start"].as_str().unwrap()));
}

/// The embedded cache; `storage/` has the same with a Redis server.
#[test]
fn worker_int_002_cache_integration() {
    let service = Service::start();
    let count = || service.http.get("/api/v1/cameras/1/count");
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);

    let (first, _) = wait_for("the count is in the cache", SOON, || {
        let answer = count();
        (answer.status == 200).then(|| answer.ok(200))
    });
    assert_eq!(first["camera_id"], 1);
    assert_eq!(first["worker_id"], "worker_1");
    assert!(first["people"].as_u64().is_some_and(|people| people <= 30), "{first}");
    wait_until("the cache follows the camera", SOON, || {
        let data = count().ok(200);
        data["at"] != first["at"] && data["age_ms"].as_u64().is_some_and(|age| age < 3000)
    });

    // Consistent with what the pool itself says of the camera.
    service.stop_camera(1).ok(200);
    wait_until("cache and camera agree", SOON, || {
        let (camera, cached) = (service.camera(1), count().ok(200));
        camera["last_count"] == cached["people"]
    });
    let begin = std::time::Instant::now();
    (0..200).for_each(|_| drop(count().ok(200)));
    let each = begin.elapsed() / 200;
    assert!(each.as_millis() < 20, "{each:?} a read");
    assert_eq!(service.metrics().metric("becamera_cache_failures_total"), Some(0.0));
    service.http.delete("/api/v1/cameras/1");
    assert_eq!(count().status, 404, "forgotten with its camera");
}
