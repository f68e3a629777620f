//! History as analysts ask for it: stored rollups put together to the minutes, hours and days of
//! a time zone. Plain functions over plain data; whoever uses them does the reading.
//!
//! [`Calendar`] cuts a span into [`Bucket`]s, [`reads`] says which rollups they are made of,
//! [`Series`] and [`Grid`] sum those up, [`Summary`] finds what stands out.

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
