//! Stream credentials at rest: sealed, under keys that can change, and lost with them alone.

use std::{fs, path::Path, process::Command, sync::Arc};

use becamera::{
    db::{DbError, DieselStore, SqliteSpool},
    vault::Vault,
};
use becamera_actors::ports::{CameraReader, Spool, WriteStore};
use becamera_domain::{Camera, SecretKeys, StreamUrl, WriteKind, settings::StorageSettings};
use diesel::prelude::*;

use super::{all, camera, camera_id, forget, sample, save, settings, write};
use crate::support::{
    postgres::Postgres,
    rtsp::{Options, RtspCamera},
    service::{Builder, Service},
};

/// Of [`camera`]'s stream URL; the host as well, since all of it is sealed.
const SECRETS: [&str; 3] = ["pa%2Fss", "camera.example", "a=b"];

fn key(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn with_keys(url: &str, keys: &str) -> StorageSettings {
    StorageSettings { secret_key: Some(SecretKeys::parse(keys).unwrap()), ..settings(url) }
}

fn connect(url: &str, keys: &str) -> Result<DieselStore, DbError> {
    DieselStore::connect(&with_keys(url, keys))
}

/// Runs a test on a database of each kind: its URL, and all that is stored in it as bytes.
fn on_both(test: impl Fn(&str, &dyn Fn() -> Vec<u8>)) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.sqlite3").display());
    test(&url, &|| bytes_below(folder.path()));
    let server = Postgres::start();
    let url = server.database("registry");
    test(&url, &|| {
        let dump = Command::new("pg_dump").arg(&url).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        dump.stdout
    });
}

fn bytes_below(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.is_file()).flat_map(|path| fs::read(path).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A connection of its own, which waits while the store's connections close.
fn sqlite(path: &str) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(path).unwrap();
    diesel::sql_query("PRAGMA busy_timeout = 10000").execute(&mut connection).unwrap();
    connection
}

fn execute(url: &str, sql: &str) {
    let query = diesel::sql_query(sql);
    match url.strip_prefix("sqlite:") {
        Some(path) => query.execute(&mut sqlite(path)),
        None => query.execute(&mut PgConnection::establish(url).unwrap()),
    }
    .unwrap();
}

fn stored_urls(url: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        stream_url: String,
    }
    let query = diesel::sql_query("SELECT stream_url FROM cameras ORDER BY id");
    let rows: Vec<Row> = match url.strip_prefix("sqlite:") {
        Some(path) => query.load(&mut sqlite(path)),
        None => query.load(&mut PgConnection::establish(url).unwrap()),
    }
    .unwrap();
    rows.into_iter().map(|row| row.stream_url).collect()
}

#[test]
fn with_a_key_no_part_of_a_stream_url_is_stored() {
    on_both(|url, bytes| {
        let store = connect(url, &key('a')).unwrap();
        store.write(&[save(camera(1)), save(camera(2))]).unwrap();
        assert_eq!(store.load_cameras().unwrap(), [camera(1), camera(2)]);
        drop(store);
        for secret in SECRETS {
            assert!(!holds(&bytes(), secret), "{secret} in {url}");
        }
        let sealed = stored_urls(url);
        assert!(sealed.iter().all(|text| Vault::is_sealed(text)) && sealed[0] != sealed[1]);
    });
}

#[test]
fn what_lay_in_plain_text_is_sealed_and_wiped_once_a_key_is_set() {
    on_both(|url, bytes| {
        let store = DieselStore::connect(&settings(url)).unwrap();
        let old = |id, n| Camera {
            stream_url: StreamUrl::trusted(&format!("rtsp://u:hunter{n}@c/{id}")).unwrap(),
            ..camera(id)
        };
        for n in 1..=3 {
            store.write(&[save(old(1, n)), save(old(2, n))]).unwrap();
        }
        // Deleted ones leave pages behind that nothing refers to.
        let gone = 100..400;
        store.write(&gone.clone().map(|id| save(old(id, 9))).collect::<Vec<_>>()).unwrap();
        store.write(&gone.map(forget).collect::<Vec<_>>()).unwrap();
        store.write(&[save(camera(3))]).unwrap();
        write(&store, &[sample(1, 1, 1)]).unwrap();
        drop(store);
        assert!(holds(&bytes(), "hunter3") && holds(&bytes(), SECRETS[0]), "plain without a key");

        let store = connect(url, &key('a')).unwrap();

        assert_eq!(store.load_cameras().unwrap(), [old(1, 3), old(2, 3), camera(3)]);
        assert_eq!(all(&store, 1).len(), 1, "everything else is as it was");
        for secret in ["hunter", SECRETS[0]] {
            assert!(!holds(&bytes(), secret), "{secret} in {url}");
        }
        let sealed = stored_urls(url);
        drop(connect(url, &key('a')).unwrap());
        assert_eq!(stored_urls(url), sealed, "sealed once");
    });
}

#[test]
fn keys_rotate() {
    on_both(|url, _| {
        let (old, new) = (key('a'), key('b'));
        connect(url, &old).unwrap().write(&[save(camera(1))]).unwrap();
        let before = stored_urls(url);
        let store = connect(url, &format!("{new},{old}")).unwrap();
        assert_eq!(store.load_cameras().unwrap(), [camera(1)]);
        assert_ne!(stored_urls(url), before);
        drop(store);
        assert_eq!(connect(url, &new).unwrap().load_cameras().unwrap(), [camera(1)]);
        assert!(connect(url, &old).is_err(), "it is of no use any more");
    });
}

