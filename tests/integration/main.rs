//! The service as its users meet it: the real binary, real streams, the real model.
//!
//! Folders mirror the API (`api/`), the pool (`pool/`) and the specification's sixteen test cases
//! by id (`spec/`). Everything a test needs it starts itself, on free ports and in temporary
//! folders.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

mod api;
mod cli;
mod pool;
mod reference;
mod spec;
mod storage;
mod support;
