//! What was acknowledged against what arrived.

use std::collections::BTreeMap;
use std::fmt;

use super::publisher::Publisher;
use super::subscriber::Subscriber;

pub struct Report {
    seed: u64,
    kills: u32,
    publishers: BTreeMap<u32, Publisher>,
    rows: Vec<Row>,
}

/// One subscriber and one QoS.
#[derive(Debug, Default)]
struct Row {
    subscriber: &'static str,
    qos: u8,
    acknowledged: usize,
    delivered: usize,
    lost: usize,
    duplicates: usize,
    /// Delivered though never sent.
    unexpected: usize,
    /// Came for the first time behind a later one.
    reordered: usize,
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
            let mut row = Row { subscriber: subscriber.name, qos, ..Row::default() };
            for publisher in self.publishers.values().filter(|publisher| publisher.qos == qos) {
                row.count(publisher, subscriber.received.get(&publisher.number).map_or(&[], Vec::as_slice));
            }
            self.rows.push(row);
        }
    }

    pub fn check(&self) {
        for row in &self.rows {
            assert!(row.acknowledged > 200, "there was load: {row:?}");
            assert_eq!((row.lost, row.unexpected, row.reordered), (0, 0, 0), "{row:?}");
            assert!(row.qos == 1 || row.duplicates == 0, "{row:?}");
        }
    }
}

impl Row {
    fn count(&mut self, publisher: &Publisher, received: &[u32]) {
        let mut times = vec![0_u32; publisher.sent as usize];
        let mut newest = None;
        for message in received {
            let Some(times) = times.get_mut(*message as usize) else {
                self.unexpected += 1;
                continue;
            };
            *times += 1;
            if *times == 1 {
                self.reordered += usize::from(newest.is_some_and(|newest| *message < newest));
                newest = newest.max(Some(*message));
            }
        }
        self.acknowledged += publisher.acknowledged.len();
        self.delivered += times.iter().filter(|times| **times > 0).count();
        self.duplicates += times.iter().map(|times| times.saturating_sub(1) as usize).sum::<usize>();
        self.lost += publisher.acknowledged.iter().filter(|message| times[**message as usize] == 0).count();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeated: u32 = self.publishers.values().map(|publisher| publisher.repeated).sum();
        writeln!(formatter, "drill: {} kills, seed {}, {repeated} packets repeated by publishers", self.kills, self.seed)?;
        for row in &self.rows {
            let Row { subscriber, qos, acknowledged, delivered, lost, duplicates, unexpected, reordered } = row;
            writeln!(
                formatter,
                "drill: {subscriber} QoS {qos}: acknowledged {acknowledged}  delivered {delivered}  lost {lost}  duplicated {duplicates}  \
                 unexpected {unexpected}  reordered {reordered}"
            )?;
        }
        Ok(())
    }
}
