use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ledger::Inbox;
use super::offence::{Kind, NAMED, Offence};

/// What was sent on one stream.
#[derive(Debug, Default, Clone)]
pub struct Outbox {
    /// Sequence numbers 0 to `sent` - 1 were used.
    pub sent: u64,
    /// Those the server has not taken responsibility for (no PUBACK, no PUBREC). Empty at QoS 0.
    pub unacknowledged: Vec<u64>,
}

/// One publisher's messages on one topic at one QoS: what MQTT promises an order for (MQTT 5 §4.6).
#[derive(Debug, Clone)]
pub struct Stream<'a> {
    pub topic: &'a str,
    pub qos: u8,
    pub outbox: Outbox,
}

/// The counts of one QoS. They are of messages times the subscribers that were owed them, except the first two.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Class {
    pub qos: u8,
    pub sent: u64,
    /// At QoS 0 the same as `sent`: nobody acknowledges.
    pub acknowledged: u64,
    pub owed: u64,
    pub delivered: u64,
    pub lost: u64,
    pub unresolved: u64,
    pub recovered: u64,
    pub duplicated: u64,
    pub reordered: u64,
}

/// The audit of a run. Counts are of messages times the subscribers that were owed them, except the first two.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// The highest QoS of the run.
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
    /// The same counts for each QoS that was used, ascending; each is judged by what it forbids.
    pub by_qos: Vec<Class>,
    /// The first messages that broke what their QoS promises.
    pub first_offences: Vec<Offence>,
}

/// What the counts amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
pub fn settle<'a>(streams: &[Stream<'_>], inboxes: impl IntoIterator<Item = &'a Inbox>) -> Audit {
    let mut classes = [0, 1, 2].map(|qos| Class { qos, ..Default::default() });
    for stream in streams {
        let class = &mut classes[usize::from(stream.qos)];
        class.sent += stream.outbox.sent;
        class.acknowledged += stream.outbox.sent - stream.outbox.unacknowledged.len() as u64;
    }
    let (mut unexpected, mut offences) = (0, vec![]);
    for inbox in inboxes {
        unexpected += inbox.unexpected;
        for (number, ledger) in inbox.streams() {
            let Stream { qos, outbox, .. } = &streams[number as usize];
            let class = &mut classes[usize::from(*qos)];
            let missing = outbox.sent.saturating_sub(ledger.seen.distinct());
            let recovered = outbox.unacknowledged.iter().filter(|sequence| ledger.seen.contains(**sequence)).count() as u64;
            let unresolved = (outbox.unacknowledged.len() as u64 - recovered).min(missing);
            let lost = missing - unresolved;
            class.owed += outbox.sent;
            class.delivered += ledger.seen.distinct();
            class.recovered += recovered;
            class.unresolved += unresolved;
            class.lost += lost;
            class.duplicated += ledger.duplicated;
            class.reordered += ledger.reordered;
            if lost > 0 && Kind::Lost.forbidden(*qos) && offences.len() < NAMED {
                let named = ledger.seen.missing(outbox.sent).into_iter();
                let lost = named.filter(|sequence| !outbox.unacknowledged.contains(sequence));
                offences.extend(lost.map(|sequence| offence(Kind::Lost, streams, &Ok((number, sequence)), inbox)));
            }
        }
        for notice in inbox.noticed.iter() {
            let offence = offence(notice.kind, streams, &notice.message, inbox);
            if offences.len() < 2 * NAMED && offence.qos.is_none_or(|qos| notice.kind.forbidden(qos)) {
                offences.push(offence);
            }
        }
    }
    offences.truncate(NAMED);
    let used = classes.into_iter().filter(|class| class.sent > 0 || class.owed > 0).collect();
    Audit { unexpected, first_offences: offences, ..Audit::of(used) }
}

