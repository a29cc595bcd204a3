//! A session and a will as the durable store keeps them: JSON with a version, so that a later server reads what an earlier one wrote.

use serde::{Deserialize, Serialize};

use super::packet::{Version, Will};
use super::session::Session;
use crate::types::{Properties, QoS, Seq, SubscribeOptions, Subscription, Timestamp};

const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    version: u32,
    pub client: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The protocol level of the last connection.
    pub protocol: u8,
    pub created: Timestamp,
    pub expiry: u32,
    /// Absent while connected: after a crash the time without a connection counts from the restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disconnected_at: Option<Timestamp>,
    /// The last entry of the queue that was ever sent. Absent while connected: it changes with every message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_up_to: Option<Seq>,
    pub subscriptions: Vec<SubscriptionRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRecord {
    pub filter: String,
    pub qos: QoS,
    #[serde(default)]
    pub no_local: bool,
    #[serde(default)]
    pub retain_as_published: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WillRecord {
    version: u32,
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: QoS,
    pub retain: bool,
    pub delay: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_expiry: Option<u32>,
    /// As on the wire.
    pub properties: Vec<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// The record is not what this version writes.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("a stored record does not read: {0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "a stored record has version {0}; this server reads up to version {VERSION}\n  hint: start the newer flux-core that wrote it"
    )]
    Version(u32),
}

impl SessionRecord {
    pub fn of(session: &Session, disconnected_at: Option<Timestamp>) -> Self {
        let profile = &session.profile;
        let subscriptions = profile
            .subscriptions
            .lock()
            .iter()
            .map(|(subscription, options)| SubscriptionRecord {
                filter: subscription.to_string(),
                qos: options.qos,
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                identifier: options.identifier,
            })
            .collect();
        let facts = profile.facts.lock();
        SessionRecord {
            version: VERSION,
            client: profile.client.to_string(),
            username: facts.username.as_deref().map(str::to_owned),
            protocol: facts.version as u8,
            created: profile.created,
            expiry: session.expiry,
            disconnected_at,
            sent_up_to: disconnected_at.map(|_| session.sent_up_to),
            subscriptions,
        }
    }

    pub fn protocol(&self) -> Version {
        match self.protocol {
            3 => Version::V31,
            5 => Version::V5,
            _ => Version::V311,
        }
    }

    pub fn encode(&self) -> Box<[u8]> {
        serde_json::to_vec(self).expect("a record of strings and numbers is JSON").into()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: SessionRecord = serde_json::from_slice(bytes)?;
        if record.version > VERSION { Err(RecordError::Version(record.version)) } else { Ok(record) }
    }
}

impl SubscriptionRecord {
    pub fn parse(&self) -> Option<(Subscription, SubscribeOptions)> {
        let options = SubscribeOptions {
            qos: self.qos,
            no_local: self.no_local,
            retain_as_published: self.retain_as_published,
            identifier: self.identifier,
        };
        Subscription::parse(&self.filter).ok().map(|subscription| (subscription, options))
    }
}

impl WillRecord {
    pub fn of(will: &Will, username: Option<&str>) -> Self {
        WillRecord {
            version: VERSION,
            topic: will.topic.to_string(),
            payload: will.payload.to_vec(),
            qos: will.qos,
            retain: will.retain,
            delay: will.delay,
            message_expiry: will.message_expiry,
            properties: will.properties.as_bytes().to_vec(),
            username: username.map(str::to_owned),
        }
    }

    pub fn into_will(self) -> Will {
        Will {
            topic: self.topic.into(),
            payload: self.payload.into(),
            qos: self.qos,
            retain: self.retain,
            delay: self.delay,
            message_expiry: self.message_expiry,
            properties: Properties::from_wire(&self.properties),
        }
    }

    pub fn encode(&self) -> Box<[u8]> {
        serde_json::to_vec(self).expect("a record of strings and numbers is JSON").into()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: WillRecord = serde_json::from_slice(bytes)?;
        if record.version > VERSION { Err(RecordError::Version(record.version)) } else { Ok(record) }
    }
}
