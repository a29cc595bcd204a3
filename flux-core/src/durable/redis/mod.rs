//! The store of a cluster: each client's queue, session and will in Redis, where any node can adopt them. Must not know: who claims when.
//!
//! `commits` splits a transaction into steps of single clients; a `lane` gathers the steps of one client and sends them as one script,
//! one at a time, so that they stay in order and what waits meanwhile goes together; `answers` tells owners and publishers.
//! A client that another node has claimed is `moved`: what was appended is passed on.
//! `reads` fetches entries, `claims` takes over what another node had.
//!
//! Invariant: a script writes only for the owner. Its first line compares owner and epoch, so a node that was taken for dead and wakes
//! up changes nothing: it is refused and told.
//!
//! A transaction that concerns several clients is not one in Redis. What publishers are owed comes first (entries), what makes their
//! repetition a repetition comes after (received marks): a crash between them delivers twice at worst, and never too little.

mod answers;
mod claims;
mod commits;
mod keys;
mod lane;
mod moved;
mod reads;
mod scripts;
mod state;
mod store;

pub use store::RedisStore;
