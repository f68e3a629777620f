//! `/health`, `/livez`, `/readyz`, `/metrics`

use crate::support::service::Service;

#[test]
fn a_ready_service_says_so() {
    let service = Service::start();
    service.wait_all_idle();

    assert_eq!(service.http.get("/livez").status, 200);
    assert_eq!(service.http.get("/readyz").status, 200);
    let health = service.http.get("/health");
    assert_eq!(health.status, 200);
    assert!(health.json.is_object(), "{health:?}");
}

#[test]
fn metrics_are_complete_and_well_formed() {
    let service = Service::start();
    service.http.get("/no-such-route");
    let page = service.metrics();

    assert_eq!(page.status, 200);
    assert!(page.content_type.starts_with("text/plain"), "{}", page.content_type);
    assert_eq!(page.metric("becamera_workers{state=\"idle\"}"), Some(2.0));
    assert!(page.text.contains("becamera_build_info{"), "{}", page.text);
    assert!(page.text.contains("process_resident_memory_bytes"), "{}", page.text);
    assert!(page.text.contains("becamera_http_requests_total{"), "{}", page.text);
    assert!(!page.text.contains("no-such-route"), "what callers make up is not a label");
    for line in page.text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(series.starts_with("becamera_"), "{line}");
    }
}
