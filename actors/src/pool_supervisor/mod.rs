//! PoolSupervisor: the queue, the workers' slots and the cameras' tasks.
//!
//! `pool` (operators' commands), `reports` (what workers say), `views` (what callers see) and
//! `state_diff` (what subscribers are told) are plain functions of state and time; `actor` and `handlers`
//! are the thin shell around them.

mod actor;
mod audit;
mod camera_task;
mod handlers;
mod pool;
mod queue;
mod rate;
mod reports;
mod restart;
mod resume;
mod scene;
mod slot;
mod state_diff;
mod usage;
mod views;

pub use actor::{PoolSupervisor, PoolSupervisorConfig};
