use proptest::prelude::*;

use super::*;

fn reason(text: &str) -> String {
    StreamUrlPolicy::default().check(text).expect_err(text).reason
}

#[test]
fn cameras_are_taken() {
    let policy = StreamUrlPolicy::default();
    for good in [
        "rtsp://192.168.1.100:554/stream1",
        "RTSP://cam.example/1?channel=2",
        "rtsps://user:pa%2Fss@[2001:db8::1]/x",
        "http://cam/video.mjpg",
        "https://cam/video.mjpg",
    ] {
        policy.check(good).unwrap();
    }
}

#[test]
fn everything_else_is_refused_with_its_reason() {
    assert!(reason("").contains("1 to 2048"));
    assert!(reason("videotestsrc ! appsink").contains("spaces"));
    assert!(reason("rtsp://cam/\r\nHost:x").contains("control"));
    assert!(reason("rtsp://cam/%0d%0aHost:x").contains("line breaks"));
    assert!(reason("concat:a|b").contains("begin with"));
    assert!(reason("subfile,,start,0,end,0,,:/etc/passwd").contains("URL"));
    assert!(reason("rtmp://cam/x").contains("begin with"));
    assert!(reason("tcp://cam:1").contains("begin with"));
    assert!(reason("/etc/passwd").contains("URL"));
    assert!(reason("0").contains("URL"));
    assert!(reason("rtsp:///x").contains("host"));
    assert!(reason("rtsp://user:p/ss@cam/x").contains("%2F"));
    assert!(reason("rtsp://user:p#ss@cam/x").contains("%23"));
    assert!(reason("rtsp://cam:0/x").contains("port 0"));
    assert!(reason("file:///etc/passwd").contains("media_roots"));
    assert!(reason("file://host/etc/passwd").contains("file:///"));
    assert!(reason("file:relative").contains("file:///"));
}

#[test]
fn files_must_be_regular_and_below_a_media_root() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(root.path().join("a.mp4"), b"x").unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("link.mp4")).unwrap();
    nix::unistd::mkfifo(&root.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let policy = StreamUrlPolicy { media_roots: vec![root.path().into()], ..Default::default() };
    let check = |name: &str| policy.check(&format!("file://{}/{name}", root.path().display()));
    assert!(check("a.mp4").is_ok());
    assert!(check("link.mp4").unwrap_err().reason.contains("outside"));
    assert!(check("fifo").unwrap_err().reason.contains("regular"));
    assert!(check("").unwrap_err().reason.contains("regular"));
    assert!(check("none.mp4").unwrap_err().reason.contains("not there"));
    assert!(check("%02d.jpg").unwrap_err().reason.contains("without %"));
    assert!(check("../../etc/passwd").is_err());
}

#[test]
fn the_allow_list_names_hosts_and_networks() {
    let policy = StreamUrlPolicy {
        allowed_hosts: vec!["10.0.0.0/8".into(), "cam.lan".into(), "::1".into()],
        ..Default::default()
    };
    assert!(policy.check("rtsp://10.1.2.3/x").is_ok());
    assert!(policy.check("rtsp://[::1]/x").is_ok());
    assert!(policy.check("rtsp://127.0.0.1/x").is_err());
    assert!(policy.check("http://127.0.0.1/x").is_err());
    assert!(policy.check_address("CAM.lan", &["127.0.0.1".parse().unwrap()]).is_ok());
    assert!(policy.check_address("x", &["127.0.0.1".parse().unwrap()]).is_err());
    assert!(policy.check_address("x", &["::ffff:10.0.0.1".parse().unwrap()]).is_ok());
}

#[test]
fn an_address_is_one_in_every_spelling() {
    let policy = StreamUrlPolicy { allowed_hosts: vec!["10.0.0.0/8".into()], ..Default::default() };
    for scheme in ["rtsp", "rtsps", "http", "https"] {
        let spellings =
            ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]"];
        for host in spellings {
            let text = format!("{scheme}://{host}/x");
            assert!(policy.check(&text).is_err(), "{text}");
        }
    }
    assert!(policy.check("rtsp://0xa.1/x").is_ok());
}

#[test]
fn no_camera_is_at_special_addresses() {
    let check = |rules: &[&str], host: &str| {
        let allowed_hosts = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let policy = StreamUrlPolicy { allowed_hosts, ..Default::default() };
        policy.check(&format!("http://{host}/x")).is_ok()
    };
    for host in [
        "169.254.169.254",
        "169.254.7.7",
        "0.0.0.0",
        "0",
        "224.0.0.1",
        "255.255.255.255",
        "[::]",
        "[fe80::1]",
        "[ff02::1]",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "2852039166",
    ] {
        assert!(!check(&[], host), "{host}");
        assert!(!check(&["0.0.0.0/0", "::/0"], host), "{host}");
    }
    assert!(check(&["169.254.7.0/24"], "169.254.7.7"), "it was meant");
    assert!(!check(&["169.254.0.0/16"], "169.254.169.254"));
    assert!(check(&["169.254.169.254"], "169.254.169.254"));
    assert!(check(&[], "127.0.0.1") && check(&[], "192.168.1.9"));
    let named = StreamUrlPolicy { allowed_hosts: vec!["cam.lan".into()], ..Default::default() };
    assert!(named.check_address("cam.lan", &["169.254.169.254".parse().unwrap()]).is_err());
}

#[test]
fn the_service_itself_is_no_camera() {
    let policy = StreamUrlPolicy { own_address: "0.0.0.0:3002".parse().ok(), ..Default::default() };
    assert!(policy.check("http://127.0.0.1:3002/api/v1/cameras/1/live.mjpeg").is_err());
    assert!(policy.check("http://[::1]:3002/").is_err());
    assert!(policy.check("http://127.0.0.1:3003/").is_ok());
}

#[test]
fn secrets_are_never_shown() {
    let url = StreamUrl::trusted("rtsp://admin:s3%40cret@cam:554/a/password=s3?token=s3").unwrap();
    assert_eq!(url.to_string(), "rtsp://***@cam:554/a/***?***");
    assert_eq!(format!("{url:?}"), "StreamUrl(rtsp://***@cam:554/a/***?***)");
    assert_eq!(url.credentials().unwrap(), ("admin".into(), "s3@cret".into()));
    let noise = "open rtsp://admin:s3%40cret@cam:554/a failed; auth s3@cret (s3%40cret)";
    assert_eq!(url.redact_in(noise), "open rtsp://***@cam:554/a failed; auth *** (***)");
}

proptest! {
    #[test]
    fn any_text_is_refused_or_shown_without_its_password(
        password in "[a-zA-Z0-9@:!$&*+=~._-]{6,20}", tail in "[ -~]{0,30}"
    ) {
        let text = format!("rtsp://user:{password}@camera.example/{tail}");
        match StreamUrlPolicy::default().check(&text) {
            Ok(url) => prop_assert!(!url.to_string().contains(&password)),
            Err(error) => prop_assert!(!error.to_string().contains(&password)),
        }
    }

    #[test]
    fn checking_never_panics(text in "\\PC{0,200}") {
        let _ = StreamUrlPolicy::default().check(&text);
        let _ = redact_urls(&text);
    }
}
