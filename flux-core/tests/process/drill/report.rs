//! What was acknowledged against what arrived.

use std::collections::BTreeMap;
use std::fmt;

use super::counts::Counts;
use super::publisher::Publisher;
use super::subscriber::Subscriber;

pub struct Report {
    seed: u64,
    kills: u32,
    publishers: BTreeMap<u32, Publisher>,
    rows: Vec<Row>,
}

/// One subscriber and one QoS.
#[derive(Debug)]
struct Row {
    subscriber: &'static str,
    qos: u8,
    counts: Counts,
}

impl Report {
    pub fn new(seed: u64, kills: u32) -> Report {
        Report { seed, kills, publishers: BTreeMap::new(), rows: Vec::new() }
    }

    pub fn published(&mut self, publisher: Publisher) {
        self.publishers.insert(publisher.number, publisher);
    }

    pub fn delivered(&mut self, subscriber: Subscriber) {
        for qos in 1..=2 {
            let mut counts = Counts::default();
            for publisher in self.publishers.values().filter(|publisher| publisher.qos == qos) {
                let received = subscriber.received.get(&publisher.number).map_or(&[][..], Vec::as_slice);
                counts += Counts::of(publisher.sent, &publisher.acknowledged, received);
            }
            self.rows.push(Row { subscriber: subscriber.name, qos, counts });
        }
    }

    pub fn check(&self) {
        for row in &self.rows {
            let counts = &row.counts;
            assert!(counts.acknowledged > 200, "there was load: {row:?}");
            assert_eq!((counts.lost, counts.unexpected, counts.reordered), (0, 0, 0), "{row:?}");
            assert!(row.qos == 1 || counts.duplicates == 0, "{row:?}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeated: u32 = self.publishers.values().map(|publisher| publisher.repeated).sum();
        writeln!(formatter, "drill: {} kills, seed {}, {repeated} packets repeated by publishers", self.kills, self.seed)?;
        for Row { subscriber, qos, counts } in &self.rows {
            writeln!(formatter, "drill: {subscriber} QoS {qos}: {counts}")?;
        }
        Ok(())
    }
}
