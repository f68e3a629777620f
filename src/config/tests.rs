use std::{io::Write, time::Duration};

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn variables(pairs: &[(&str, &str)]) -> Inputs {
    // An empty file keeps the tests from reading one of this machine.
    let environment = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Inputs { file: Some("/dev/null".into()), environment, ..Inputs::default() }
}

fn load_file(text: &str) -> Result<Loaded, String> {
    let file = file(text);
    let path = file.path().display().to_string();
    load(&Inputs { file: Some(file.path().into()), ..Inputs::default() })
        .map_err(|error| error.to_string().replace(&path, "FILE"))
}

fn refused(inputs: &Inputs) -> String {
    load(inputs).unwrap_err().to_string()
}

#[test]
fn nothing_given_means_the_defaults() {
    assert_eq!(load(&variables(&[])).unwrap().settings, Settings::default());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = file("[server]\nbind = \"127.0.0.1:1\"\nbody_limit = 2000\n[workers]\ncount = 1\n");
    let mut inputs = variables(&[("BECAMERA_SERVER_BIND", "127.0.0.1:2")]);
    inputs.environment.push(("BECAMERA_WORKERS_COUNT".into(), "2".into()));
    inputs.environment.push((FILE_VARIABLE.into(), file.path().into()));
    inputs.file = None;
    inputs.bind = Some(([127, 0, 0, 1], 3).into());
    let settings = load(&inputs).unwrap().settings;
    assert_eq!(settings.server.bind.port(), 3);
    assert_eq!(settings.workers.count, 2);
    assert_eq!(settings.server.body_limit, 2000);
    inputs.set = vec!["server.bind=127.0.0.1:4".into(), "workers.count = 3".into()];
    let settings = load(&inputs).unwrap().settings;
    assert_eq!((settings.server.bind.port(), settings.workers.count), (4, 3));
}

#[test]
fn a_preset_takes_the_place_of_knobs_but_not_of_flags() {
    let file = file("[detect]\nfps = 5\npreset = \"economy\"\ninterval = 3\nscale = 0.5\n");
    let mut inputs = variables(&[("BECAMERA_DETECT_FULL_EVERY", "7")]);
    inputs.file = Some(file.path().into());
    inputs.preset = Some(Preset::Accurate);
    let detect = load(&inputs).unwrap().settings.detect;
    assert_eq!((detect.fps, detect.recipe()), (5.0, Preset::Accurate.recipe()));
    inputs.set = vec!["detect.scale=0.75".into()];
    assert_eq!(load(&inputs).unwrap().settings.detect.scale, Some(0.75));
}

#[test]
fn values_of_every_type_can_be_given_as_text() {
    let inputs = variables(&[
        ("BECAMERA_DETECT_FPS", "5"),
        ("BECAMERA_DETECT_CONFIDENCE", "0.5"),
        ("BECAMERA_STREAM_READ_TIMEOUT", "1500ms"),
        ("BECAMERA_STREAM_ALLOWED_HOSTS", "10.0.0.0/8, cam.lan"),
        ("BECAMERA_STREAM_MEDIA_ROOTS", "/media"),
        ("BECAMERA_WORKERS_ISOLATION", "thread"),
        ("BECAMERA_WORKERS_QUARANTINE", ""),
        ("REDIS_URL", "redis://127.0.0.1/1"),
        ("DATABASE_URL", "sqlite:other.sqlite3"),
        ("BECAMERA_STORAGE_DATABASE_URL", "sqlite:own.sqlite3"),
        ("BECAMERA_PORT_3002_TCP", "tcp://10.0.0.1:3002"),
        ("UNRELATED", "x"),
    ]);
    let settings = load(&inputs).unwrap().settings;
    assert_eq!((settings.detect.fps, settings.detect.confidence), (5.0, 0.5));
    assert_eq!(settings.stream.read_timeout, Duration::from_millis(1500));
    assert_eq!(settings.stream.allowed_hosts, ["10.0.0.0/8", "cam.lan"]);
    assert_eq!(settings.stream.media_roots, [PathBuf::from("/media")]);
    assert_eq!(settings.cache.redis_url.as_deref(), Some("redis://127.0.0.1/1"));
    assert_eq!(settings.storage.database_url, "sqlite:own.sqlite3");
    assert_eq!(settings.workers.quarantine, Duration::from_secs(300));
}

