//! The specification's sixteen test cases, by id.

mod error_handling;
mod frame_processing;
mod initialization;
mod integration;
mod load_balancing;
mod monitoring;
mod task_management;
