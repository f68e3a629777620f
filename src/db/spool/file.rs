//! The spool's file: opened, checked, and brought up to date.

use std::path::Path;

use diesel::{
    connection::SimpleConnection,
    prelude::*,
    sql_types::{BigInt, Text},
    sqlite::SqliteConnection,
};

use super::super::connection::sqlite_uri;

// One process at a time, so that nobody else's writes end up in our database. Each append reaches
// the disk before it counts as done.
const MODES: &str = "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA locking_mode = EXCLUSIVE; \
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";

/// The version of the table, as the file's `user_version` has it.
const VERSION: i64 = 2;

const CREATE: &str = "CREATE TABLE writes (id INTEGER PRIMARY KEY AUTOINCREMENT, \
    kind TEXT NOT NULL, added_at INTEGER NOT NULL, \
    thinned INTEGER NOT NULL DEFAULT 0, payload TEXT NOT NULL) STRICT; \
    CREATE INDEX writes_by_kind ON writes (kind);";

// Version 1 had no number, and said what a write is by the beginning of its payload alone: an
// object with one field, which is named after the kind.
const UPGRADE: &str = "DROP INDEX IF EXISTS others_than_samples; \
    ALTER TABLE writes ADD COLUMN kind TEXT NOT NULL DEFAULT ''; \
    UPDATE writes SET kind = substr(payload, 3, instr(payload, '\":') - 3); \
    ALTER TABLE writes DROP COLUMN is_sample; \
    CREATE INDEX writes_by_kind ON writes (kind);";

const DAMAGED: &str = "the file is damaged";

/// Opens the file, checks all of it, and brings a file of an older becamera up to date. The error
/// is what SQLite says.
pub(super) fn open(path: &Path) -> Result<SqliteConnection, String> {
    let uri = sqlite_uri(path, true).ok_or("the path is not UTF-8")?;
    let failed = |error: &dyn ToString| match error.to_string() {
        text if text.contains("locked") => "another process uses it".into(),
        text => text,
    };
    let mut connection = SqliteConnection::establish(&uri).map_err(|e| failed(&e))?;
    connection.batch_execute(MODES).map_err(|e| failed(&e))?;
    let check = quick_check(&mut connection).map_err(|e| failed(&e))?;
    if check != "ok" {
        return Err(format!("{DAMAGED}: {check}"));
    }
    match connection.immediate_transaction(bring_up_to_date).map_err(|e| failed(&e))? {
        newer if newer > VERSION => Err(format!("a newer becamera made it (version {newer})")),
        _ => Ok(connection),
    }
}

/// Whether what [`open`] says means that the file's content is of no use.
pub(super) fn is_damage(reason: &str) -> bool {
    [DAMAGED, "malformed", "not a database"].iter().any(|text| reason.contains(text))
}

fn quick_check(connection: &mut SqliteConnection) -> QueryResult<String> {
    #[derive(QueryableByName)]
    struct Check {
        #[diesel(sql_type = Text)]
        quick_check: String,
    }
    let check: Check = diesel::sql_query("PRAGMA quick_check(1)").get_result(connection)?;
    Ok(check.quick_check)
}

/// Makes or changes the table. Answers the version that the file has then.
fn bring_up_to_date(connection: &mut SqliteConnection) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = BigInt)]
        version: i64,
        #[diesel(sql_type = BigInt)]
        tables: i64,
    }
    let sql = "SELECT user_version AS version, \
        (SELECT count(*) FROM sqlite_master WHERE name = 'writes') AS tables \
        FROM pragma_user_version";
    let Found { version, tables } = diesel::sql_query(sql).get_result(connection)?;
    if version >= VERSION {
        return Ok(version);
    }
    connection.batch_execute(if tables == 0 { CREATE } else { UPGRADE })?;
    connection.batch_execute(&format!("PRAGMA user_version = {VERSION}"))?;
    Ok(VERSION)
}
