use serde::Serialize;

use super::ledger::Inbox;

/// What was sent on one stream.
#[derive(Debug, Default, Clone)]
pub struct Outbox {
    /// Sequence numbers 0 to `sent` - 1 were used.
    pub sent: u64,
    /// Those the server has not taken responsibility for (no PUBACK, no PUBREC). Empty at QoS 0.
    pub unacknowledged: Vec<u64>,
}

/// The audit of a run. Counts are of messages times the subscribers that were owed them, except the first two.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    pub qos: u8,
    pub sent: u64,
    /// At QoS 0 the same as `sent`: nobody acknowledges.
    pub acknowledged: u64,
    /// What subscribers should have received of all that was sent.
    pub owed: u64,
    /// Different messages that arrived.
    pub delivered: u64,
    /// Acknowledged (at QoS 0: sent), not delivered.
    pub lost: u64,
    /// Neither acknowledged nor delivered: the server promised nothing.
    pub unresolved: u64,
    /// No acknowledgement seen, but delivered: not a loss.
    pub recovered: u64,
    pub duplicated: u64,
    pub reordered: u64,
    pub unexpected: u64,
}

/// What the counts amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    ExactlyOnce,
    AtLeastOnce,
    AtMostOnce,
    /// Lost and duplicated.
    None,
}

impl Guarantee {
    pub fn words(self) -> &'static str {
        match self {
            Guarantee::ExactlyOnce => "exactly-once",
            Guarantee::AtLeastOnce => "at-least-once",
            Guarantee::AtMostOnce => "at-most-once",
            Guarantee::None => "no guarantee (lost and duplicated)",
        }
    }
}

/// Settles what was sent (indexed by stream) against what every subscriber received.
pub fn settle<'a>(qos: u8, outboxes: &[Outbox], inboxes: impl IntoIterator<Item = &'a Inbox>) -> Audit {
    let sent = outboxes.iter().map(|outbox| outbox.sent).sum();
    let unacknowledged: u64 = outboxes.iter().map(|outbox| outbox.unacknowledged.len() as u64).sum();
    let mut audit = Audit { qos, sent, acknowledged: sent - unacknowledged, ..Default::default() };
    for inbox in inboxes {
        audit.unexpected += inbox.unexpected;
        for (stream, ledger) in inbox.streams() {
            let outbox = &outboxes[stream as usize];
            let missing = outbox.sent.saturating_sub(ledger.seen.distinct());
            let recovered = outbox.unacknowledged.iter().filter(|sequence| ledger.seen.contains(**sequence)).count() as u64;
            let unresolved = (outbox.unacknowledged.len() as u64 - recovered).min(missing);
            audit.owed += outbox.sent;
            audit.delivered += ledger.seen.distinct();
            audit.recovered += recovered;
            audit.unresolved += unresolved;
            audit.lost += missing - unresolved;
            audit.duplicated += ledger.duplicated;
            audit.reordered += ledger.reordered;
        }
    }
    audit
}

impl Audit {
    pub fn guarantee(&self) -> Guarantee {
        match (self.lost > 0, self.duplicated > 0) {
            (false, false) => Guarantee::ExactlyOnce,
            (false, true) => Guarantee::AtLeastOnce,
            (true, false) => Guarantee::AtMostOnce,
            (true, true) => Guarantee::None,
        }
    }

    /// What the QoS forbids (MQTT 5 §4.3, §4.6): loss from QoS 1, duplicates except at QoS 1, disorder and strangers always.
    pub fn violations(&self) -> Vec<String> {
        let mut found = vec![];
        if self.qos > 0 && self.lost > 0 {
            found.push(format!("{} acknowledged messages were lost", self.lost));
        }
        if self.qos != 1 && self.duplicated > 0 {
            found.push(format!("{} messages were duplicated at QoS {}", self.duplicated, self.qos));
        }
        if self.reordered > 0 {
            found.push(format!("{} messages arrived out of order", self.reordered));
        }
        if self.unexpected > 0 {
            found.push(format!("{} messages arrived that were never sent to their receiver", self.unexpected));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(streams: &[u32], arrivals: impl IntoIterator<Item = (u32, u64)>) -> Inbox {
        let mut inbox = Inbox::new(streams.into());
        for (stream, sequence) in arrivals {
            inbox.record(stream, sequence);
        }
        inbox
    }

    fn outbox(sent: u64, unacknowledged: &[u64]) -> Outbox {
        Outbox { sent, unacknowledged: unacknowledged.to_vec() }
    }

    #[test]
    fn a_clean_run_is_exactly_once() {
        let received = inbox(&[0], (0..100).map(|sequence| (0, sequence)));
        let audit = settle(1, &[outbox(100, &[])], [&received]);
        assert_eq!((audit.owed, audit.delivered, audit.lost), (100, 100, 0));
        assert_eq!(audit.guarantee(), Guarantee::ExactlyOnce);
        assert!(audit.violations().is_empty());
    }

    #[test]
    fn acknowledged_and_missing_is_lost_but_unacknowledged_is_not() {
        // 10 sent; 7, 8 and 9 have no acknowledgement; 3 and 9 never arrive.
        let received = inbox(&[0], [0, 1, 2, 4, 5, 6, 7, 8].map(|sequence| (0, sequence)));
        let audit = settle(1, &[outbox(10, &[7, 8, 9])], [&received]);
        assert_eq!((audit.acknowledged, audit.lost, audit.recovered, audit.unresolved), (7, 1, 2, 1));
        assert_eq!(audit.guarantee(), Guarantee::AtMostOnce);
        assert_eq!(audit.violations().len(), 1);
    }

    #[test]
    fn fan_out_owes_every_subscriber() {
        let complete = inbox(&[0], (0..10).map(|sequence| (0, sequence)));
        let partial = inbox(&[0], (0..6).map(|sequence| (0, sequence)));
        let audit = settle(1, &[outbox(10, &[])], [&complete, &partial]);
        assert_eq!((audit.owed, audit.delivered, audit.lost), (20, 16, 4));
    }

    #[test]
    fn each_qos_forbids_its_own() {
        let lossy = inbox(&[0], [(0, 0), (0, 2)]);
        let doubled = inbox(&[0], [(0, 0), (0, 0), (0, 1), (0, 2)]);
        let forbids = |qos, inbox: &Inbox| !settle(qos, &[outbox(3, &[])], [inbox]).violations().is_empty();
        assert_eq!([0, 1, 2].map(|qos| forbids(qos, &lossy)), [false, true, true]);
        assert_eq!([0, 1, 2].map(|qos| forbids(qos, &doubled)), [true, false, true]);
    }

    #[test]
    fn a_stranger_is_unexpected_and_spoils_the_run() {
        let received = inbox(&[0], [(0, 0), (5, 0)]);
        let audit = settle(0, &[outbox(1, &[]), outbox(0, &[])], [&received]);
        assert_eq!((audit.unexpected, audit.delivered), (1, 1));
        assert!(!audit.violations().is_empty());
    }
}
