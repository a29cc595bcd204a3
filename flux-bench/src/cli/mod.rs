//! The command line. Owns: flags, their defaults and what is wrong with them. Must not open anything.
//! Invariant: what passes here is a consistent [`crate::plan::settings::Settings`].

pub mod bus;
pub mod cast;
pub mod command;
pub mod compare;
pub mod defaults;
pub mod doctor;
pub mod http;
pub mod http_defaults;
pub mod judging;
pub mod keeping;
pub mod mqtt;
pub mod payload;
pub mod quantity;
pub mod repeating;
pub mod report;
pub mod search;
pub mod target;
pub mod timing;
pub mod tls;
pub mod watching;
