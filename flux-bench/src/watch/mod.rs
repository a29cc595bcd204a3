//! What the operating system says of the server, of the generator and of the machine. Owns: reading /proc. Must not know what
//! a run is. Invariant: a figure that cannot be read is absent, never zero.

pub mod locate;
pub mod machine;
pub mod process;