#[test]
fn a_missing_or_wrong_key_is_named_and_nothing_is_changed() {
    on_both(|url, _| {
        let store = connect(url, &key('a')).unwrap();
        store.write(&[save(camera(7)), save(camera(9))]).unwrap();
        drop(store);
        // One more in plain text, which would be sealed if anything were.
        execute(url, "UPDATE cameras SET stream_url = 'rtsp://u:hunter2@c/' WHERE id = 9");
        let before = stored_urls(url);
        for settings in [settings(url), with_keys(url, &key('b'))] {
            let error = DieselStore::connect(&settings).err().unwrap();
            let text = error.to_string();
            assert!(matches!(error, DbError::UnknownKey { .. }), "{text}");
            assert!(text.contains("storage.secret_key (BECAMERA_SECRET_KEY)"), "{text}");
            assert!(text.contains("cameras 7 sealed under key "), "{text}");
            assert!(!text.contains("bbbb") && !text.contains("hunter2"), "{text}");
            assert_eq!(stored_urls(url), before);
        }
        let store = connect(url, &key('a')).unwrap();
        assert_eq!(store.load_cameras().unwrap()[0], camera(7));
    });
}

#[test]
fn a_sealed_url_opens_for_its_own_camera_alone() {
    on_both(|url, _| {
        let store = connect(url, &key('a')).unwrap();
        store.write(&[save(camera(1)), save(camera(2)), save(camera(3))]).unwrap();
        let stolen = "UPDATE cameras SET stream_url = \
            (SELECT stream_url FROM cameras WHERE id = 1) WHERE id = 2";
        execute(url, stolen);
        // The others are not held up by it.
        assert_eq!(store.load_cameras().unwrap(), [camera(1), camera(3)]);
        drop(store);
        let store = connect(url, &key('a')).unwrap();
        assert_eq!(store.load_cameras().unwrap(), [camera(1), camera(3)]);
    });
}

#[test]
fn the_spool_seals_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.sqlite3");
    let vault = |keys: &str| Arc::new(Vault::new(SecretKeys::parse(keys).ok().as_ref()));
    let open = |vault| SqliteSpool::open(&path, 64 << 20).unwrap().sealing_with(vault);
    let spool = open(vault(&key('a'))).unwrap();
    spool.append(&[save(camera(4))]).unwrap();
    assert!(holds(&bytes_below(folder.path()), "save_camera"));
    for secret in SECRETS {
        assert!(!holds(&bytes_below(folder.path()), secret), "{secret}");
    }
    assert_eq!(spool.waiting(&[WriteKind::SaveCamera]).unwrap(), [save(camera(4))]);
    drop(spool);
    for other in [Arc::default(), vault(&key('b'))] {
        let text = open(other).err().unwrap().to_string();
        assert!(text.contains("spool") && text.contains("cameras 4 sealed"), "{text}");
    }
    let spool = open(vault(&format!("{},{}", key('b'), key('a')))).unwrap();
    assert_eq!(spool.oldest(10).unwrap().unwrap().1, [save(camera(4))]);
}

fn refused_start(builder: &Builder) -> String {
    let output = builder.command("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "not to be tried again");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_service_with_a_key_resumes_and_without_it_says_so() {
    const PASSWORD: &str = "hunter2-of-the-camera";
    let auth = Some(("digest", "viewer", PASSWORD));
    let camera = RtspCamera::start_with(Options { auth, ..Options::default() });
    let mut service = Service::with().env("BECAMERA_SECRET_KEY", key('a')).start();
    service.keep_secret(PASSWORD);
    service.keep_secret(&key('a'));
    service.start_camera(1, &camera.url_with(&format!("viewer:{PASSWORD}"))).ok(200);
    service.wait_new_count(1);
    let folder = service.folder().to_owned();
    assert!(!holds(&bytes_below(&folder), PASSWORD), "while it runs");

    let mut service = service.stop().start();

    service.keep_secret(PASSWORD);
    service.wait_new_count(1);
    let builder = service.stop();
    assert!(!holds(&bytes_below(&folder), PASSWORD), "after it has stopped");
    for builder in [
        builder.clone_settings().without_env("BECAMERA_SECRET_KEY"),
        builder.clone_settings().env("BECAMERA_SECRET_KEY", key('b')),
    ] {
        let log = refused_start(&builder);
        assert!(log.contains("storage.secret_key") && log.contains("cameras 1 "), "{log}");
        assert!(!log.contains(PASSWORD) && !log.contains("panicked"), "{log}");
    }
    let rotated = format!("{},{}", key('b'), key('a'));
    let service = builder.env("BECAMERA_SECRET_KEY", rotated).start();
    service.wait_new_count(1);
    let stored = stored_urls(&format!("sqlite:{}", service.database().display()));
    let vault = Vault::new(SecretKeys::parse(&key('b')).ok().as_ref());
    assert!(vault.is_current(&stored[0]), "{stored:?}");
    assert_eq!(service.camera(1)["camera_id"], camera_id(1).get());
}
