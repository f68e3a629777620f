//! Where the newest counts are kept.
