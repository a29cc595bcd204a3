//! What each command does, from settings to exit code. Owns nothing else.

pub mod bus;
pub mod compare;
pub mod contender;
pub mod doctor;
pub mod ending;
pub mod http;
mod interrupt;
pub mod kept;
pub mod mqtt;
pub mod report;
mod rounds;
pub mod runs;
pub mod search;
pub mod selftest;
pub mod show;
pub mod targets;
