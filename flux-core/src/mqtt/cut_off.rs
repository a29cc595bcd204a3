//! Clients that have missed messages without a sign: the others had given this node up and published without it.

use std::collections::BTreeMap;

use super::mailbox::Command;
use super::server::Server;
use crate::types::{QoS, SubscribeOptions, Subscription, limits};

impl Server {
    /// This node is a member again. What others have published and acknowledged meanwhile waits for durable sessions; for the rest nobody
    /// has kept it. Who may miss some hears so by the end of its connection, and subscribes anew.
    pub(super) async fn end_who_may_miss(&self) {
        if !self.bus.guarantees().at_least_once {
            // By Pub/Sub nobody is owed anything, so nobody has to hear that it is missing.
            return;
        }
        // All, before the first hears: who comes back at once has missed nothing since.
        let mut all = Vec::new();
        self.sessions.for_each(|profile, connected| {
            if connected && !profile.facts.lock().durable && was_owed(&profile.subscriptions.lock()) {
                all.push(profile.mailbox.clone());
            }
        });
        if all.is_empty() {
            return;
        }
        tracing::warn!(
            clients = all.len(),
            "messages of other nodes may be missing: disconnecting the clients with subscriptions of QoS 1 or 2 in sessions that are not durable"
        );
        for together in all.chunks(limits::CUT_OFF_TOGETHER) {
            together.iter().for_each(|mailbox| mailbox.command(Command::CutOff));
            tokio::task::yield_now().await;
        }
    }
}

/// Whether other nodes may have published what a client with these subscriptions was to get without fail.
///
/// Shared ones are among them. Where its group has members on other nodes, these had the messages; but a group may have all of its members
/// on this node, and who was in it meanwhile nobody here can say. To connect once more for nothing is less harm than a gap that nobody sees.
fn was_owed(subscriptions: &BTreeMap<Subscription, SubscribeOptions>) -> bool {
    let owed = |subscription: &Subscription, options: &SubscribeOptions| {
        options.qos > QoS::AtMostOnce && !subscription.filter.is_reserved()
    };
    subscriptions.iter().any(|(subscription, options)| owed(subscription, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn was_owed_to(subscribed: &[(&str, QoS)]) -> bool {
        let parsed = subscribed.iter().map(|(text, qos)| {
            let options = SubscribeOptions { qos: *qos, ..SubscribeOptions::default() };
            (Subscription::parse(text).expect("valid subscription"), options)
        });
        was_owed(&parsed.collect())
    }

    #[test]
    fn one_subscription_to_what_other_nodes_publish_without_fail_is_enough() {
        assert!(was_owed_to(&[("a", QoS::AtLeastOnce)]));
        assert!(was_owed_to(&[("#", QoS::ExactlyOnce)]));
        assert!(was_owed_to(&[("a", QoS::AtMostOnce), ("b", QoS::AtLeastOnce), ("$SYS/#", QoS::AtLeastOnce)]));
        assert!(was_owed_to(&[("$share/group/a", QoS::AtLeastOnce)]), "all of the group may be here");
    }

    #[test]
    fn nobody_was_owed_qos_0_or_what_a_node_says_about_itself() {
        assert!(!was_owed_to(&[]));
        assert!(!was_owed_to(&[("a", QoS::AtMostOnce), ("$share/group/a", QoS::AtMostOnce)]));
        assert!(!was_owed_to(&[("$SYS/#", QoS::ExactlyOnce), ("$share/group/$SYS/#", QoS::AtLeastOnce)]));
    }
}
