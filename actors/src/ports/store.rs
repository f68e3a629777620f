//! The store, a port for each subject. All of them block: actors call them on a thread that may
//! wait.

use becamera_domain::{
    AuditEntry, AuditQuery, Camera, Correction, Crossing, CrossingQuery, Cutoffs, LineRollup,
    LineRollupQuery, Page, Rollup, RollupQuery, Sample, SampleQuery, Site, Write, ZoneRollup,
    ZoneRollupQuery,
};
use chrono::{DateTime, Utc};

use super::StoreError;

/// Writes, and deletes what is old.
pub trait WriteStore: Send + Sync {
    /// Carries writes out in their order, in one transaction: all of them or none. Samples and
    /// crossings that are there already, by `(run, seq)`, change nothing; the others are added to
    /// the rollups of every level.
    fn write(&self, writes: &[Write]) -> Result<(), StoreError>;

    /// Deletes a small batch of what is older than it is to be kept. Answers whether more is left.
    fn expire(&self, cutoffs: &Cutoffs) -> Result<bool, StoreError>;

    /// Whether it can be reached and written.
    fn ping(&self) -> Result<(), StoreError>;
}

/// Reads registrations.
pub trait CameraReader: Send + Sync {
    /// Reads every registered camera.
    fn load_cameras(&self) -> Result<Vec<Camera>, StoreError>;
}

/// Reads samples.
pub trait SampleReader: Send + Sync {
    /// Reads a page of samples, oldest first.
    fn read_samples(&self, query: &SampleQuery) -> Result<Page<Sample>, StoreError>;
}

/// Reads crossings.
pub trait CrossingReader: Send + Sync {
    /// Reads a page of crossings, oldest first.
    fn read_crossings(&self, query: &CrossingQuery) -> Result<Page<Crossing>, StoreError>;
}

/// Reads what is rolled up of samples and crossings.
pub trait RollupReader: Send + Sync {
    /// Reads rollups of people in the picture, by camera and then by time.
    fn read_rollups(&self, query: &RollupQuery) -> Result<Vec<Rollup>, StoreError>;

    /// Reads rollups of lines, by camera and then by time.
    fn read_line_rollups(&self, query: &LineRollupQuery) -> Result<Vec<LineRollup>, StoreError>;

    /// Reads rollups of a zone, by time.
    fn read_zone_rollups(&self, query: &ZoneRollupQuery) -> Result<Vec<ZoneRollup>, StoreError>;
}

/// Reads sites.
pub trait SiteReader: Send + Sync {
    /// Reads every site.
    fn load_sites(&self) -> Result<Vec<Site>, StoreError>;

    /// Reads the corrections of all sites that were made at or after this time.
    fn read_corrections(&self, from: DateTime<Utc>) -> Result<Vec<Correction>, StoreError>;
}

/// Reads the audit trail.
pub trait AuditReader: Send + Sync {
    /// Reads a page of the audit trail, newest first.
    fn read_audit(&self, query: &AuditQuery) -> Result<Page<AuditEntry>, StoreError>;
}

/// All of a store, as the storage actor holds it. Others ask for the ports that they need.
pub trait Store:
    WriteStore + CameraReader + SampleReader + CrossingReader + RollupReader + SiteReader + AuditReader
{
}

impl<S> Store for S where
    S: WriteStore
        + CameraReader
        + SampleReader
        + CrossingReader
        + RollupReader
        + SiteReader
        + AuditReader
{
}

/// A question that the storage actor puts to its store.
pub trait StoreQuery: Send + 'static {
    /// What the store answers.
    type Answer: Send + 'static;

    /// Puts the question. Blocks.
    ///
    /// # Errors
    /// When the store can't be reached, or holds what can't be read.
    fn run(&self, store: &dyn Store) -> Result<Self::Answer, StoreError>;
}

macro_rules! queries {
    ($($query:ty => $answer:ty, $port:ident::$read:ident;)*) => {$(
        impl StoreQuery for $query {
            type Answer = $answer;

            fn run(&self, store: &dyn Store) -> Result<$answer, StoreError> {
                $port::$read(store, self)
            }
        }
    )*};
}

queries! {
    SampleQuery => Page<Sample>, SampleReader::read_samples;
    CrossingQuery => Page<Crossing>, CrossingReader::read_crossings;
    RollupQuery => Vec<Rollup>, RollupReader::read_rollups;
    LineRollupQuery => Vec<LineRollup>, RollupReader::read_line_rollups;
    ZoneRollupQuery => Vec<ZoneRollup>, RollupReader::read_zone_rollups;
    AuditQuery => Page<AuditEntry>, AuditReader::read_audit;
}
