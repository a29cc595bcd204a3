//! The words of the project (DESIGN §2) as types: parsed once at the edge, trusted inside.
//!
//! Owns: events and what they carry, topics and filters, identities, points in time, limits. Must not know: sockets, storage, configuration.

pub mod ack;
pub mod bytes;
pub mod delivery;
pub mod event;
pub mod identity;
pub mod limits;
pub mod properties;
pub mod qos;
pub mod time;
pub mod topic;

pub use ack::{AckLevel, UnknownAckLevel};
pub use delivery::{Delivery, DropReason, Refusal, SubscribeOptions};
pub use event::{Event, EventId, EventIds, NodeTag};
pub use identity::{ClientId, NodeId, QueueId, Seq, SubscriberId};
pub use properties::Properties;
pub use qos::QoS;
pub use time::Timestamp;
pub use topic::{Subscription, SubscriptionError, TopicError, TopicFilter, TopicName};
