//! The REST interface: HTTP calls become actor messages.
