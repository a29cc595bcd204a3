//! What the operating system says of the servers, of the generator and of the machine, and what nodes elsewhere say of
//! themselves. Owns: reading /proc, asking nodes. Must not know what a run is. Invariant: a figure that cannot be read is absent, never zero.

pub mod locate;
pub mod machine;
pub mod node;
pub mod process;
pub mod servers;
