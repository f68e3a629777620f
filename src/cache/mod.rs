//! Where live data is published beside the clients of `/events`: in this process's memory, or in
//! Redis for other services to read.

mod memory;
mod redis;

pub use memory::MemoryCache;
pub use redis::{COUNTS_CHANNEL, CROSSINGS_CHANNEL, EVENTS_CHANNEL, RedisCache};
