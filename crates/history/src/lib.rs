//! History as analysts ask for it: stored rollups put together to the minutes, hours and days of
//! a time zone, and the occupancy of sites. Plain functions over plain data; the caller does the
//! reading.
//!
//! A question of the history goes through these:
//!
//! | | |
//! |---|---|
//! | [`Calendar`] | cuts a [`Span`] into the [`Bucket`]s of a time zone |
//! | [`reads`] | chooses the coarsest rollups that begin and end with each bucket |
//! | [`Series`], [`Grid`] | sum these rollups up, by camera or by line and zone |
//! | [`Summary`] | finds peaks and typical hours |
//! | [`sites`] | counts how many people are in a place with several doors |
//!
//! # A day with a change of the clock
//!
//! In Berlin clocks go back on 25 October 2026, from 3:00 to 2:00. The day has 25 hours, and the hour
//! from 2 to 3 comes twice:
//!
//! ```
//! use becamera_history::{Calendar, Resolution, Span};
//! use chrono::{DateTime, Utc};
//!
//! let berlin: Calendar = "Europe/Berlin".parse()?;
//! let at = |text: &str| text.parse::<DateTime<Utc>>();
//! let day = Span { from: at("2026-10-24T22:00:00Z")?, to: at("2026-10-25T23:00:00Z")? };
//!
//! assert_eq!(berlin.buckets(Resolution::Day, day).count(), 1);
//! let hours: Vec<_> = berlin.buckets(Resolution::Hour, day).collect();
//! assert_eq!(hours.len(), 25);
//! let local = |hour: usize| berlin.local(hours[hour].start).to_string();
//! assert_eq!(local(2), "2026-10-25 02:00:00 +02:00");
//! assert_eq!(local(3), "2026-10-25 02:00:00 +01:00");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A site's ledger
//!
//! A site's occupancy is not a number that is kept, but the sum of its crossings and corrections in
//! their order. So their order of arrival and doubles do not matter:
//!
//! ```
//! use becamera_domain::{AuditId, CorrectionChange, CrossingId, RunId};
//! use becamera_history::sites::ledger::{Change, ChangeId, Ledger, Place};
//!
//! let crossing = |at_micros, seq| {
//!     let id = ChangeId::Crossing(CrossingId { run: RunId(1), seq });
//!     Place { at_micros, id }
//! };
//! let mut ledger = Ledger::new(0);
//! ledger.add(crossing(1_000, 0), Change::Enter);
//! ledger.add(crossing(3_000, 2), Change::Leave);
//! assert_eq!((ledger.people(), ledger.entered(), ledger.left()), (0, 1, 1));
//!
//! // A crossing from before arrives late, and once more.
//! assert!(ledger.add(crossing(2_000, 1), Change::Enter));
//! assert!(!ledger.add(crossing(2_000, 1), Change::Enter));
//! assert_eq!(ledger.people(), 1);
//!
//! // The guard counts 12 people.
//! let id = ChangeId::Correction(AuditId(1));
//! ledger.add(Place { at_micros: 4_000, id }, Change::Correct(CorrectionChange::Set(12)));
//! assert_eq!(ledger.people(), 12);
//! ```

mod calendar;
mod grid;
mod level;
mod series;
pub mod sites;
mod summary;

pub use calendar::{Bucket, Buckets, Calendar, Resolution, Span};
pub use grid::{Grid, Sum};
pub use level::{Read, reads};
pub use series::{Point, Series, TotalPoint};
pub use summary::{Cell, Peak, Summary};

#[cfg(test)]
mod tests;
