use std::sync::Arc;

use super::{Event, QoS, Subscription};

/// An event as one subscriber is to hear it.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub event: Arc<Event>,
    /// The lower of the event's and the subscription's.
    pub qos: QoS,
    /// The RETAIN flag to send (MQTT 5 §3.3.1.3).
    pub retain: bool,
    /// Identifiers of all of the client's subscriptions that matched (MQTT 5 §3.3.2.3.8).
    pub identifiers: Option<Arc<[u32]>>,
    /// The shared group it was chosen for: should its session end, another member gets it (MQTT 5 §4.8.2).
    pub shared: Option<Arc<Subscription>>,
}

/// What a subscription asks for (MQTT 5 §3.8.3.1), retain handling left out: that concerns only the moment of subscribing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscribeOptions {
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub identifier: Option<u32>,
}

/// Why an event was not taken from its publisher. Nothing refused is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("not authorized to publish here")]
    NotAuthorized,
    #[error("a durable session that is owed this message has a full queue")]
    QueueFull,
    #[error("a limit of this server is reached")]
    QuotaExceeded,
    #[error("the durable store cannot write")]
    StoreFailed,
    #[error("the other nodes of the cluster cannot be reached: Redis does not answer")]
    Unreachable,
    #[error("the session it concerns has moved to another node")]
    Moved,
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// Why a subscriber did not get an event it had subscribed to. Every drop is counted under its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// QoS 0 for a subscriber that reads too slowly.
    SlowSubscriber,
    /// QoS 0 for a session without a connection.
    Offline,
    /// Larger than the client's maximum packet size.
    TooLarge,
    /// Its message expiry passed while it waited.
    Expired,
    /// A durable queue was full and is configured to drop its oldest.
    QueueFull,
    /// The session ended while the message waited.
    SessionEnded,
    /// The durable store could not write it: its publisher was not told that it was safe.
    NotStored,
}

impl DropReason {
    pub const ALL: [DropReason; 7] = [
        DropReason::SlowSubscriber,
        DropReason::Offline,
        DropReason::TooLarge,
        DropReason::Expired,
        DropReason::QueueFull,
        DropReason::SessionEnded,
        DropReason::NotStored,
    ];

    /// The word in metrics and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::SlowSubscriber => "slow_subscriber",
            DropReason::Offline => "offline",
            DropReason::TooLarge => "too_large",
            DropReason::Expired => "expired",
            DropReason::QueueFull => "queue_full",
            DropReason::SessionEnded => "session_ended",
            DropReason::NotStored => "not_stored",
        }
    }
}
