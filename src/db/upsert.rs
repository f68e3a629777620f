//! The one hot write: many samples in one statement.
//!
//! SQL by hand, because diesel has no conditional upsert of many rows on SQLite, and prepares its
//! upsert of one row again for each.

use std::fmt::Write;

use diesel::{
    prelude::*,
    sql_types::{BigInt, Float, Integer, Text},
};

use super::{
    connection::{DbConnection, on_either},
    models::SampleRow,
};

/// Rows in one statement. With eight values a row this stays below what SQLite (32,766) and
/// PostgreSQL (65,535) can bind.
const ROWS: usize = 1_000;
const VALUES: usize = 8;

/// Writes samples, each key at most once; of two with the same key the one with more frames
/// stays.
pub(super) fn upsert_samples(connection: &mut DbConnection, rows: &[SampleRow]) -> QueryResult<()> {
    let numbered = matches!(connection, DbConnection::Postgres(_));
    for rows in rows.chunks(ROWS) {
        let sql = statement(rows.len(), numbered);
        on_either!(connection, c => {
            let mut query = diesel::sql_query(sql).into_boxed();
            for row in rows {
                query = query
                    .bind::<Integer, _>(row.camera_id)
                    .bind::<BigInt, _>(row.bucket_start)
                    .bind::<Integer, _>(row.frames)
                    .bind::<Integer, _>(row.people_last)
                    .bind::<Integer, _>(row.people_max)
                    .bind::<Float, _>(row.people_mean)
                    .bind::<Float, _>(row.inference_ms_mean)
                    .bind::<Text, _>(&row.worker_id);
            }
            query.execute(c)?;
        });
    }
    Ok(())
}

// PostgreSQL numbers its parameters; SQLite would look up each number as a name.
fn statement(rows: usize, numbered: bool) -> String {
    let mut sql = String::from(
        "INSERT INTO samples (camera_id, bucket_start, frames, people_last, people_max, \
         people_mean, inference_ms_mean, worker_id) VALUES ",
    );
    for parameter in 0..rows * VALUES {
        sql.push_str(match (parameter, parameter % VALUES) {
            (0, _) => "(",
            (_, 0) => "), (",
            _ => ", ",
        });
        if numbered {
            // Writing to a string can't fail.
            let _ = write!(sql, "${}", parameter + 1);
        } else {
            sql.push('?');
        }
    }
    sql.push_str(
        ") ON CONFLICT (camera_id, bucket_start) DO UPDATE SET frames = excluded.frames, \
         people_last = excluded.people_last, people_max = excluded.people_max, \
         people_mean = excluded.people_mean, inference_ms_mean = excluded.inference_ms_mean, \
         worker_id = excluded.worker_id WHERE excluded.frames > samples.frames",
    );
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_parameter() {
        let sqlite = statement(2, false);
        assert!(sqlite.contains("VALUES (?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?) ON"));
        let postgresql = statement(2, true);
        assert!(postgresql.contains("($1, $2, ") && postgresql.contains("$15, $16) ON"));
    }
}
