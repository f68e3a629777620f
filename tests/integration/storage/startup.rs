//! What is wrong with a database is said at start-up, in time and without its password.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use becamera::db::{DatabaseUrl, DbError, DieselStore, migrate};
use becamera_actors::ports::{CameraReader, StoreError, WriteStore};

use super::{all, camera, rollups, sample, save, settings, write};
use crate::support::postgres::{PASSWORD, Postgres, free_port};

fn refusal(url: &str) -> (DbError, String) {
    let begin = Instant::now();
    let Err(error) = DieselStore::connect(&settings(url)) else { panic!("a connection was made") };
    assert!(begin.elapsed() < Duration::from_secs(6), "took {:?}", begin.elapsed());
    let text = format!("{error} {error:?}");
    assert!(!text.contains(PASSWORD) && !text.contains("wrong-pw"), "{text}");
    (error, text)
}

fn file(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[test]
fn migrations_are_reported_and_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start();
    for url in [file(&folder.path().join("a.sqlite3")), server.database("migrated")] {
        let url: DatabaseUrl = url.parse().unwrap();
        let first = migrate(&url).unwrap();
        assert!(first.applied[0].contains("create_cameras_and_samples"), "{first:?}");
        assert!(!first.database.contains(PASSWORD));
        let again = migrate(&url).unwrap();
        assert_eq!((again.applied, again.version), (vec![], first.version));
    }
}

/// As the first release left it: its samples had no identity and there were no rollups.
#[test]
fn an_older_schema_is_brought_up_to_date() {
    const OLD: &str = "\
        CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
        run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP); \
        INSERT INTO __diesel_schema_migrations (version) VALUES ('20261122000000'); \
        INSERT INTO cameras VALUES (1, NULL, 'rtsp://camera.example/1', '{}', 'running', 1, 1); \
        INSERT INTO samples VALUES (1, 59, 10, 1, 3, 2.5, 9.5, 'worker_1'); \
        INSERT INTO samples VALUES (1, 60, 4, 0, 0, 0.0, 9.5, 'worker_1');";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.sqlite3");
    let server = Postgres::start();
    let first = |kind: &str| {
        let name = format!("migrations/{kind}/2026-11-22-000000_create_cameras_and_samples/up.sql");
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
    };
    {
        use diesel::{connection::SimpleConnection, prelude::*};
        let mut sqlite = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        sqlite.batch_execute(&format!("{}{OLD}", first("sqlite"))).unwrap();
    }
    let url = server.database("old");
    server.sql_in("old", &format!("{}{OLD}", first("postgresql")));
    for url in [file(&path), url] {
        let store = DieselStore::connect(&settings(&url)).unwrap();
        let samples = all(&store, 1);
        let told: Vec<_> =
            samples.iter().map(|s| (s.frames, s.people_sum, s.people_min, s.people_max)).collect();
        assert_eq!(told, [(10, 25, 1, 3), (4, 0, 0, 0)]);
        rollups::assert_true(&store, &[1]);
        assert_eq!(store.load_cameras().unwrap().len(), 1);
    }
}

#[test]
fn sqlite_says_what_is_wrong_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (error, text) = refusal(&file(&folder.path().join("none/a.sqlite3")));
    assert!(matches!(error, DbError::Open { .. }) && text.contains("not a folder"), "{text}");
    let (error, text) = refusal(&file(folder.path()));
    assert!(matches!(error, DbError::Open { .. }), "{text}");
    let garbage = folder.path().join("garbage");
    fs::write(&garbage, [7; 10_000]).unwrap();
    let (_, text) = refusal(&file(&garbage));
    assert!(text.contains("not a database"), "{text}");
    assert!(matches!(refusal("becamera.sqlite3").0, DbError::InvalidUrl(_)));
}

#[test]
fn sqlite_on_a_read_only_disk_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite3");
    // A store would leave a pool that still opens connections when it is dropped, and SQLite
    // shares the descriptors of a process.
    migrate(&file(&path).parse().unwrap()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // As another user for file access, in this thread alone: root may write everything.
    let me = unsafe { libc::setfsuid(65_534) };
    let (error, text) = refusal(&file(&path));
    unsafe { libc::setfsuid(me as libc::uid_t) };
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(error, DbError::NotWritable { .. }), "{text}");
}

#[test]
fn a_deleted_sqlite_file_is_noticed_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite3");
    let store = DieselStore::connect(&settings(&file(&path))).unwrap();
    store.write(&[save(camera(1))]).unwrap();
    fs::remove_file(&path).unwrap();
    let error = write(&store, &[sample(1, 1, 1)]).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(store.ping().is_err() && !path.exists());
}

#[test]
fn postgresql_says_what_is_wrong_with_the_server() {
    let server = Postgres::start();
    let url = server.database("good");
    drop(DieselStore::connect(&settings(&url)).unwrap());

    let (error, text) = refusal(&server.url_with_password("good", "wrong-pw"));
    assert!(matches!(error, DbError::Open { .. }) && text.contains("authentication"), "{text}");
    let (_, text) = refusal(&server.url_with_password("none", PASSWORD));
    assert!(text.contains("does not exist"), "{text}");
    let (_, text) = refusal(&format!("postgres://u:{PASSWORD}@127.0.0.1:{}/d", free_port()));
    assert!(text.contains("refused"), "{text}");

    server.sql("ALTER DATABASE good SET default_transaction_read_only = on");
    let (error, text) = refusal(&url);
    assert!(matches!(error, DbError::NotWritable { .. }), "{text}");
}

#[test]
fn a_silent_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (error, text) = refusal(&format!("postgres://u:{PASSWORD}@127.0.0.1:{port}/d"));
    assert!(matches!(error, DbError::Open { .. }) && text.contains("timeout"), "{text}");
}

#[test]
fn a_newer_schema_is_left_alone() {
    const NEWER: &str =
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')";
    let server = Postgres::start();
    let url = server.database("newer");
    drop(DieselStore::connect(&settings(&url)).unwrap());
    server.sql_in("newer", NEWER);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("newer.sqlite3");
    drop(DieselStore::connect(&settings(&file(&path))).unwrap());
    {
        use diesel::prelude::*;
        let mut sqlite = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        diesel::sql_query(NEWER).execute(&mut sqlite).unwrap();
    }
    for url in [url, file(&path)] {
        let (error, text) = refusal(&url);
        assert!(matches!(error, DbError::SchemaTooNew { .. }), "{text}");
        assert!(text.contains("20991231000000"), "{text}");
    }
}
