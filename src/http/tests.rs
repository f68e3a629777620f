//! The interface without its actors: what is answered before a message is sent, and how when
//! nobody takes it. The integration tests call the real service.

use actix::{Addr, AsyncContext, Context};
use actix_web::{
    dev::{Service, ServiceResponse},
    http::{StatusCode, header},
    test::{TestRequest, call_service, init_service, read_body},
};
use becamera_actors::{
    cache::CacheActor, events::EventHub, metrics::Metrics, pictures::PictureHub,
    pool_supervisor::PoolSupervisor, sites::SitesActor, storage::StorageActor,
};
use becamera_domain::{StreamUrlPolicy, settings::PictureSettings};
use serde_json::Value;

use super::*;

/// The address of an actor that is gone.
fn nobody<A: actix::Actor<Context = Context<A>>>() -> Addr<A> {
    Context::<A>::new().address()
}

fn state() -> HttpState {
    HttpState {
        pool: nobody::<PoolSupervisor>(),
        storage: nobody::<StorageActor>(),
        cache: nobody::<CacheActor>(),
        sites: nobody::<SitesActor>(),
        events: nobody::<EventHub>(),
        pictures: nobody::<PictureHub>(),
        picture_settings: PictureSettings::default(),
        metrics: Metrics::new("test").unwrap(),
        stream_urls: StreamUrlPolicy::default(),
        callers: Callers::default(),
        body_limit: 1000,
        lifecycle: Lifecycle::start(),
    }
}

