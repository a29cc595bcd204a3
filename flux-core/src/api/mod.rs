//! The words of `/api/v1`: every request, answer and path, shared by the server, the client and the tools.
//!
//! Owns: shapes and their JSON. Must not know: axum, reqwest, where the figures come from.
//! Invariant: additions are optional fields; a client of an older version reads the answers of a newer server.

mod alarms;
mod bus;
mod canary;
mod clients;
mod config;
mod durable;
mod events;
mod health;
mod nodes;
mod page;
pub mod paths;
mod payload;
mod problem;
mod redis;
mod retained;
mod sessions;
mod subscriptions;
mod time;
mod traces;

pub use alarms::{Alarm, AlarmQuery, Severity};
pub use bus::{BusCluster, BusInfo, BusPeer, BusRoute, Inbox, RouteQuery};
pub use canary::{BusCanary, CanaryRole, CanaryWay, SetBusCanary};
pub use clients::{Client, ClientQuery};
pub use config::{ConfigKey, EffectiveValue};
pub use durable::DurableInfo;
pub use events::{
    BatchAnswer, BatchItem, Dropped, Event, EventProperties, PublishAnswer, PublishEvent, PublishRequest, Published, RecentQuery,
    TailQuery, UserProperty,
};
pub use health::{Check, Health, Ready};
pub use nodes::{Flow, Listener, Node, NodeList, NodeState, Process, Storage, Traffic, Unreachable};
pub use page::{List, Page};
pub use payload::{Encoding, PayloadError, decode_payload, encode_payload};
pub use problem::{Code, FieldError, Problem};
pub use redis::{RedisFinding, RedisHealth, RedisInfo, RedisServer};
pub use retained::{Retained, RetainedQuery};
pub use sessions::{Connection, Depth, Disconnected, Protocol, Session, SessionQuery, SessionSummary, Transport, Will};
pub use subscriptions::{SubscriptionInfo, SubscriptionQuery};
pub use time::{InvalidTime, Time};
pub use traces::{Direction, StartTrace, Trace, TraceRecord};
