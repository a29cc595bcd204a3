//! A whole node: starts its roles in order and stops them in reverse. The only module that names every subsystem.

mod settings;
mod start;

pub use start::{Listening, Node, StartError};
