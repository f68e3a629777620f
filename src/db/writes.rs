//! Carries writes out in their order: the one place that knows which table takes which.

use std::collections::BTreeMap;

use becamera_actors::ports::StoreError;
use becamera_domain::{CameraId, LineId, LineTotals, SiteId, Totals, Write, ZoneId, ZoneTotals};
use diesel::prelude::*;

use super::{
    audit::{self, AuditRow},
    cameras::{self, CameraRow},
    connection::DbConnection,
    crossings::{self, NewCrossing},
    lines, rollups,
    samples::{self, NewSample},
    sites::{self, CorrectionRow, SiteRow},
    sums::RollupSums,
    zones,
};
use crate::vault::Vault;

/// Writes that go together: samples and crossings between two other writes, or one of these.
pub(super) enum Group {
    Counts(Counts),
    SaveCamera(CameraRow),
    ForgetCamera(CameraId),
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
                let sample = NewSample::try_from(sample)?;
                counts.samples.insert(sample.row.key(), sample);
                continue;
            }
            Write::Crossing(crossing) => {
                let crossing = NewCrossing::try_from(crossing)?;
                counts.crossings.insert(crossing.row.key(), crossing);
                continue;
            }
            Write::SaveCamera(camera) => Group::SaveCamera(CameraRow::seal(camera, vault)?),
            Write::ForgetCamera(id) => Group::ForgetCamera(*id),
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

impl Group {
    /// Run it in a transaction.
    pub(super) fn carry_out(self, connection: &mut DbConnection) -> QueryResult<()> {
        match self {
            Self::Counts(counts) => counts.carry_out(connection),
            Self::SaveCamera(row) => cameras::save(connection, &row),
            Self::ForgetCamera(id) => cameras::forget(connection, id),
            Self::SaveSite(row) => sites::save(connection, &row),
            Self::ForgetSite(id) => sites::forget(connection, &id),
            Self::Correct(row) => sites::correct(connection, &row),
            Self::Audit(row) => audit::insert(connection, &row),
        }
    }
}

/// Samples and crossings, each once and in the order of their keys.
#[derive(Default)]
pub(super) struct Counts {
    samples: BTreeMap<(i32, i64, i64, i32), NewSample>,
    crossings: BTreeMap<(i32, i64, i32), NewCrossing>,
}

impl Counts {
    fn close(&mut self) -> Option<Group> {
        let counts = std::mem::take(self);
        let is_empty = counts.samples.is_empty() && counts.crossings.is_empty();
        (!is_empty).then_some(Group::Counts(counts))
    }

    /// What is there already changes nothing, the rollups included.
    fn carry_out(self, connection: &mut DbConnection) -> QueryResult<()> {
        let samples: Vec<_> = self.samples.into_values().collect();
        let crossings: Vec<_> = self.crossings.into_values().collect();
        let mut picture: RollupSums<(), Totals> = RollupSums::default();
        let mut of_lines: RollupSums<LineId, LineTotals> = RollupSums::default();
        let mut of_zones: RollupSums<ZoneId, ZoneTotals> = RollupSums::default();
        samples::insert(connection, &samples, |sample| {
            let (camera, second) = (sample.row.camera_id, sample.row.bucket_start);
            picture.add(camera, second, &(), &sample.totals);
            for (line, totals) in &sample.lines {
                of_lines.add(camera, second, line, totals);
            }
            for (zone, totals) in &sample.zones {
                of_zones.add(camera, second, zone, totals);
            }
        })?;
        rollups::add(connection, &picture.into_rows())?;
        crossings::insert(connection, &crossings, |crossing| {
            let (camera, second) = (crossing.row.camera_id, crossing.second());
            of_lines.add(camera, second, &crossing.line, &crossing.totals);
        })?;
        lines::add(connection, &of_lines.into_rows())?;
        zones::add(connection, &of_zones.into_rows())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::insert::Dialect, *};

    #[test]
    fn every_value_has_its_parameter() {
        for insert in [
            samples::INSERT_SAMPLES,
            crossings::INSERT_CROSSINGS,
            rollups::ADD_ROLLUPS,
            lines::ADD_LINE_ROLLUPS,
            zones::ADD_ZONE_ROLLUPS,
        ] {
            let columns = insert.into.matches(',').count() + 1;
            assert_eq!(insert.values, columns, "{}", insert.into);
            let sqlite = insert.statement(2, Dialect::Sqlite);
            assert_eq!(sqlite.matches('?').count(), 2 * columns);
            let postgresql = insert.statement(2, Dialect::Postgres);
            assert!(postgresql.contains("VALUES ($1, $2, "));
            assert!(postgresql.contains(&format!("${}) ON CONFLICT", 2 * columns)));
        }
    }
}
