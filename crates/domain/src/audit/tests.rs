use super::*;
use crate::{CameraSettings, DesiredState, DetectOverrides};

fn camera(url: &str) -> Camera {
    Camera {
        id: CameraId::try_from(1).unwrap(),
        name: None,
        stream_url: StreamUrl::trusted(url).unwrap(),
        settings: CameraSettings::default(),
        desired: DesiredState::Stopped,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn names(fields: &[FieldChange]) -> Vec<&str> {
    fields.iter().map(|change| change.field.as_str()).collect()
}

#[test]
fn a_registration_lists_its_fields_and_a_deletion_too() {
    let camera = camera("rtsp://viewer:hunter2@cam/1?token=hunter2");
    let all = ["desired_state", "source.loop", "source.paced", "stream_url"];
    let registered = changes(None, Some(&camera));
    assert_eq!(names(&registered), all);
    assert_eq!(registered[3], FieldChange::new("stream_url", Value::Null, "rtsp://***@cam/1?***"));
    assert_eq!(names(&changes(Some(&camera), None)), all);
}

#[test]
fn only_what_changed_is_listed_as_it_was_written() {
    let before = camera("rtsp://cam/1");
    let mut after = before.clone();
    after.name = Some("Entrance".into());
    after.settings.detect = DetectOverrides { confidence: Some(0.6), ..Default::default() };
    after.updated_at += chrono::TimeDelta::seconds(1);
    let expected = [
        FieldChange::new("detect.confidence", Value::Null, 0.6),
        FieldChange::new("name", Value::Null, "Entrance"),
    ];
    assert_eq!(changes(Some(&before), Some(&after)), expected);
    assert!(changes(Some(&after), Some(&after)).is_empty());
}

#[test]
fn a_change_of_secrets_alone_is_told_without_them() {
    let told = |before: &str, after: &str| {
        let fields = changes(Some(&camera(before)), Some(&camera(after)));
        let text = serde_json::to_string(&fields).unwrap();
        for secret in ["viewer", "hunter2", "hunter3"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(names(&fields), ["stream_url"], "{text}");
        (fields[0].from == fields[0].to, fields[0].credentials_changed)
    };
    assert_eq!(told("rtsp://viewer:hunter2@cam/", "rtsp://viewer:hunter3@cam/"), (true, true));
    assert_eq!(told("rtsp://viewer:hunter2@cam/", "rtsp://cam/"), (false, true));
    assert_eq!(told("http://cam/?k=hunter2", "http://cam/?k=hunter3"), (true, true));
    assert_eq!(told("http://cam/pass=hunter2", "http://cam/pass=hunter3"), (true, true));
    assert_eq!(told("rtsp://viewer:hunter2@a/", "rtsp://viewer:hunter2@b/"), (false, false));
}

#[test]
fn a_callers_name_is_cleaned_and_bounded() {
    let address: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
    let who = |user: &str| Requester::caller(address, Some(user)).who;
    assert_eq!(who(" al\r\nice\u{7} "), "alice");
    assert_eq!(who("\t"), "192.0.2.7");
    assert_eq!(who(&"é".repeat(1000)).chars().count(), 200);
    let caller = Requester::caller(address, None);
    assert_eq!((caller.who.as_str(), caller.address), ("192.0.2.7", "192.0.2.7".parse().ok()));
}

#[test]
fn numbers_grow_even_when_the_clock_does_not() {
    let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(5);
    // Other tests make some too.
    let (first, second) = (AuditId::unique(now), AuditId::unique(now));
    let set_back = AuditId::unique(DateTime::UNIX_EPOCH);
    assert!(first.0 >= 5_000_000 && first < second && second < set_back);
    let threads: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(move || (0..1_000).map(|_| AuditId::unique(now)).collect()))
        .collect();
    let ids: Vec<Vec<AuditId>> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    assert!(ids.iter().all(|ids| ids.is_sorted()));
    let all: std::collections::BTreeSet<_> = ids.iter().flatten().collect();
    assert_eq!(all.len(), 4_000);
}

#[test]
fn every_action_has_one_name() {
    for action in AuditAction::ALL {
        assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
    }
}
