use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use flux_core::bus::{EventBus, Handover, Route};
use flux_core::receipt::Receipt;
use flux_core::types::{ClientId, Event, EventIds, NodeTag, Properties, QoS, Timestamp, TopicName};

use crate::limits::ALONE_WINDOW;
use crate::load::latency::Latency;
use crate::load::pace::Pace;
use crate::wire::payload::{Payload, Place};
use crate::wire::stamp::Stamp;

use super::bus::{FAR, NEAR};
use super::mailbox::STREAM;
use super::orders::{Orders, Published, Sent, Times, now};

/// The longest sleep between two looks at the schedule.
const NAP: u64 = 1_000_000;

const SECOND: u64 = 1_000_000_000;

/// How long an answer is waited for when everything was sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// One topic that is published to.
struct Way {
    topic: TopicName,
    route: Route,
    sent: Sent,
}

/// Publishes by the schedule, or as fast as the bus takes it.
pub struct Publisher<'a> {
    bus: &'a dyn EventBus,
    orders: &'a Orders,
    times: Times,
    /// To the other process and to this one.
    ways: [Way; 2],
    payload: Vec<u8>,
    place: Place,
    ids: EventIds,
    client: ClientId,
    qos: QoS,
    /// Not yet answered: way, sequence number, answer.
    outstanding: VecDeque<(usize, u64, Receipt)>,
    lag: Latency,
    found: Published,
}

impl<'a> Publisher<'a> {
    pub fn new(bus: &'a dyn EventBus, orders: &'a Orders, times: Times) -> Result<Self, String> {
        let payload = Payload::Filler(orders.size);
        let way = |topic: &str| -> Result<Way, String> {
            let topic = TopicName::parse(topic).map_err(|error| error.to_string())?;
            Ok(Way { topic, route: Route::default(), sent: Sent::default() })
        };
        Ok(Self {
            bus,
            orders,
            times,
            ways: [way(FAR)?, way(NEAR)?],
            payload: payload.build(orders.seed),
            place: payload.place(),
            ids: EventIds::new(NodeTag(1)),
            client: ClientId::new("publisher"),
            qos: QoS::try_from(orders.qos).map_err(|error| error.to_string())?,
            outstanding: VecDeque::new(),
            lag: Latency::default(),
            found: Published::default(),
        })
    }

    /// Returns what was sent to each of the two, and what else was found.
    pub async fn publish(mut self) -> (Published, Sent) {
        while now() < self.times.start {
            std::thread::sleep(Duration::from_nanos(self.times.start.saturating_sub(now()).min(NAP)));
        }
        match self.orders.rate {
            Some(rate) => self.by_schedule(Pace::new(self.times.start, self.times.to, rate)).await,
            None => self.as_fast_as_it_goes().await,
        }
        while let Some(next) = self.outstanding.pop_front() {
            self.answered(next).await;
        }
        self.found.lag = self.lag.counts();
        let [far, near] = self.ways;
        (Published { far: far.sent, ..self.found }, near.sent)
    }

    async fn by_schedule(&mut self, pace: Pace) {
        let mut index = 0;
        while let Some(due) = pace.due(index) {
            let at = now();
            if due > at {
                // The bus works on other threads: this one may sleep as precisely as the system can.
                std::thread::sleep(Duration::from_nanos((due - at).min(NAP)));
                continue;
            }
            self.lag.record(at - due);
            self.found.due += 1;
            self.send(index, due, at).await;
            index += 1;
        }
    }

    async fn as_fast_as_it_goes(&mut self) {
        let mut index = 0;
        loop {
            let at = now();
            if at >= self.times.to {
                break;
            }
            self.found.due += 1;
            self.send(index, at, at).await;
            index += 1;
        }
    }

    /// `sent` is now: the clock is dear where a message takes some hundred nanoseconds.
    async fn send(&mut self, index: u64, intended: u64, sent: u64) {
        let until = |count: u64| (count as f64 * self.orders.across + 1e-9).floor();
        let number = usize::from(until(index + 1) <= until(index));
        let way = &mut self.ways[number];
        let stamp = Stamp { run: self.orders.run, stream: STREAM, sequence: way.sent.sent, intended, sent };
        self.place.write(&stamp, &mut self.payload);
        let time = Timestamp(sent / 1_000_000);
        let event = Arc::new(Event {
            id: self.ids.next(time),
            topic: way.topic.clone(),
            payload: self.payload.as_slice().into(),
            qos: self.qos,
            retain: false,
            properties: Properties::NONE,
            expires_at: None,
            publisher: self.client.clone(),
            time,
        });
        let mut handover = Handover::default();
        let receipt = self.bus.publish(&event, &mut way.route, &mut handover);
        let sequence = way.sent.sent;
        way.sent.sent += 1;
        self.found.sent_in_window += u64::from((self.times.from..self.times.to).contains(&sent));
        let second = (sent.saturating_sub(self.times.start) / SECOND) as usize;
        if second >= self.found.seconds.len() {
            self.found.seconds.resize(second + 1, 0);
        }
        self.found.seconds[second] += 1;
        match receipt {
            Receipt::Ready(Ok(())) => {}
            Receipt::Ready(Err(_)) => way.sent.unacknowledged.push(sequence),
            pending => self.outstanding.push_back((number, sequence, pending)),
        }
        if self.outstanding.len() >= ALONE_WINDOW
            && let Some(next) = self.outstanding.pop_front()
        {
            self.answered(next).await;
        }
        if let Some(pressed) = handover.pressed {
            poll_fn(|context| pressed.poll_room(context)).await;
        }
    }

    async fn answered(&mut self, (way, sequence, receipt): (usize, u64, Receipt)) {
        if !matches!(tokio::time::timeout(PATIENCE, receipt).await, Ok(Ok(()))) {
            self.ways[way].sent.unacknowledged.push(sequence);
        }
    }
}
