//! Carries writes out in their order.

use std::collections::BTreeMap;

use becamera_actors::{
    domain::{Totals, Write},
    ports::StoreError,
};
use diesel::prelude::*;

use crate::vault::Vault;

use super::{
    audit::{self, AuditRow},
    connection::{DbConnection, on_either},
    models::{CameraRow, SampleRow},
    sample_writes::insert_samples,
    schema::cameras,
};

/// Writes that go together: the samples between two other writes, or one of these.
pub(super) enum Group {
    /// In the order of their keys, each once.
    Samples(Vec<(SampleRow, Totals)>),
    SaveCamera(CameraRow),
    ForgetCamera(i32),
    Audit(AuditRow),
}

/// Puts writes into groups, whose order is to be kept.
///
/// # Errors
/// [`StoreError::Rejected`] when a value does not fit into its column.
pub(super) fn group(writes: &[Write], vault: &Vault) -> Result<Vec<Group>, StoreError> {
    let mut groups = Vec::new();
    let mut samples = BTreeMap::new();
    for write in writes {
        let other = match write {
            Write::Sample(sample) => {
                let row = SampleRow::try_from(sample)?;
                samples.insert(row.key(), (row, Totals::from(sample)));
                continue;
            }
            Write::Crossing(_) => continue,
            Write::SaveCamera(camera) => Group::SaveCamera(CameraRow::seal(camera, vault)?),
            Write::ForgetCamera(camera) => Group::ForgetCamera(camera.get()),
            Write::Audit(entry) => Group::Audit(AuditRow::try_from(entry.as_ref())?),
        };
        groups.extend(close(&mut samples));
        groups.push(other);
    }
    groups.extend(close(&mut samples));
    Ok(groups)
}

fn close<K>(samples: &mut BTreeMap<K, (SampleRow, Totals)>) -> Option<Group> {
    let samples = std::mem::take(samples);
    (!samples.is_empty()).then(|| Group::Samples(samples.into_values().collect()))
}

impl Group {
    /// Run it in a transaction.
    pub(super) fn carry_out(&self, connection: &mut DbConnection) -> QueryResult<()> {
        match self {
            Self::Samples(rows) => insert_samples(connection, rows),
            Self::SaveCamera(row) => {
                on_either!(connection, c => diesel::insert_into(cameras::table)
                .values(row)
                .on_conflict(cameras::id)
                .do_update()
                .set(row)
                .execute(c)
                .map(drop))
            }
            // Its samples and rollups go with it: ON DELETE CASCADE.
            Self::ForgetCamera(id) => {
                diesel::delete(cameras::table.find(id)).execute(connection).map(drop)
            }
            Self::Audit(row) => audit::insert(connection, row),
        }
    }
}