fn offence(kind: Kind, streams: &[Stream<'_>], message: &Result<(u32, u64), String>, inbox: &Inbox) -> Offence {
    let subscriber = inbox.name.clone();
    match message {
        Ok((number, sequence)) => {
            // A stream that does not exist comes from a message that was damaged on its way.
            let stream = streams.get(*number as usize);
            let topic = stream.map_or_else(String::new, |stream| stream.topic.to_owned());
            Offence {
                kind,
                stream: Some(*number),
                topic,
                sequence: Some(*sequence),
                qos: stream.map(|stream| stream.qos),
                subscriber,
            }
        }
        Err(topic) => Offence { kind, stream: None, topic: topic.clone(), sequence: None, qos: None, subscriber },
    }
}

impl Class {
    /// How many messages were so.
    pub fn count(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Lost => self.lost,
            Kind::Duplicated => self.duplicated,
            Kind::Reordered => self.reordered,
            Kind::Unexpected => 0,
        }
    }
}

impl Audit {
    /// The sum of what was counted for each QoS.
    pub fn of(by_qos: Vec<Class>) -> Self {
        let mut audit = Self { qos: by_qos.iter().map(|class| class.qos).max().unwrap_or(0), ..Default::default() };
        for class in &by_qos {
            audit.sent += class.sent;
            audit.acknowledged += class.acknowledged;
            audit.owed += class.owed;
            audit.delivered += class.delivered;
            audit.lost += class.lost;
            audit.unresolved += class.unresolved;
            audit.recovered += class.recovered;
            audit.duplicated += class.duplicated;
            audit.reordered += class.reordered;
        }
        Self { by_qos, ..audit }
    }

