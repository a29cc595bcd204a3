//! Real Redis for tests: one server, a Cluster of six, a primary with a replica and a Sentinel. On free ports, in temporary folders,
//! killed with whoever started them.

mod cable;
mod cluster;
mod sentinel;
mod server;

pub use cable::Cable;
pub use cluster::TestCluster;
pub use sentinel::TestSentinel;
pub use server::{TestRedis, Tls, is_there};
