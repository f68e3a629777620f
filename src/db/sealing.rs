//! Brings stored stream URLs under the key in use: those in plain text, and those under older keys.

use std::collections::BTreeSet;

use diesel::{connection::SimpleConnection, prelude::*};
use log::{error, info, warn};

use super::{DatabaseUrl, DbError, cameras::CameraRow, connection::DbConnection, schema::cameras};
use crate::vault::{Vault, VaultError};

/// Ids of cameras that an error lists.
const LISTED: usize = 20;

/// Cameras' ids, and the ids of the keys that their stream URLs are sealed under.
type UnderUnknownKeys = Vec<(i32, String)>;

/// Seals anew what is not sealed under the vault's first key.
///
/// # Errors
/// When a stream URL is sealed under a key that the vault does not have; nothing is changed then.
pub(super) fn bring_up_to_date(
    connection: &mut DbConnection,
    vault: &Vault,
    url: &DatabaseUrl,
) -> Result<(), DbError> {
    let failed = |error: diesel::result::Error| DbError::Open {
        url: url.clone(),
        reason: url.redact_in(&error.to_string()),
    };
    let sealed = connection.transaction(|c| seal_anew(c, vault)).map_err(failed)?;
    let changed = sealed
        .or_else(|unknown| refuse_unknown(format!("the database {url}"), unknown).map(|()| 0))?;
    if !vault.has_key() {
        warn_of_plain_text(connection).map_err(failed)?;
    }
    if changed > 0 {
        info!("the stream URLs of {changed} cameras are sealed under the key in use now");
        // What they were before still lies in pages that nothing refers to.
        if let Err(error) = scrub(connection) {
            let reason = url.redact_in(&error.to_string());
            warn!("traces of the stream URLs as they were may be left in {url}: {reason}");
        }
    }
    Ok(())
}

fn scrub(connection: &mut DbConnection) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(c) => c.batch_execute("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);"),
        DbConnection::Postgres(c) => {
            // It waits for all that use the table, and nothing should have to wait for it.
            c.batch_execute("SET lock_timeout = '5s'")?;
            c.batch_execute("VACUUM FULL cameras")
        }
    }
}

fn warn_of_plain_text(connection: &mut DbConnection) -> QueryResult<()> {
    let with_user: i64 =
        cameras::table.filter(cameras::stream_url.like("%@%")).count().get_result(connection)?;
    if with_user > 0 {
        warn!("storage.secret_key is not set: {with_user} cameras' passwords lie in plain text");
    }
    Ok(())
}

fn seal_anew(
    connection: &mut DbConnection,
    vault: &Vault,
) -> QueryResult<Result<usize, UnderUnknownKeys>> {
    let rows: Vec<(i32, String)> =
        cameras::table.select((cameras::id, cameras::stream_url)).load(connection)?;
    let (mut anew, mut unknown) = (Vec::new(), Vec::new());
    for (id, text) in rows.iter().filter(|(_, text)| !vault.is_current(text)) {
        let context = CameraRow::seal_context(*id);
        match vault.open(text, context.as_bytes()) {
            Ok(plain) => anew.push((*id, text, vault.seal(&plain, context.as_bytes()))),
            Err(VaultError::UnknownKey(key)) => unknown.push((*id, key)),
            Err(reason) => error!("camera {id}: its stored stream URL can't be read: {reason}"),
        }
    }
    if !unknown.is_empty() {
        return Ok(Err(unknown));
    }
    for (id, old, new) in &anew {
        diesel::update(cameras::table.find(id).filter(cameras::stream_url.eq(old)))
            .set(cameras::stream_url.eq(new))
            .execute(connection)?;
    }
    Ok(Ok(anew.len()))
}

/// An error for cameras whose stream URLs are sealed under keys that are not given, if any.
pub(super) fn refuse_unknown(place: String, unknown: UnderUnknownKeys) -> Result<(), DbError> {
    let (ids, keys): (BTreeSet<i32>, BTreeSet<String>) = unknown.into_iter().unzip();
    if ids.is_empty() {
        return Ok(());
    }
    let listed: Vec<_> = ids.iter().take(LISTED).map(i32::to_string).collect();
    let more = match ids.len() - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let cameras = listed.join(", ") + &more;
    let keys = keys.iter().map(|key| format!("key {key}")).collect::<Vec<_>>().join(" and ");
    Err(DbError::UnknownKey { place, cameras, keys })
}