async fn call(request: TestRequest) -> (StatusCode, header::HeaderMap, Value) {
    let answer = call_with(state(), request).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = read_body(answer).await;
    (status, headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn call_with(
    state: HttpState,
    request: TestRequest,
) -> ServiceResponse<impl actix_web::body::MessageBody> {
    let app = App::new().wrap(from_fn(observe::observe)).configure(|cfg| configure(cfg, state));
    let app = init_service(app).await;
    call_service(&app, request.to_request()).await
}

/// Status, code and field of a refusal in the envelope.
async fn refusal(request: TestRequest) -> (u16, String, Value) {
    let (status, _, body) = call(request).await;
    assert_eq!(body["success"], false, "{body}");
    assert!(body["error"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    (
        status.as_u16(),
        body["code"].as_str().unwrap_or_default().to_owned(),
        body["details"]["field"].clone(),
    )
}

fn start(body: &str) -> TestRequest {
    TestRequest::post().uri("/api/v1/cameras/1/start").set_payload(body.to_owned())
}

#[actix_web::test]
async fn what_does_not_exist_is_answered_in_the_envelope() {
    for path in
        ["/", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/cameras/1/x", "/api/v2/cameras"]
    {
        let got = refusal(TestRequest::get().uri(path)).await;
        assert_eq!(got, (404, "route_not_found".into(), Value::Null), "{path}");
    }
}

#[actix_web::test]
async fn a_wrong_method_is_told_the_right_ones() {
    for (request, allow) in [
        (TestRequest::post().uri("/api/v1/cameras"), "GET, HEAD"),
        (TestRequest::patch().uri("/api/v1/cameras/1"), "GET, HEAD, PUT, DELETE"),
        (TestRequest::get().uri("/api/v1/cameras/1/start"), "POST"),
        (TestRequest::delete().uri("/metrics"), "GET, HEAD"),
    ] {
        let (status, headers, body) = call(request).await;
        assert_eq!((status.as_u16(), &body["code"]), (405, &"method_not_allowed".into()));
        assert_eq!(headers.get(header::ALLOW).unwrap(), allow);
    }
}

#[actix_web::test]
async fn ids_out_of_range_are_refused() {
    for id in ["0", "-1", "x", "2147483648", "1.0", "%20", "99999999999999999999"] {
        let got = refusal(TestRequest::get().uri(&format!("/api/v1/cameras/{id}"))).await;
        assert_eq!(got, (400, "invalid_field".into(), "camera_id".into()), "{id}");
    }
    let got = refusal(TestRequest::get().uri("/api/v1/workers/1")).await;
    assert_eq!(got, (400, "invalid_field".into(), "worker_id".into()));
}

#[actix_web::test]
async fn bad_bodies_are_refused_before_anything_is_done() {
    let long = format!(r#"{{"name": "{}"}}"#, "x".repeat(1000));
    for (body, status, code, field) in [
        ("{", 400, "malformed_json", Value::Null),
        (long.as_str(), 413, "body_too_large", Value::Null),
        ("[]", 400, "invalid_field", "body".into()),
        (r#"{"extra": 1}"#, 400, "invalid_field", "extra".into()),
        (r#"{"camera_id": 2}"#, 400, "invalid_field", "camera_id".into()),
        (r#"{"camera_id": 0}"#, 400, "invalid_field", "camera_id".into()),
        (r#"{"stream_url": "/etc/passwd"}"#, 400, "invalid_field", "stream_url".into()),
        (r#"{"stream_url": 5}"#, 400, "invalid_field", "stream_url".into()),
        (r#"{"name": ""}"#, 400, "invalid_field", "name".into()),
        (r#"{"detect": {"fps": 1e40}}"#, 400, "invalid_field", "detect.fps".into()),
        (r#"{"detect": {"confidence": 1}}"#, 400, "invalid_field", "detect.confidence".into()),
        (r#"{"source": {"pace": true}}"#, 400, "invalid_field", "source.pace".into()),
    ] {
        assert_eq!(refusal(start(body)).await, (status, code.into(), field), "{body}");
    }
    for (path, body, field) in [
        ("lines/Door", "{}", "line_id"),
        ("lines/door", "{}", "from"),
        ("lines/door", r#"{"from": [0.1, 0.5]}"#, "to"),
        ("lines/door", r#"{"from": [0.1], "to": [0.9, 0.5]}"#, "from"),
        ("lines/door", r#"{"from": [0.1, 1.5], "to": [0.9, 0.5]}"#, "from"),
        ("lines/door", r#"{"from": [0.1, 0.5], "to": [0.1, 0.5]}"#, "to"),
        ("lines/door", r#"{"from": [0.1, 0.5], "to": [0.9, 0.5], "line_id": "x"}"#, "line_id"),
        ("lines/door", r#"{"rules": {"hysteresis": "much"}}"#, "rules.hysteresis"),
        (
            "lines/door",
            r#"{"from": [0.1, 0.5], "to": [0.9, 0.5], "rules": {"hysteresis": 3}}"#,
            "rules.hysteresis",
        ),
        ("lines/door", r#"{"rules": {"hysterese": 0.1}}"#, "rules.hysterese"),
        ("lines/door", r#"{"directions": ["in", "out"]}"#, "directions"),
        ("lines/door", r#"{"color": "red"}"#, "color"),
        ("zones/hall", "{}", "polygon"),
        ("zones/hall", r#"{"polygon": [[0.1, 0.1], [0.9, 0.1]]}"#, "polygon"),
        ("zones/hall", r#"{"polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}"#, "polygon"),
        ("zones/hall", r#"{"kind": "ignore"}"#, "kind"),
        ("zones/hall", r#"{"polygons": []}"#, "polygons"),
    ] {
        let put = TestRequest::put().uri(&format!("/api/v1/cameras/1/{path}"));
        let got = refusal(put.set_payload(body.to_owned())).await;
        assert_eq!(got, (400, "invalid_field".into(), field.into()), "{path}: {body}");
    }
    let put = TestRequest::put().uri("/api/v1/cameras/1").set_payload(r#"{"name": "door"}"#);
    assert_eq!(refusal(put).await, (400, "invalid_field".into(), "stream_url".into()));
    let restart = TestRequest::post().uri("/api/v1/workers/worker_1/restart");
    let got = refusal(restart.set_payload(r#"{"force": 1}"#)).await;
    assert_eq!(got, (400, "invalid_field".into(), "force".into()));
}

#[actix_web::test]
async fn a_body_of_another_type_is_refused() {
    let typed = |kind: &str| start("{}").insert_header((header::CONTENT_TYPE, kind));
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
        assert_eq!(refusal(typed(kind)).await.0, 415, "{kind}");
    }
    for kind in ["application/json", "application/JSON; charset=utf-8", "application/x+json"] {
        assert_eq!(refusal(typed(kind)).await.1, "unavailable", "{kind}");
    }
    assert_eq!(refusal(start("{}")).await.1, "unavailable");
    assert_eq!(refusal(start("")).await.1, "unavailable");
}

#[actix_web::test]
async fn an_actor_that_is_gone_means_503() {
    for path in ["cameras", "cameras/1", "cameras/1/count", "workers", "workers/worker_1", "queue"]
    {
        let got = refusal(TestRequest::get().uri(&format!("/api/v1/{path}"))).await;
        assert_eq!((got.0, got.1.as_str()), (503, "unavailable"), "{path}");
    }
    for path in ["/readyz", "/health", "/api/v1/health"] {
        let (status, _, body) = call(TestRequest::get().uri(path)).await;
        assert_eq!((status.as_u16(), &body["code"]), (503, &"not_ready".into()), "{path}");
        assert_eq!(body["details"]["reasons"].as_array().unwrap().len(), 2, "{path}");
    }
    let (status, _, body) = call(TestRequest::get().uri("/livez")).await;
    assert_eq!((status.as_u16(), &body["data"]["status"]), (200, &"alive".into()));
}

#[actix_web::test]
async fn calls_are_counted_by_route() {
    let state = state();
    let metrics = state.metrics.clone();
    let app = App::new().wrap(from_fn(observe::observe)).configure(|cfg| configure(cfg, state));
    let app = init_service(app).await;
    for path in ["/api/v1/cameras/7", "/api/v1/cameras/8", "/secret/path", "/api/v1/x", "/livez"] {
        call_service(&app, TestRequest::get().uri(path).to_request()).await;
    }
    let text = read_body(call_service(&app, TestRequest::get().uri("/metrics").to_request()).await);
    let text = String::from_utf8(text.await.to_vec()).unwrap();
    let count = |labels: [&str; 3]| metrics.http_requests.with_label_values(&labels).get();
    assert_eq!(count(["/api/v1/cameras/{camera_id}", "GET", "503"]), 2);
    assert_eq!(count(["unmatched", "GET", "404"]), 2);
    assert_eq!(count(["/livez", "GET", "200"]), 1);
    assert!(text.contains("becamera_http_requests_total{"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[actix_web::test]
async fn a_panic_is_answered() {
    async fn defect() -> &'static str {
        panic!("on purpose")
    }
    let state = state();
    let metrics = state.metrics.clone();
    let app = App::new()
        .wrap(from_fn(observe::observe))
        .route("/defect", web::get().to(defect))
        .configure(|cfg| configure(cfg, state));
    let app = init_service(app).await;
    let error = app.call(TestRequest::get().uri("/defect").to_request()).await.err().unwrap();
    let answer = error.as_response_error().error_response();
    assert_eq!(answer.status(), 500);
    assert_eq!(metrics.http_requests.with_label_values(&["/defect", "GET", "500"]).get(), 1);
}

#[actix_web::test]
async fn an_address_is_taken_once() {
    let bind = ([127, 0, 0, 1], 0).into();
    let first = listen(&ServerSettings { bind, ..ServerSettings::default() }).unwrap();
    let taken = first.local_addr().unwrap();
    let refused = listen(&ServerSettings { bind: taken, ..ServerSettings::default() }).unwrap_err();
    assert!(refused.to_string().starts_with(&format!("can't listen on {taken}: ")), "{refused}");
}

#[actix_web::test]
async fn a_client_that_never_finishes_is_sent_away() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let bind = ([127, 0, 0, 1], 0).into();
    let listener = listen(&ServerSettings { bind, ..ServerSettings::default() }).unwrap();
    let address = listener.local_addr().unwrap();
    let server = server(state(), listener).unwrap();
    let handle = server.handle();
    actix::spawn(server);
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /api/v1/cameras/1/start HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    let read = client.read_exact(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 408");
    handle.stop(false).await;
}
