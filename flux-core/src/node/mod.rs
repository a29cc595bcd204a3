//! One node: starts the subsystems in order, stops them in reverse. The only module that names every subsystem.

mod banner;
mod data_dir;
mod descriptors;
mod error;
mod identity;
mod run;

pub use banner::{Bound, banner};
pub use data_dir::prepare_data_dir;
pub use descriptors::raise_descriptor_limit;
pub use error::StartError;
pub use identity::node_id;
pub use run::run;
