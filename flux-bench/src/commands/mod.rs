//! What each command does, from settings to exit code. Owns nothing else.

mod interrupt;
pub mod mqtt;
pub mod runs;
pub mod selftest;
pub mod show;
pub mod targets;
