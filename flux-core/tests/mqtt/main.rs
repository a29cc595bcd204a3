//! The MQTT server seen from the wire: every normative statement a server can break, and what else the server promises.
//!
//! Tests carry the number of their statement in their name; `statements` compares them with the table in `fixtures/mqtt/statements.toml`.

#[path = "../wire/mod.rs"]
mod wire;

/// Nodes that are the server under test (`mqtt_across_nodes` runs the same tests with more).
const NODES: usize = 1;

mod acknowledgements;
mod across;
mod auth;
mod connack;
mod connect;
mod data;
mod disconnect;
mod errors;
mod flow;
mod identity;
mod mosquitto;
mod order;
mod publish;
mod qos;
mod redirection;
mod retain;
mod rumqtt;
mod scram;
mod server;
mod sessions;
mod shared;
mod slow;
mod statements;
mod subscribe;
mod topics;
mod v3;
mod websocket;
mod wills;
