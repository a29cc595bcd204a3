//! What a run will do, decided before anything is opened. Owns: the settings, who publishes and who subscribes to what, and
//! whether this machine can hold that many connections. Must not know sockets or frames.
//! Invariant: a plan that was made is consistent; whatever is wrong with the flags was said while making it.

pub mod limits;
pub mod load;
pub mod mix;
pub mod scenario;
pub mod server;
pub mod settings;
pub mod wiring;