#[test]
fn errors_of_the_file_name_the_line_the_key_and_the_reason() {
    let error = |text: &str| load_file(text).unwrap_err();
    let unknown = error("[workers]\ncount = 1\ncuont = 2\n");
    assert!(unknown.starts_with("FILE line 3: workers.cuont: unknown field"), "{unknown}");
    assert!(unknown.contains("`count`"), "{unknown}");
    let section = error("\n[worker]\n");
    assert!(section.starts_with("FILE line 2: worker: unknown field"), "{section}");
    let kind = error("[workers]\ncount = \"two\"\n");
    assert!(kind.starts_with("FILE line 2: workers.count: invalid type"), "{kind}");
    let scalar = error("workers = 3\n");
    assert!(scalar.starts_with("FILE line 1: workers: invalid type"), "{scalar}");
    let range = error("[workers]\n\ncount = 65\n");
    assert_eq!(range, "FILE line 3: workers.count: must be from 1 to 64");
    let nan = error("[detect]\nfps = nan\n");
    assert!(nan.starts_with("FILE line 2: detect.fps: must be from"), "{nan}");
    let contradiction = error("[stream]\nread_timeout = \"20s\"\n");
    assert_eq!(
        contradiction,
        "FILE line 2: workers.hang_timeout: must be longer than stream.read_timeout"
    );
    let syntax = error("[storage]\ndatabase_url = \"postgres://user:hunter2@host\n");
    assert!(syntax.starts_with("FILE: line 2: "), "{syntax}");
    assert!(!syntax.contains("hunter2"), "{syntax}");
    let gone = refused(&Inputs { file: Some("/nowhere.toml".into()), ..Inputs::default() });
    assert!(gone.starts_with("/nowhere.toml: can't be read: "), "{gone}");
}

#[test]
fn errors_of_variables_and_flags_name_them() {
    let error = |name: &str, value: &str| refused(&variables(&[(name, value)]));
    let unknown = error("BECAMERA_WORKERS_CUONT", "2");
    assert!(
        unknown.starts_with("environment variable BECAMERA_WORKERS_CUONT: workers.cuont: unknown"),
        "{unknown}"
    );
    let section = error("BECAMERA_WORKER_COUNT", "2");
    assert!(section.contains("BECAMERA_WORKER_COUNT: worker.count: unknown field"), "{section}");
    let kind = error("BECAMERA_WORKERS_COUNT", "two");
    assert!(kind.contains("BECAMERA_WORKERS_COUNT: workers.count: invalid type"), "{kind}");
    let unit = error("BECAMERA_STREAM_READ_TIMEOUT", "5");
    assert!(unit.contains("stream.read_timeout: invalid"), "{unit}");
    let range = error("BECAMERA_WORKERS_COUNT", "0");
    assert_eq!(
        range,
        "environment variable BECAMERA_WORKERS_COUNT: workers.count: must be from 1 to 64"
    );

    let error = |set: &str| refused(&Inputs { set: vec![set.into()], ..variables(&[]) });
    assert_eq!(error("workers"), "flag --set: must be given as section.key=value");
    assert!(error("workers.x=1").starts_with("flag --set: workers.x: unknown field"));
    assert!(error("a.b.c=1").starts_with("flag --set: a.b.c: unknown field"));
    assert!(error("workers.count.x=1").starts_with("flag --set: workers.count.x: invalid type"));
}

#[test]
fn the_effective_settings_say_their_origin_and_no_password() {
    let mut inputs = variables(&[("DATABASE_URL", "postgres://u:p@ss?w/ord@db:5432/x?password=s")]);
    inputs.set = vec!["cache.redis_url=redis://:hunter2@cache/0".into()];
    let text = load(&inputs).unwrap().effective().unwrap();
    for secret in ["hunter2", "p@ss", "ord@", "password"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let line =
        "database_url = \"postgres://***@db:5432/x?***\" # environment variable DATABASE_URL";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("redis_url = \"redis://***@cache/0\" # flag --set"), "{text}");
    assert!(text.contains("\ncount = 4\n"), "{text}");
    assert!(text.contains("\nconfidence = 0.45\n"), "{text}");
}

