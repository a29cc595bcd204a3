//! What was promised against what arrived, per publisher, topic and subscriber. Owns: the record a subscriber keeps of a
//! stream and the settlement at the end. Must not know sockets, frames or time.
//! Invariant: memory per stream is bounded whatever arrives, and every delivery falls into exactly one class.

pub mod ledger;
pub mod offence;
pub mod sequence;
pub mod settle;
