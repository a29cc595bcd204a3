//! What a comparison of buses runs on: Redis and nodes of flux-core, started for it and ended with it. Owns: their processes, ports and
//! folders. Must not know what is measured. Invariant: nothing that was started here outlives this process, however that ends.

mod child;
mod cluster;
mod core;
mod counter;
mod limit;
mod node;
mod redis;

pub use child::StartError;
pub use cluster::{Bed, Plan};
pub use core::{CORE, core};
pub use counter::Counter;
pub use limit::limit;
pub use redis::Redis;
