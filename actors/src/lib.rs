//! becamera's heart: the domain, the ports to the world, the worker protocol and the actors.
//!
//! Nothing here knows OpenCV, diesel, Redis or actix-web, so that policy, state machines and
//! the worker protocol build and test in seconds. See ARCHITECTURE.md for the map.

pub mod backoff;
pub mod cache;
pub mod events;
pub mod job_control;
pub mod messages;
pub mod metrics;
pub mod pictures;
pub mod pool_supervisor;
pub mod ports;
pub mod protocol;
pub mod publisher;
pub mod sites;
pub mod storage;
pub mod worker;
