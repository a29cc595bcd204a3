//! What each command does, from settings to exit code. Owns nothing else.

pub mod mqtt;
pub mod selftest;
pub mod targets;
