//! Carries writes out in their order.

use std::collections::BTreeMap;

use becamera_actors::ports::StoreError;
use becamera_domain::{SiteId, Write};
use diesel::prelude::*;

use crate::vault::Vault;

use super::{
    audit::{self, AuditRow},
    connection::{DbConnection, on_either},
    models::{CameraRow, SampleRow},
    sample_writes::{NewSample, insert_samples},
    scene_rows::CrossingRow,
    scene_writes::{NewCrossing, SceneRollups, insert_crossings},
    schema::cameras,
    sites::{self, CorrectionRow, SiteRow},
};

/// Writes that go together: samples and crossings between two other writes, or one of these.
pub(super) enum Group {
    /// Each in the order of their keys, each key once.
    Counts(Vec<NewSample>, Vec<NewCrossing>),
    SaveCamera(CameraRow),
    ForgetCamera(i32),
    SaveSite(SiteRow),
    ForgetSite(SiteId),
    Correct(CorrectionRow),
    Audit(AuditRow),
}

/// Puts writes into groups, whose order is to be kept.
///
/// # Errors
/// [`StoreError::Rejected`] when a value does not fit into its column.
pub(super) fn group(writes: &[Write], vault: &Vault) -> Result<Vec<Group>, StoreError> {
    let mut groups = Vec::new();
    let mut counts = Counts::default();
    for write in writes {
        let other = match write {
            Write::Sample(sample) => {
                let row = SampleRow::try_from(sample)?;
                let (totals, scene) = (sample.into(), sample.into());
                counts.samples.insert(row.key(), NewSample { row, totals, scene });
                continue;
            }
            Write::Crossing(crossing) => {
                let row = CrossingRow::try_from(crossing)?;
                let (line, totals) = (crossing.line_id.clone(), crossing.into());
                counts.crossings.insert(row.key(), NewCrossing { row, line, totals });
                continue;
            }
            Write::SaveCamera(camera) => Group::SaveCamera(CameraRow::seal(camera, vault)?),
            Write::ForgetCamera(camera) => Group::ForgetCamera(camera.get()),
            Write::SaveSite(site) => Group::SaveSite(SiteRow::try_from(site.as_ref())?),
            Write::ForgetSite(id) => Group::ForgetSite(id.clone()),
            Write::Correct(correction) => Group::Correct(correction.into()),
            Write::Audit(entry) => Group::Audit(AuditRow::try_from(entry.as_ref())?),
        };
        groups.extend(counts.close());
        groups.push(other);
    }
    groups.extend(counts.close());
    Ok(groups)
}

#[derive(Default)]
struct Counts {
    samples: BTreeMap<(i32, i64, i64, i32), NewSample>,
    crossings: BTreeMap<(i32, i64, i32), NewCrossing>,
}

impl Counts {
    fn close(&mut self) -> Option<Group> {
        let Self { samples, crossings } = std::mem::take(self);
        if samples.is_empty() && crossings.is_empty() {
            return None;
        }
        let (samples, crossings) = (samples.into_values(), crossings.into_values());
        Some(Group::Counts(samples.collect(), crossings.collect()))
    }
}

impl Group {
    /// Run it in a transaction.
    pub(super) fn carry_out(&self, connection: &mut DbConnection) -> QueryResult<()> {
        match self {
            Self::Counts(samples, crossings) => {
                let mut rollups = SceneRollups::default();
                insert_samples(connection, samples, &mut rollups)?;
                insert_crossings(connection, crossings, &mut rollups)?;
                rollups.write(connection)
            }
            Self::SaveCamera(row) => {
                on_either!(connection, c => diesel::insert_into(cameras::table)
                .values(row)
                .on_conflict(cameras::id)
                .do_update()
                .set(row)
                .execute(c)
                .map(drop))
            }
            // All that was counted on it goes with it: ON DELETE CASCADE.
            Self::ForgetCamera(id) => {
                diesel::delete(cameras::table.find(id)).execute(connection).map(drop)
            }
            Self::SaveSite(row) => sites::save(connection, row),
            Self::ForgetSite(id) => sites::forget(connection, id),
            Self::Correct(row) => sites::correct(connection, row),
            Self::Audit(row) => audit::insert(connection, row),
        }
    }
}