    /// How many messages were so although their QoS forbids it.
    pub fn forbidden(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Unexpected => self.unexpected,
            _ => self.by_qos.iter().filter(|class| kind.forbidden(class.qos)).map(|class| class.count(kind)).sum(),
        }
    }

    pub fn guarantee(&self) -> Guarantee {
        match (self.lost > 0, self.duplicated > 0) {
            (false, false) => Guarantee::ExactlyOnce,
            (false, true) => Guarantee::AtLeastOnce,
            (true, false) => Guarantee::AtMostOnce,
            (true, true) => Guarantee::None,
        }
    }

    /// What the QoS forbids and happened.
    pub fn violations(&self) -> Vec<String> {
        self.violations_but(false)
    }

    /// The same where what carries messages may lose them whatever their QoS (`lossy`).
    pub fn violations_but(&self, lossy: bool) -> Vec<String> {
        let mut found = vec![];
        let lost = self.forbidden(Kind::Lost);
        if lost > 0 && !lossy {
            found.push(format!("{lost} acknowledged messages were lost"));
        }
        for class in self.by_qos.iter().filter(|class| Kind::Duplicated.forbidden(class.qos) && class.duplicated > 0) {
            found.push(format!("{} messages were duplicated at QoS {}", class.duplicated, class.qos));
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
        record(Inbox::new("s0".to_owned(), streams.into()), arrivals)
    }

    fn record(mut inbox: Inbox, arrivals: impl IntoIterator<Item = (u32, u64)>) -> Inbox {
        for (stream, sequence) in arrivals {
            inbox.record(stream, sequence);
        }
        inbox
    }

    fn stream(qos: u8, sent: u64, unacknowledged: &[u64]) -> Stream<'static> {
        Stream { topic: "t", qos, outbox: Outbox { sent, unacknowledged: unacknowledged.to_vec() } }
    }

    #[test]
    fn a_clean_run_is_exactly_once() {
        let received = inbox(&[0], (0..100).map(|sequence| (0, sequence)));
        let audit = settle(&[stream(1, 100, &[])], [&received]);
        assert_eq!((audit.owed, audit.delivered, audit.lost), (100, 100, 0));
        assert_eq!(audit.guarantee(), Guarantee::ExactlyOnce);
        assert!(audit.violations().is_empty() && audit.first_offences.is_empty());
    }

    #[test]
    fn acknowledged_and_missing_is_lost_but_unacknowledged_is_not() {
        // 10 sent; 7, 8 and 9 have no acknowledgement; 3 and 9 never arrive.
        let received = inbox(&[0], [0, 1, 2, 4, 5, 6, 7, 8].map(|sequence| (0, sequence)));
        let audit = settle(&[stream(1, 10, &[7, 8, 9])], [&received]);
        assert_eq!((audit.acknowledged, audit.lost, audit.recovered, audit.unresolved), (7, 1, 2, 1));
        assert_eq!(audit.guarantee(), Guarantee::AtMostOnce);
        assert_eq!(audit.violations().len(), 1);
        let named: Vec<_> = audit.first_offences.iter().map(|offence| (offence.kind, offence.sequence)).collect();
        assert_eq!(named, [(Kind::Lost, Some(3))]);
    }

    #[test]
    fn fan_out_owes_every_subscriber() {
        let complete = inbox(&[0], (0..10).map(|sequence| (0, sequence)));
        let partial = inbox(&[0], (0..6).map(|sequence| (0, sequence)));
        let audit = settle(&[stream(1, 10, &[])], [&complete, &partial]);
        assert_eq!((audit.owed, audit.delivered, audit.lost), (20, 16, 4));
    }

    #[test]
    fn each_qos_forbids_its_own() {
        let lossy = inbox(&[0], [(0, 0), (0, 2)]);
        let doubled = inbox(&[0], [(0, 0), (0, 0), (0, 1), (0, 2)]);
        let forbids = |qos, inbox: &Inbox| !settle(&[stream(qos, 3, &[])], [inbox]).violations().is_empty();
        assert_eq!([0, 1, 2].map(|qos| forbids(qos, &lossy)), [false, true, true]);
        assert_eq!([0, 1, 2].map(|qos| forbids(qos, &doubled)), [true, false, true]);
    }

    #[test]
    fn in_a_mix_each_class_is_judged_by_its_own_qos() {
        // At QoS 0 one is lost, at QoS 1 one comes twice: both allowed.
        let streams = [stream(0, 3, &[]), stream(1, 2, &[])];
        let received = inbox(&[0, 1], [(0, 0), (1, 0), (1, 0), (0, 2), (1, 1)]);
        let audit = settle(&streams, [&received]);
        assert_eq!((audit.lost, audit.duplicated, audit.guarantee()), (1, 1, Guarantee::None));
        assert!(audit.violations().is_empty() && audit.first_offences.is_empty());
        let counts: Vec<_> = audit.by_qos.iter().map(|class| (class.qos, class.sent, class.lost, class.duplicated)).collect();
        assert_eq!(counts, [(0, 3, 1, 0), (1, 2, 0, 1)]);
        // The other way round both are forbidden.
        let audit = settle(&[stream(1, 3, &[]), stream(0, 2, &[])], [&received]);
        assert_eq!((audit.forbidden(Kind::Lost), audit.forbidden(Kind::Duplicated)), (1, 1));
        assert_eq!(audit.first_offences.len(), 2);
    }

    #[test]
    fn a_group_is_owed_each_message_once_and_no_order() {
        let group = record(Inbox::shared("group 0".to_owned(), [0].into()), [(0, 1), (0, 0), (0, 3), (0, 3)]);
        let audit = settle(&[stream(2, 4, &[])], [&group]);
        assert_eq!((audit.owed, audit.delivered, audit.lost, audit.duplicated, audit.reordered), (4, 3, 1, 1, 0));
    }

    #[test]
    fn a_stranger_is_unexpected_and_spoils_the_run() {
        let mut received = inbox(&[0], [(0, 0), (5, 0)]);
        received.record_stranger(b"elsewhere");
        let audit = settle(&[stream(0, 1, &[]), stream(0, 0, &[])], [&received]);
        assert_eq!((audit.unexpected, audit.delivered), (2, 1));
        assert_eq!(audit.first_offences[1].topic, "elsewhere");
        assert!(!audit.violations().is_empty());
    }

    #[test]
    fn only_the_first_ten_offences_are_named() {
        let received = inbox(&[0], (0..100).map(|half| (0, half * 2)));
        let audit = settle(&[stream(1, 200, &[])], [&received]);
        assert_eq!((audit.lost, audit.first_offences.len()), (100, 10));
        assert_eq!(audit.first_offences[9].sequence, Some(19));
    }
}
