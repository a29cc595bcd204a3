//! What each subsystem wants to know of the configuration.

use std::time::Duration;

use super::start::StartError;
use crate::config::Ack;
use crate::config::Config;
use crate::config::QueueFull;
use crate::ingress::RetainedLimits;
use crate::mqtt;
use crate::redis::Copies;
use crate::redis::RedisSettings;
use crate::redis::Servers;
use crate::types::NodeId;
use crate::types::limits;

/// How to reach Redis. `None`: no address is given.
pub fn redis(config: &Config, node: &NodeId) -> Result<Option<RedisSettings>, StartError> {
    let Some(url) = &config.redis.url else { return Ok(None) };
    let servers = Servers::parse(url.reveal()).map_err(|problem| StartError::RedisUrl(problem.to_string()))?;
    Ok(Some(RedisSettings {
        ca: config.redis.ca.clone(),
        client_name: format!("flux-{}", node.as_str().replace(|c: char| !c.is_ascii_graphic(), "_")),
        keys: crate::redis::Keys::new(&config.redis.prefix, &config.cluster.name),
        connect_timeout: config.redis.connect_timeout,
        command_timeout: config.redis.command_timeout,
        ..RedisSettings::new(servers)
    }))
}

/// How many replicas of Redis confirm what is acknowledged: the weakest that keeps the promise, unless told otherwise.
pub fn copies(config: &Config) -> Copies {
    match config.durability.ack {
        Ack::Auto => Copies::WherePossible(1),
        Ack::Replicated => Copies::Always(1),
        Ack::Routed | Ack::Stored => Copies::None,
    }
}

pub fn mqtt(config: &Config, node: NodeId) -> mqtt::Settings {
    let mqtt = &config.mqtt;
    mqtt::Settings {
        node,
        max_connections: mqtt.max_connections,
        max_sessions: mqtt.max_sessions,
        max_packet_size: u32::try_from(mqtt.max_packet_size.0).unwrap_or(u32::MAX),
        receive_maximum: mqtt.receive_maximum,
        max_inflight: mqtt.max_inflight,
        topic_alias_maximum: mqtt.topic_alias_maximum,
        max_outgoing_aliases: mqtt.outbound_topic_aliases,
        max_topic_levels: mqtt.max_topic_levels,
        max_keep_alive: mqtt.max_keep_alive.map_or(0, |longest| u16::try_from(longest.as_secs()).unwrap_or(u16::MAX)),
        max_session_expiry: mqtt.session_expiry_max.unwrap_or(Duration::MAX),
        max_subscriptions_per_client: mqtt.max_subscriptions_per_client,
        mailbox: mqtt::MailboxLimits::new(mqtt.mailbox_messages, mqtt.mailbox_bytes.as_usize()),
        slow_subscriber_grace: mqtt.slow_subscriber_grace,
        queue: mqtt::QueueLimits {
            messages: mqtt.queue_messages as u64,
            bytes: mqtt.queue_bytes.0,
            full: match mqtt.queue_full {
                QueueFull::Refuse => mqtt::QueueFull::Refuse,
                QueueFull::DropOldest => mqtt::QueueFull::DropOldest,
            },
        },
        connect_timeout: limits::CONNECT_TIMEOUT,
        connect_rate: mqtt.connect_rate,
        server_reference: mqtt.server_reference.as_deref().map(Into::into),
    }
}

pub fn retained(config: &Config) -> RetainedLimits {
    RetainedLimits { messages: config.mqtt.max_retained_messages, bytes: config.mqtt.max_retained_bytes.as_usize() }
}
