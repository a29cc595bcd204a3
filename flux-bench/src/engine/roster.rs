use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::audit::ledger::Inbox;
use crate::load::arrivals::Arrivals;
use crate::load::pace::Pace;
use crate::plan::server::Server;
use crate::plan::settings::{Scenario, Settings};
use crate::plan::wiring::{Receiver, Sender, Wiring};
use crate::wire::control;
use crate::wire::template::{PublishTemplate, clear_retained};

use super::connection::Role;
use super::publisher::{Outgoing, Publisher, Topic};
use super::subscriber::{Record, Subscriber};

/// The part of a fleet's messages that are commands to devices.
const COMMANDS: f64 = 0.01;

/// One connection, by its part and its number among those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    Idle(usize),
    Device(usize),
    Publisher(usize),
    Subscriber(usize),
}

/// The clients of one worker: what each is called, where it connects and what it does.
#[derive(Debug)]
pub struct Roster {
    pub worker: usize,
    pub settings: Arc<Settings>,
    pub wiring: Arc<Wiring>,
    pub run: u32,
    pub sources: Arc<[IpAddr]>,
    /// What the groups of this worker have received.
    groups: RefCell<BTreeMap<usize, Rc<RefCell<Inbox>>>>,
}

impl Roster {
    pub fn new(worker: usize, settings: Arc<Settings>, wiring: Arc<Wiring>, run: u32, sources: Arc<[IpAddr]>) -> Self {
        Self { worker, settings, wiring, run, sources, groups: RefCell::default() }
    }

    /// Who connects at the beginning. Subscribers first: they are the ones who must not miss anything.
    pub fn first(&self) -> Vec<Client> {
        let mut clients = if self.settings.scenario == Scenario::Retained { vec![] } else { self.subscribers() };
        clients.extend(self.own(self.settings.devices).map(Client::Device));
        clients.extend(self.own(self.settings.publishers).map(Client::Publisher));
        clients.extend(self.own(self.settings.idle).map(Client::Idle));
        clients
    }

    pub fn subscribers(&self) -> Vec<Client> {
        if self.settings.scenario == Scenario::Shared {
            // What a group has received is one record, so its members are on one thread.
            let here = |number: &usize| number % self.settings.groups % self.settings.workers == self.worker;
            return (0..self.settings.subscribers).filter(here).map(Client::Subscriber).collect();
        }
        self.own(self.settings.subscribers).map(Client::Subscriber).collect()
    }

    fn own(&self, count: usize) -> impl Iterator<Item = usize> {
        (0..count).skip(self.worker).step_by(self.settings.workers)
    }

    pub fn id(&self, client: Client) -> String {
        let (letter, number) = match client {
            Client::Idle(number) => ('i', number),
            Client::Device(number) => ('d', number),
            Client::Publisher(number) => ('p', number),
            Client::Subscriber(number) => ('s', number),
        };
        format!("fb{:08x}{letter}{number}", self.run)
    }

    /// Dealt out by number, so that a publisher and the subscriber of its pair share a server, or with --cross-node do not.
    pub fn server(&self, client: Client) -> &Server {
        let settings = &self.settings;
        let place = match client {
            Client::Idle(number) | Client::Device(number) | Client::Publisher(number) => number,
            Client::Subscriber(number) => number + usize::from(settings.crosses(number)),
        };
        &settings.servers[place % settings.servers.len()]
    }

    pub fn sender(&self, client: Client) -> Option<&Sender> {
        match client {
            Client::Device(number) => self.wiring.publishers.get(number),
            Client::Publisher(number) => self.wiring.publishers.get(self.settings.devices + number),
            Client::Idle(_) | Client::Subscriber(_) => None,
        }
    }

    pub fn receiver(&self, client: Client) -> Option<&Receiver> {
        match client {
            Client::Device(number) => self.wiring.subscribers.get(number),
            Client::Subscriber(number) => self.wiring.subscribers.get(self.settings.devices + number),
            Client::Idle(_) | Client::Publisher(_) => None,
        }
    }

    /// Its session outlives its connection.
    pub fn is_persistent(&self, client: Client) -> bool {
        self.settings.login.persistent && matches!(client, Client::Subscriber(_))
    }

    /// It may leave and come back while messages are sent, and nothing is lost by that.
    pub fn may_leave(&self, client: Client) -> bool {
        matches!(client, Client::Idle(_)) || self.is_persistent(client)
    }

