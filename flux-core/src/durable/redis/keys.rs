//! What is kept under which key.

use crate::redis::Keys;
use crate::types::{ClientId, NodeId, TopicName};

/// All of one client, in one slot.
pub(super) fn of_client(keys: &Keys, client: &ClientId) -> [String; 6] {
    ["session", "entries", "released", "received", "will", "brought"].map(|name| keys.key(client.as_str(), name))
}

pub(super) const ENTRIES: usize = 1;
pub(super) const RELEASED: usize = 2;

/// Clients that a node may own (set). It is added to before anything is stored for a client, so it never names too few.
pub(super) fn clients_of(keys: &Keys, node: &NodeId) -> String {
    keys.key(&format!("node:{node}"), "clients")
}

/// Retained messages are spread over so many hashes, each in a slot of its own.
pub(super) const RETAINED: u64 = 64;

pub(super) fn retained(keys: &Keys, part: u64) -> String {
    keys.key(&format!("retained:{part}"), "messages")
}

pub(super) fn retained_for(keys: &Keys, topic: &TopicName) -> String {
    retained(keys, xxhash_rust::xxh3::xxh3_64(topic.as_str().as_bytes()) % RETAINED)
}
