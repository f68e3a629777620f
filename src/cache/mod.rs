//! Where the newest counts and states are kept: in this process, or in Redis for other services to
//! read.

mod memory;
mod redis;

pub use memory::MemoryCache;
pub use redis::{COUNTS_CHANNEL, CROSSINGS_CHANNEL, EVENTS_CHANNEL, RedisCache};
