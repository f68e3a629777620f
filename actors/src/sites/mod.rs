//! Sites: how many people are in a place with several doors. `load` reads them from what is stored,
//! `actor` is the thin shell around [`becamera_history::sites`], which counts.

mod actor;
mod load;

pub use actor::{SitesActor, SitesConfig};
pub use load::load_book;
