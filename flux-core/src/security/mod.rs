//! Who a client is: passwords, SCRAM, nobody in particular. Must not know: packets, sockets, where users are configured.
//!
//! Invariant: what is asked costs the same and reads the same whether the user exists or not, and the memory and threads that a
//! reconnect storm can take are bounded.

mod anonymous;
mod authenticator;
mod cache;
mod hash;
mod scram;
mod users;

pub use anonymous::Anonymous;
pub use authenticator::{Passwords, authenticator};
pub use hash::{HashError, hash_argon2, hash_scram};
pub use users::Users;
