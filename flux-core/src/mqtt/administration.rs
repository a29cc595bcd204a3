//! Shows and steers sessions for an operator.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::admin::{SessionAdmin, SessionFilter, SubscriptionFilter};
use super::mailbox::Command;
use super::packet::Version;
use super::server::Server;
use super::session::{ConnectionInfo, Facts, Profile};
use crate::api;
use crate::hook::HookFuture;
use crate::types::{Refusal, SubscribeOptions, Subscription};

impl SessionAdmin for Server {
    fn sessions(&self, filter: &SessionFilter, after: Option<&str>, limit: usize) -> Vec<api::SessionSummary> {
        let mut page = BTreeMap::new();
        self.sessions.for_each(|profile, connected| {
            let client = profile.client.as_str();
            let beyond =
                page.len() >= limit && page.last_key_value().is_some_and(|(last, _): (&String, _)| last.as_str() < client);
            if after.is_some_and(|after| client <= after) || beyond {
                return;
            }
            let summary = self.summary(profile, connected);
            if filter.matches(&summary) {
                page.insert(summary.client_id.clone(), summary);
                if page.len() > limit {
                    page.pop_last();
                }
            }
        });
        page.into_values().collect()
    }

    fn session<'a>(&'a self, client_id: &'a str) -> HookFuture<'a, Option<api::Session>> {
        Box::pin(async move {
            let profile = self.sessions.profile(client_id)?;
            Some(self.describe(&profile, self.sessions.is_connected(client_id)))
        })
    }

    fn disconnect<'a>(&'a self, client_id: &'a str) -> HookFuture<'a, Option<api::Disconnected>> {
        Box::pin(async move {
            self.sessions.profile(client_id)?;
            Some(api::Disconnected { disconnected: self.sessions.command(client_id, Command::Disconnect) })
        })
    }

    fn delete<'a>(&'a self, client_id: &'a str) -> HookFuture<'a, Result<bool, Refusal>> {
        Box::pin(async move {
            let Some(profile) = self.sessions.profile(client_id) else { return Ok(false) };
            // Whoever owns it lets go of it first; a claim of our own then finds it parked or gone.
            self.sessions.command(client_id, Command::Delete);
            let mut reservation = self.sessions.claim(&profile.client).await;
            if let Some(session) = reservation.session().take() {
                drop(self.end_session(session));
            }
            reservation.remove();
            self.flush().await.map(|()| true)
        })
    }

    fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Vec<api::SubscriptionInfo> {
        let mut page = BTreeMap::new();
        self.sessions.for_each(|profile, _| {
            if after.is_some_and(|(client, _)| profile.client.as_str() < client) {
                return;
            }
            for (subscription, options) in profile.subscriptions.lock().iter() {
                let key = (profile.client.to_string(), subscription.to_string());
                if after.is_some_and(|after| (key.0.as_str(), key.1.as_str()) <= after) {
                    continue;
                }
                let described = describe_subscription(profile, subscription, *options);
                if filter.matches(&described) {
                    page.insert(key, described);
                    if page.len() > limit {
                        page.pop_last();
                    }
                }
            }
        });
        page.into_values().collect()
    }
}

impl Server {
    fn summary(&self, profile: &Arc<Profile>, connected: bool) -> api::SessionSummary {
        let facts = profile.facts.lock().clone();
        let depth = profile.mailbox.depth();
        let inflight = u64::from(profile.inflight.load(Ordering::Relaxed));
        // Durable entries count until they are acknowledged; what is under way is not waiting.
        let durable = depth.queue_entries.saturating_sub(if facts.durable { inflight } else { 0 });
        api::SessionSummary {
            client_id: profile.client.to_string(),
            node: self.settings.node.to_string(),
            username: facts.username.as_deref().map(str::to_owned),
            connected,
            durable: facts.durable,
            created_at: profile.created.into(),
            disconnected_at: facts.disconnected_at.map(Into::into),
            expires_at: facts.expires_at.map(Into::into),
            connection: facts.connection.as_ref().filter(|_| connected).map(|connection| describe_connection(connection, &facts)),
            subscription_count: profile.subscriptions.lock().len() as u64,
            inflight,
            queued: depth.live + durable,
        }
    }

    fn describe(&self, profile: &Arc<Profile>, connected: bool) -> api::Session {
        let facts = profile.facts.lock().clone();
        let depth = profile.mailbox.depth();
        let subscriptions = profile.subscriptions.lock().clone();
        api::Session {
            summary: self.summary(profile, connected),
            expiry_seconds: (facts.expiry != u32::MAX).then_some(facts.expiry),
            receive_maximum: facts.window,
            maximum_packet_size: facts.maximum_packet_size,
            inflight_in: u64::from(profile.inflight_in.load(Ordering::Relaxed)),
            mailbox: api::Depth { messages: depth.mailbox_messages, bytes: depth.mailbox_bytes },
            queue: facts.durable.then_some(api::Depth { messages: depth.queue_entries, bytes: depth.queue_bytes }),
            will: facts.will.as_ref().map(|will| api::Will {
                topic: will.topic.to_string(),
                qos: will.qos,
                retain: will.retain,
                delay_seconds: will.delay,
            }),
            subscriptions: subscriptions
                .iter()
                .map(|(subscription, options)| describe_subscription(profile, subscription, *options))
                .collect(),
        }
    }
}

fn describe_connection(connection: &ConnectionInfo, facts: &Facts) -> api::Connection {
    api::Connection {
        protocol: match facts.version {
            Version::V31 => api::Protocol::V31,
            Version::V311 => api::Protocol::V311,
            Version::V5 => api::Protocol::V5,
        },
        transport: connection.transport,
        peer: connection.peer.to_string(),
        connected_at: connection.connected_at.into(),
        keep_alive_seconds: connection.keep_alive,
        clean_start: connection.clean_start,
    }
}

fn describe_subscription(profile: &Profile, subscription: &Subscription, options: SubscribeOptions) -> api::SubscriptionInfo {
    api::SubscriptionInfo {
        client_id: profile.client.to_string(),
        filter: subscription.filter.to_string(),
        group: subscription.group.as_deref().map(str::to_owned),
        qos: options.qos,
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        identifier: options.identifier,
    }
}
