//! The worker pool under everything that goes wrong.

mod assignment;
mod backends;
mod crash_cycles;
mod decoding;
mod file_faults;
mod odd_cameras;
mod privacy;
mod restart;
mod shutdown;
mod stop;
mod stream_faults;
mod worker_faults;
