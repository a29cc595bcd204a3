//! A whole node: starts its roles in order and stops them in reverse. The only module that names every subsystem.

mod banner;
mod cluster;
mod descriptors;
mod run;
mod settings;
mod start;
mod storage;

pub use banner::{Banner, banner};
pub use descriptors::raise_descriptor_limit;
pub use run::run;
pub use start::{Listening, Node, StartError, store_folder};