#[test]
fn a_secret_key_is_taken_and_never_shown() {
    let key = "0123456789abcdef".repeat(4);
    for name in ["BECAMERA_SECRET_KEY", "BECAMERA_STORAGE_SECRET_KEY"] {
        let loaded = load(&variables(&[(name, &format!("{key},{key}"))])).unwrap();
        assert_eq!(loaded.settings.storage.secret_key.as_ref().unwrap().iter().count(), 2);
        let shown = format!("{} {:?}", loaded.effective().unwrap(), loaded.settings);
        assert!(!shown.contains("89abcdef"), "{shown}");
        assert!(shown.contains(&format!("secret_key = \"***\" # environment variable {name}")));
        let error = refused(&variables(&[(name, &key[1..])]));
        assert!(error.contains("storage.secret_key: each key must be 32 bytes"), "{error}");
        assert!(!error.contains("89abcdef"), "{error}");
    }
}

#[test]
fn what_is_shown_can_be_read_back() {
    let mut inputs = variables(&[
        ("BECAMERA_STREAM_MEDIA_ROOTS", "/a,/b"),
        ("BECAMERA_STORAGE_RETENTION_QUARTER_HOURS", "90d"),
    ]);
    inputs.set = vec!["detector.threads=2".into(), "storage.retention.samples=7d".into()];
    let loaded = load(&inputs).unwrap();
    let text = loaded.effective().unwrap();
    for line in ["samples = \"7d\" # flag --set", "quarter_hours = \"90d"] {
        assert!(text.contains(line), "{text}");
    }
    let again = load_file(&text).unwrap();
    assert_eq!(again.settings, loaded.settings);
}

/// The example shows every setting, commented out, at its default.
#[test]
fn the_example_file_shows_the_defaults() {
    let example = include_str!("../../deploy/becamera.example.toml");
    let is_setting = |line: &&str| line.starts_with('[') || line.starts_with("#:");
    let uncommented: Vec<&str> =
        example.lines().filter(is_setting).map(|line| line.trim_start_matches("#:")).collect();
    let shown: toml::Table = toml::from_str(&uncommented.join("\n")).unwrap();
    let defaults = toml::Table::try_from(Settings::default()).unwrap();
    // Settings without a default are shown as examples.
    let optional = [
        "server.user_header",
        "stream.decoder_threads",
        "detect.mode",
        "detect.interval",
        "detect.person_height",
        "detect.scale",
        "detect.full_every",
        "detector.onnxruntime_library",
        "detector.model",
        "detector.config",
        "detector.labels",
        "cache.redis_url",
    ];
    for (section, keys) in &shown {
        for key in keys.as_table().unwrap().keys() {
            let known = defaults[section].as_table().unwrap().contains_key(key);
            let name = format!("{section}.{key}");
            assert!(known || optional.contains(&name.as_str()), "{name} is no setting");
        }
    }
    for (section, keys) in &defaults {
        for key in keys.as_table().unwrap().keys() {
            assert!(shown[section].as_table().unwrap().contains_key(key), "{section}.{key}");
        }
    }
    for name in optional {
        let (section, key) = name.split_once('.').unwrap();
        assert!(shown[section].as_table().unwrap().contains_key(key), "{name}");
    }
    let mut settings = Settings::deserialize(toml::Value::Table(shown)).unwrap();
    (settings.detector.model, settings.detector.config) = (None, None);
    settings.stream.tls.ca_file = None;
    (settings.detector.labels, settings.cache.redis_url) = (None, None);
    settings.server.user_header = None;
    (settings.detect.mode, settings.detect.interval) = (None, None);
    (settings.detect.person_height, settings.detect.scale) = (None, None);
    settings.detect.full_every = None;
    settings.stream.decoder_threads = None;
    settings.detector.onnxruntime_library = None;
    assert_eq!(settings, Settings::default());
    // And as it stands, it changes nothing.
    assert_eq!(load_file(example).unwrap().settings, Settings::default());
}