    pub fn role(&self, client: Client, receive_maximum: u16) -> Role {
        match client {
            Client::Idle(_) => Role::Idle,
            Client::Publisher(_) => self.publisher(client, receive_maximum).map_or(Role::Idle, Role::Publisher),
            Client::Subscriber(_) => self.subscriber(client).map_or(Role::Idle, Role::Subscriber),
            Client::Device(_) => match (self.publisher(client, receive_maximum), self.subscriber(client)) {
                (Some(publisher), Some(subscriber)) => Role::Device(Box::new((publisher, subscriber))),
                _ => Role::Idle,
            },
        }
    }

    fn publisher(&self, client: Client, receive_maximum: u16) -> Option<Publisher> {
        let (settings, wiring) = (&self.settings, &self.wiring);
        let sender = self.sender(client)?;
        let pattern: Rc<[u8]> = sender.mix.pattern().into();
        let outgoing = |number: &u32| {
            let stream = wiring.streams[*number as usize];
            let seed = settings.seed.wrapping_add(u64::from(*number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let topic = &wiring.topics[stream.topic as usize];
            let how = (stream.qos, settings.retain);
            let template = PublishTemplate::new(settings.login.protocol, topic, how, &settings.payload, seed);
            Outgoing { template, stream: *number, qos: stream.qos, owed: wiring.owed[*number as usize], next: 0 }
        };
        let topic = |streams: &[u32]| Topic {
            classes: streams.iter().map(outgoing).collect(),
            // Not all begin with the same QoS.
            step: streams.first().map_or(0, |first| *first as usize % pattern.len()),
        };
        let topics = sender.topics.iter().map(|streams| topic(streams)).collect();
        Some(Publisher::new(self.run, topics, Rc::clone(&pattern), settings.inflight.min(receive_maximum)))
    }

    pub fn subscriber(&self, client: Client) -> Option<Subscriber> {
        let receiver = self.receiver(client)?;
        let name = self.name(client);
        let record = match receiver.group {
            _ if receiver.counts => Record::Count,
            None => Record::Own(Inbox::new(name, receiver.streams.clone())),
            Some(group) => {
                let all = || (0..self.wiring.streams.len() as u32).collect();
                let inbox = || Rc::new(RefCell::new(Inbox::shared(format!("group {group}"), all())));
                Record::Shared(Rc::clone(self.groups.borrow_mut().entry(group).or_insert_with(inbox)))
            }
        };
        Some(Subscriber::new(self.run, self.settings.payload.place(), record, self.settings.retain))
    }

    /// As the audit calls it.
    pub fn name(&self, client: Client) -> String {
        match client {
            Client::Idle(number) => format!("i{number}"),
            Client::Device(number) => format!("d{number}"),
            Client::Publisher(number) => format!("p{number}"),
            Client::Subscriber(number) => format!("s{number}"),
        }
    }

    /// The schedule that a client follows: the part of the load's rate that is for its kind, and its places in that.
    pub fn schedule(&self, client: Client, pace: Pace) -> Option<(Pace, Arrivals, f64)> {
        let settings = &self.settings;
        let commands = self.sender(client)?.commands;
        let fleet = settings.devices > 0 && settings.publishers > 0;
        let (number, of) = match client {
            Client::Device(number) => (number, settings.devices),
            Client::Publisher(number) => (number, settings.publishers),
            Client::Idle(_) | Client::Subscriber(_) => return None,
        };
        let part = match (fleet, commands) {
            (true, true) => COMMANDS,
            (true, false) => 1.0 - COMMANDS,
            (false, _) => 1.0,
        };
        let seed = settings.seed ^ if commands { 0x5bd1_e995 } else { 0 };
        let arrivals = Arrivals::new(settings.arrival, (number as u64, of as u64), seed);
        Some((pace.scaled(part), arrivals, 1.0 / of as f64))
    }

    /// What a client says at the end: its session ends with it, and so do the messages it had retained.
    pub fn farewell(&self, client: Client) -> Vec<u8> {
        let protocol = self.settings.login.protocol;
        let mut bytes = vec![];
        if let (true, Some(sender)) = (self.settings.retain, self.sender(client)) {
            for first in sender.topics.iter().filter_map(|streams| streams.first()) {
                let topic = self.wiring.streams[*first as usize].topic;
                bytes.extend(clear_retained(protocol, &self.wiring.topics[topic as usize]));
            }
        }
        bytes.extend_from_slice(&control::disconnect(protocol, true));
        bytes
    }

    /// What the groups of this worker have received so far, taken out.
    pub fn take_groups(&self) -> Vec<Inbox> {
        let empty = || Inbox::new(String::new(), Box::default());
        self.groups.take().into_values().map(|inbox| inbox.replace(empty())).collect()
    }
}
