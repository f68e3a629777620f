//! The `Spool` port: a small SQLite file of its own, which keeps writes in their order while the
//! database can't take them.

mod file;
mod payload;
mod rows;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use becamera_actors::ports::{Spool, SpoolMark, SpoolState, StoreError};
use becamera_domain::{Write, WriteKind};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sqlite::SqliteConnection};
use log::{error, warn};

use super::{DbError, sealing};
use crate::vault::Vault;

/// One sample in this many is kept when they are thinned out.
const THINNING: usize = 4;

/// Keeps writes in a file that one process at a time can use.
pub struct SqliteSpool {
    path: PathBuf,
    max_bytes: u64,
    vault: Arc<Vault>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// None after the file was removed: made again with the next write.
    connection: Option<SqliteConnection>,
    state: SpoolState,
    /// Up to here everything was given away, but could not be removed yet.
    given_up_to: i64,
}

impl SqliteSpool {
    /// Opens the file, making it where it is not there. One that is damaged is moved aside.
    ///
    /// # Errors
    /// When it can't be opened or written, or another process uses it.
    pub fn open(path: &Path, max_bytes: u64) -> Result<Self, DbError> {
        let refuse = |reason: String| DbError::Spool { path: path.to_owned(), reason };
        let connection = match file::open(path) {
            Err(reason) if file::is_damage(&reason) => {
                let aside = move_aside(path).map_err(|error| refuse(error.to_string()))?;
                error!(
                    "spool {} is damaged ({reason}); moved to {}, an empty one takes its place",
                    path.display(),
                    aside.display()
                );
                file::open(path).map_err(refuse)?
            }
            other => other.map_err(refuse)?,
        };
        let mut inner =
            Inner { connection: Some(connection), state: SpoolState::default(), given_up_to: 0 };
        inner.recount().map_err(|error| refuse(error.to_string()))?;
        let (path, vault) = (path.to_owned(), Arc::default());
        Ok(Self { path, max_bytes, vault, inner: Mutex::new(inner) })
    }

    /// The same, with stream URLs sealed by this vault.
    ///
    /// # Errors
    /// When there are some already, sealed under a key that the vault does not have.
    pub fn sealing_with(mut self, vault: Arc<Vault>) -> Result<Self, DbError> {
        self.vault = vault;
        let mut inner = self.inner();
        let rows =
            inner.connection.as_mut().map(|c| rows::of_kinds(c, &[WriteKind::SaveCamera], 0));
        drop(inner);
        let rows = rows.transpose().map_err(|error| DbError::Spool {
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        let unknown: Vec<_> = rows
            .into_iter()
            .flatten()
            .filter_map(|row| payload::sealed_under_unknown_key(&row, &self.vault))
            .collect();
        sealing::refuse_unknown(format!("the spool {}", self.path.display()), unknown)?;
        Ok(self)
    }

    // A panic leaves at most the state behind the file; the next change puts it right.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, reason: impl ToString) -> StoreError {
        StoreError::Unavailable(format!("spool {}: {}", self.path.display(), reason.to_string()))
    }
}

impl Inner {
    fn connection(&mut self, path: &Path) -> Result<&mut SqliteConnection, String> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => file::open(path)?,
        };
        Ok(self.connection.insert(connection))
    }

    fn update_bytes(&mut self) {
        let bytes = self.connection.as_mut().map(rows::used_bytes);
        self.state.bytes = bytes.and_then(Result::ok).unwrap_or(0);
    }

    fn recount(&mut self) -> QueryResult<()> {
        let given = self.given_up_to;
        let Some(connection) = self.connection.as_mut() else { return Ok(()) };
        (self.state.writes, self.state.oldest) = rows::count(connection, given)?;
        self.update_bytes();
        Ok(())
    }

    /// Thins out the oldest samples until `bytes` more fit. Answers whether they do.
    fn make_room(&mut self, bytes: u64, max_bytes: u64) -> QueryResult<bool> {
        let given = self.given_up_to;
        let Some(connection) = self.connection.as_mut() else { return Ok(true) };
        let mut thinned = 0;
        let fits = loop {
            if rows::used_bytes(connection)? + bytes <= max_bytes {
                break true;
            }
            let samples = rows::to_thin_out(connection, given)?;
            if samples.is_empty() {
                break false;
            }
            let (mut surplus, mut spared) = (Vec::new(), Vec::new());
            for (place, id) in samples.into_iter().enumerate() {
                let is_spared = (place + 1) % THINNING == 0;
                if is_spared { &mut spared } else { &mut surplus }.push(id);
            }
            thinned += rows::thin_out(connection, &surplus, &spared)?;
        };
        self.state.thinned += thinned as u64;
        if thinned > 0 {
            self.recount()?;
        }
        Ok(fits)
    }

    /// Removes the file: that works on a full disk too, where no row can be deleted.
    fn start_over(&mut self, path: &Path) {
        self.connection = None;
        for file in files(path) {
            if let Err(error) = fs::remove_file(&file)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                error!("spool: {} can't be removed: {error}", file.display());
            }
        }
        self.given_up_to = 0;
        self.state = SpoolState { thinned: self.state.thinned, ..SpoolState::default() };
    }
}

