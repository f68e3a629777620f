//! The whole service while its Redis is frozen or gone, and when it is back.

use std::time::{Duration, Instant};

use deadpool_redis::redis::{self, Commands};
use serde_json::{Value, json};

use crate::support::{
    SOON, clips,
    redis::{PASSWORD, Redis},
    service::Service,
    sse::Events,
    wait_for, wait_until,
};

/// What answers must come in although nothing answers behind them: ample, since they come from
/// memory.
const IN_TIME: Duration = Duration::from_secs(2);

fn service(redis: &Redis) -> Service {
    let mut service = Service::with().env("REDIS_URL", redis.url()).start();
    service.keep_secret(PASSWORD);
    for camera in [1, 2] {
        service.start_looping(camera, &clips::long_mp4()).ok(200);
        service.wait_new_count(camera);
    }
    service
}

fn read(redis: &Redis, key: &str) -> Option<Value> {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
    let json: Option<String> = connection.get(key).ok()?;
    Some(json.map_or(Value::Null, |json| serde_json::from_str(&json).unwrap()))
}

fn wait_key(redis: &Redis, key: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    wait_for(key, SOON, || read(redis, key).filter(&wanted)).0
}

const CALLS: [&str; 9] = [
    "/livez",
    "/readyz",
    "/health",
    "/metrics",
    "/api/v1/cameras",
    "/api/v1/cameras/1/count",
    "/api/v1/cameras/1/counts",
    "/api/v1/workers",
    "/api/v1/queue",
];

#[track_caller]
fn every_answer_comes_in_time(service: &Service) {
    for path in CALLS {
        let asked = Instant::now();
        let answer = service.http.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(asked.elapsed() < IN_TIME, "{path} took {:?}", asked.elapsed());
    }
    // Registered, but not counted since the start: only Redis could know more.
    let asked = Instant::now();
    service.http.get("/api/v1/cameras/3/count").refused(404, "no_count_yet");
    assert!(asked.elapsed() < IN_TIME, "{:?}", asked.elapsed());
    let mut events = Events::open(service.address, "?types=count");
    assert_eq!(events.next().name, "snapshot");
    events.find("counts go on", |e| e.is("count", 1));
}

/// What Redis has is what the service says.
#[track_caller]
fn redis_is_right(redis: &Redis, service: &Service) {
    let now = chrono::Utc::now();
    let is_new = |count: &Value| {
        let at =
            count["at"].as_str().and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
        at.is_some_and(|at| at > now)
    };
    wait_key(redis, "becamera:camera:1:count", is_new);
    wait_key(redis, "becamera:camera:1:state", |state| state["state"] == "processing");
    let worker = service.worker_of(1).unwrap()["worker_id"].as_str().unwrap().to_owned();
    wait_key(redis, &format!("becamera:worker:{worker}"), |w| w["current_task"] == 1);
    // The one that was deleted meanwhile is gone, and stays so.
    for key in ["becamera:camera:2:count", "becamera:camera:2:state"] {
        wait_key(redis, key, Value::is_null);
    }
    wait_key(redis, "becamera:camera:1:count", is_new);
    assert_eq!(read(redis, "becamera:camera:2:state"), Some(Value::Null));
}

fn register_a_third(service: &Service) {
    let definition = json!({"stream_url": clips::url(&clips::mp4())});
    service.http.put("/api/v1/cameras/3", &definition).ok(201);
}

#[test]
fn a_frozen_redis_delays_no_answer_and_is_right_again_when_it_is_thawed() {
    let redis = Redis::start();
    let service = service(&redis);
    register_a_third(&service);
    wait_key(&redis, "becamera:camera:2:state", |state| state["state"] == "processing");
    redis.freeze(true);
    every_answer_comes_in_time(&service);
    service.http.delete("/api/v1/cameras/2").ok(200);
    service.wait_log(&["cache is away"]);
    every_answer_comes_in_time(&service);
    redis.freeze(false);
    service.wait_log(&["cache is back"]);
    redis_is_right(&redis, &service);
}

#[test]
fn a_redis_that_is_gone_delays_no_answer_and_is_right_when_it_is_back() {
    let mut redis = Redis::start();
    let service = service(&redis);
    register_a_third(&service);
    redis.stop();
    service.wait_log(&["cache is away"]);
    every_answer_comes_in_time(&service);
    service.http.delete("/api/v1/cameras/2").ok(200);
    let before = service.metrics().metric("becamera_cache_failures_total").unwrap();
    wait_until("it is tried again", SOON, || {
        service.metrics().metric("becamera_cache_failures_total").unwrap() > before
    });
    redis.resume();
    service.wait_log(&["cache is back"]);
    redis_is_right(&redis, &service);
    // What did not change meanwhile is told again as well.
    wait_key(&redis, "becamera:camera:3:state", |state| state["state"] == "idle");
}

#[test]
fn what_redis_loses_unnoticed_comes_back() {
    let redis = Redis::start();
    let service = service(&redis);
    register_a_third(&service);
    wait_key(&redis, "becamera:camera:3:state", |state| state["state"] == "idle");
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let _: () = redis::cmd("FLUSHALL").query(&mut connection).unwrap();
    wait_key(&redis, "becamera:camera:3:state", |state| state["state"] == "idle");
}
