//! The database: cameras and counts behind the `CountStore` port.
