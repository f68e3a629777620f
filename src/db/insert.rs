//! Many rows in one statement.
//!
//! SQL by hand, because diesel has no insert of many rows with a conflict clause on SQLite, and
//! prepares its insert of one row again for each.

use std::{collections::HashSet, fmt::Write, hash::Hash};

use diesel::QueryResult;

/// The SQL of a database, as far as the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// Rows in one statement: with up to 21 values a row this stays below what SQLite (32,766) and
/// PostgreSQL (65,535) can bind.
pub(super) const ROWS: usize = 1_000;

/// Inserts items that may be there already, [`ROWS`] at a time, and shows each that was not and no
/// other to `on_new`, in their order. `insert` answers the keys of those that it inserted. Each key is
/// among the items at most once.
pub(super) fn insert_new<T, K: Eq + Hash>(
    items: &[T],
    key: impl Fn(&T) -> K,
    mut insert: impl FnMut(&[T]) -> QueryResult<Vec<K>>,
    mut on_new: impl FnMut(&T),
) -> QueryResult<()> {
    for items in items.chunks(ROWS) {
        let inserted = insert(items)?;
        if inserted.len() == items.len() {
            items.iter().for_each(&mut on_new);
            continue;
        }
        let new: HashSet<K> = inserted.into_iter().collect();
        items.iter().filter(|item| new.contains(&key(item))).for_each(&mut on_new);
    }
    Ok(())
}

/// An INSERT of any number of rows.
pub(super) struct Insert {
    /// Table and columns.
    pub into: &'static str,
    /// How many columns these are.
    pub values: usize,
    /// What follows the rows.
    pub then: &'static str,
}

impl Insert {
    /// The statement for this number of rows.
    // PostgreSQL numbers its parameters; SQLite would look up each number as a name.
    pub fn statement(&self, rows: usize, dialect: Dialect) -> String {
        let mut sql = format!("INSERT INTO {} VALUES ", self.into);
        for parameter in 0..rows * self.values {
            sql.push_str(match (parameter, parameter % self.values) {
                (0, _) => "(",
                (_, 0) => "), (",
                _ => ", ",
            });
            if dialect == Dialect::Postgres {
                // Writing to a string can't fail.
                let _ = write!(sql, "${}", parameter + 1);
            } else {
                sql.push('?');
            }
        }
        sql.push_str(") ");
        sql.push_str(self.then);
        sql
    }
}
