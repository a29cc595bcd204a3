//! The load generator as a library, for its binary and its tests. Modules in layer order; each uses only those above it.

pub mod alone;
pub mod archive;
pub mod audit;
pub mod baseline;
pub mod bed;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod compare;
pub mod doctor;
pub mod engine;
pub mod http;
pub mod limits;
pub mod load;
pub mod plan;
pub mod report;
pub mod search;
pub mod selftest;
pub mod verdict;
pub mod watch;
pub mod wire;
