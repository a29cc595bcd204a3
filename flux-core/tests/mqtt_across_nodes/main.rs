//! The tests of `mqtt` once more, on two nodes of one cluster with a real Redis: each client connects to the other node than the one before
//! it. So publisher and subscriber are on different nodes, and a session that is resumed has moved. Limits of one server (`redirection`)
//! are not here, nor what talks to one of its own (`rumqtt`).

#[path = "../wire/mod.rs"]
mod wire;

/// Nodes that are the server under test.
const NODES: usize = 2;

#[path = "../mqtt/acknowledgements.rs"]
mod acknowledgements;
#[path = "../mqtt/across.rs"]
mod across;
#[path = "../mqtt/auth.rs"]
mod auth;
#[path = "../mqtt/connack.rs"]
mod connack;
#[path = "../mqtt/connect.rs"]
mod connect;
#[path = "../mqtt/data.rs"]
mod data;
#[path = "../mqtt/disconnect.rs"]
mod disconnect;
#[path = "../mqtt/errors.rs"]
mod errors;
#[path = "../mqtt/flow.rs"]
mod flow;
#[path = "../mqtt/identity.rs"]
mod identity;
#[path = "../mqtt/mosquitto.rs"]
mod mosquitto;
#[path = "../mqtt/order.rs"]
mod order;
#[path = "../mqtt/publish.rs"]
mod publish;
#[path = "../mqtt/qos.rs"]
mod qos;
#[path = "../mqtt/retain.rs"]
mod retain;
#[path = "../mqtt/scram.rs"]
mod scram;
#[path = "../mqtt/server.rs"]
mod server;
#[path = "../mqtt/sessions.rs"]
mod sessions;
#[path = "../mqtt/shared.rs"]
mod shared;
#[path = "../mqtt/slow.rs"]
mod slow;
#[path = "../mqtt/subscribe.rs"]
mod subscribe;
#[path = "../mqtt/topics.rs"]
mod topics;
#[path = "../mqtt/v3.rs"]
mod v3;
#[path = "../mqtt/websocket.rs"]
mod websocket;
#[path = "../mqtt/wills.rs"]
mod wills;