impl Spool for SqliteSpool {
    fn append(&self, writes: &[Write]) -> Result<(), StoreError> {
        let stored: Vec<_> = writes
            .iter()
            .map(|write| payload::write(write, &self.vault))
            .collect::<Result<_, _>>()?;
        let mut inner = self.inner();
        inner.connection(&self.path).map_err(|error| self.failed(error))?;
        let bytes = rows::estimated_bytes(&stored);
        // What never fits must not push out what is there.
        let fits = bytes <= self.max_bytes
            && inner.make_room(bytes, self.max_bytes).map_err(|error| self.failed(error))?;
        if !fits {
            return Err(self.failed(format!("more than {} bytes are needed", self.max_bytes)));
        }
        let now = Utc::now();
        let connection = inner.connection(&self.path).map_err(|error| self.failed(error))?;
        rows::insert(connection, &stored, now).map_err(|error| self.failed(error))?;
        inner.state.writes += stored.len();
        if !stored.is_empty() {
            inner.state.oldest.get_or_insert(now);
        }
        inner.update_bytes();
        Ok(())
    }

    fn oldest(&self, limit: usize) -> Result<Option<(SpoolMark, Vec<Write>)>, StoreError> {
        let mut inner = self.inner();
        let given = inner.given_up_to;
        let Some(connection) = inner.connection.as_mut() else { return Ok(None) };
        let rows = rows::oldest(connection, given, limit).map_err(|error| self.failed(error))?;
        let Some(last) = rows.last() else { return Ok(None) };
        let mark = SpoolMark(last.id);
        Ok(Some((mark, rows.iter().filter_map(|row| payload::read(row, &self.vault)).collect())))
    }

    fn remove(&self, mark: SpoolMark) {
        let mut inner = self.inner();
        let mark = mark.0.max(inner.given_up_to);
        inner.given_up_to = mark;
        let Some(connection) = inner.connection.as_mut() else { return };
        let removed = rows::remove_up_to(connection, mark);
        let counted = inner.recount();
        if let (Err(error), Ok(())) = (removed, counted)
            && inner.state.writes == 0
        {
            warn!("spool: its rows can't be deleted ({error}); its file is removed instead");
            inner.start_over(&self.path);
        }
    }

    fn waiting(&self, kinds: &[WriteKind]) -> Result<Vec<Write>, StoreError> {
        let mut inner = self.inner();
        let given = inner.given_up_to;
        let Some(connection) = inner.connection.as_mut() else { return Ok(Vec::new()) };
        let rows = rows::of_kinds(connection, kinds, given).map_err(|error| self.failed(error))?;
        Ok(rows.iter().filter_map(|row| payload::read(row, &self.vault)).collect())
    }

    fn state(&self) -> SpoolState {
        self.inner().state.clone()
    }
}

fn files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    })
}

/// Renames the file and what belongs to it.
fn move_aside(path: &Path) -> std::io::Result<PathBuf> {
    let stamp = Utc::now().format("damaged-%Y%m%dT%H%M%SZ");
    let aside = |file: &Path| {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".{stamp}"));
        PathBuf::from(name)
    };
    for file in files(path).iter().filter(|file| file.exists()) {
        fs::rename(file, aside(file))?;
    }
    Ok(aside(path))
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

#[cfg(test)]
mod tests;
