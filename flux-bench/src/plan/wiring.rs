use super::mix::Mix;
use super::settings::{Scenario, Settings};

/// Topics, streams (one per publisher, topic and QoS, numbered from 0) and who has which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiring {
    pub topics: Vec<String>,
    pub streams: Vec<Stream>,
    /// How many subscribers (or groups of them) are owed each stream's messages.
    pub owed: Vec<u32>,
    /// Devices first, then publishers.
    pub publishers: Vec<Sender>,
    /// Devices first, then subscribers.
    pub subscribers: Vec<Receiver>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    pub topic: u32,
    pub qos: u8,
}

/// What one connection publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// For each of its topics the streams, one for each class of the mix.
    pub topics: Vec<Box<[u32]>>,
    pub mix: Mix,
    /// Rare commands to devices, not the load itself.
    pub commands: bool,
}

/// What one connection subscribes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    pub filters: Vec<String>,
    pub qos: u8,
    /// The streams it is owed, ascending.
    pub streams: Box<[u32]>,
    /// It shares its subscription with the others of this group, and what it is owed.
    pub group: Option<usize>,
    /// It counts whatever comes.
    pub counts: bool,
}

/// A device is told what to do at least once.
const COMMAND_QOS: u8 = 1;

impl Wiring {
    /// `run` names this run's topics, so that two runs on one server do not hear each other.
    pub fn new(settings: &Settings, run: u32) -> Self {
        let prefix = match &settings.topic {
            Some(topic) if settings.scenario == Scenario::Pub => topic.trim_end_matches('/').to_owned(),
            _ => format!("flux-bench/{run:08x}"),
        };
        let mut wiring = Self { topics: vec![], streams: vec![], owed: vec![], publishers: vec![], subscribers: vec![] };
        match settings.scenario {
            Scenario::Device => wiring.fleet(settings, &prefix),
            Scenario::Sub => wiring.listen(settings),
            _ => wiring.connect(settings, &prefix),
        }
        wiring.count_owed(settings);
        wiring
    }

    fn connect(&mut self, settings: &Settings, prefix: &str) {
        let count = settings.topics;
        self.topics = (0..count).map(|topic| format!("{prefix}/{topic}")).collect();
        for publisher in 0..settings.publishers {
            self.sender(share(publisher, settings.publishers, count), settings.mix, false);
        }
        let of_topic = self.streams_of_topics();
        for subscriber in 0..settings.subscribers {
            let (group, filters, heard): (_, _, Vec<usize>) = match settings.scenario {
                Scenario::Shared => {
                    let group = subscriber % settings.groups;
                    let name = prefix.replace('/', "-");
                    // The group's members are owed its streams together.
                    (Some(group), vec![format!("$share/{name}-{group}/{prefix}/#")], vec![])
                }
                // One wildcard instead of a SUBSCRIBE as long as the list of topics.
                Scenario::FanIn | Scenario::FanOut | Scenario::Retained if count > 1 => {
                    (None, vec![format!("{prefix}/#")], (0..count).collect())
                }
                Scenario::FanIn | Scenario::FanOut | Scenario::Retained => (None, self.topics.clone(), vec![0]),
                _ => {
                    let heard: Vec<usize> = share(subscriber, settings.subscribers, count).collect();
                    (None, heard.iter().map(|topic| self.topics[*topic].clone()).collect(), heard)
                }
            };
            let streams = union(heard, &of_topic);
            self.subscribers.push(Receiver { filters, qos: settings.qos(), streams, group, counts: false });
        }
    }

    /// Telemetry of every device goes to every service; commands go to one device.
    fn fleet(&mut self, settings: &Settings, prefix: &str) {
        let devices = settings.devices;
        self.topics = (0..devices).map(|device| format!("{prefix}/{device}/telemetry")).collect();
        self.topics.extend((0..devices).map(|device| format!("{prefix}/{device}/command")));
        for device in 0..devices {
            self.sender(std::iter::once(device), settings.mix, false);
        }
        for operator in 0..settings.publishers {
            let own = share(operator, settings.publishers, devices).map(|device| devices + device);
            self.sender(own, Mix::only(COMMAND_QOS), true);
        }
        let of_topic = self.streams_of_topics();
        let receiver = |filter, qos, heard| Receiver {
            filters: vec![filter],
            qos,
            streams: union(heard, &of_topic),
            group: None,
            counts: false,
        };
        let commands = (0..devices).map(|device| {
            let topic = devices + device;
            receiver(self.topics[topic].clone(), COMMAND_QOS, vec![topic])
        });
        let services =
            (0..settings.subscribers).map(|_| receiver(format!("{prefix}/+/telemetry"), settings.qos(), (0..devices).collect()));
        self.subscribers = commands.chain(services).collect();
    }

    fn listen(&mut self, settings: &Settings) {
        let filter = settings.topic.clone().unwrap_or_else(|| "#".to_owned());
        let receiver =
            Receiver { filters: vec![filter], qos: settings.qos(), streams: Box::default(), group: None, counts: true };
        self.subscribers = vec![receiver; settings.subscribers];
    }

    fn sender(&mut self, topics: impl Iterator<Item = usize>, mix: Mix, commands: bool) {
        let mut own = vec![];
        for topic in topics {
            let first = self.streams.len() as u32;
            self.streams.extend(mix.classes().into_iter().map(|qos| Stream { topic: topic as u32, qos }));
            own.push((first..self.streams.len() as u32).collect());
        }
        self.publishers.push(Sender { topics: own, mix, commands });
    }

    fn streams_of_topics(&self) -> Vec<Vec<u32>> {
        let mut of_topic = vec![vec![]; self.topics.len()];
        for (number, stream) in self.streams.iter().enumerate() {
            of_topic[stream.topic as usize].push(number as u32);
        }
        of_topic
    }

    fn count_owed(&mut self, settings: &Settings) {
        let groups = if settings.scenario == Scenario::Shared { settings.groups as u32 } else { 0 };
        self.owed = vec![groups; self.streams.len()];
        for stream in self.subscribers.iter().flat_map(|subscriber| &subscriber.streams) {
            self.owed[*stream as usize] += 1;
        }
    }
}

fn union(topics: Vec<usize>, of_topic: &[Vec<u32>]) -> Box<[u32]> {
    let mut streams: Vec<u32> = topics.into_iter().flat_map(|topic| of_topic[topic].iter().copied()).collect();
    streams.sort_unstable();
    streams.into_boxed_slice()
}

/// The topics of one of `of` clients: dealt out like cards when there are enough, otherwise shared.
fn share(client: usize, of: usize, topics: usize) -> Box<dyn Iterator<Item = usize>> {
    if topics >= of { Box::new((client..topics).step_by(of)) } else { Box::new(std::iter::once(client % topics)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::settings::test_settings;

    fn wiring(scenario: Scenario, publishers: usize, subscribers: usize, topics: usize) -> Wiring {
        Wiring::new(&Settings { scenario, publishers, subscribers, topics, ..test_settings() }, 1)
    }

    fn streams(sender: &Sender) -> Vec<u32> {
        sender.topics.iter().flat_map(|streams| streams.iter().copied()).collect()
    }

    #[test]
    fn a_pair_has_its_own_topic() {
        let wiring = wiring(Scenario::Pair, 3, 3, 3);
        assert_eq!(wiring.publishers.iter().map(streams).collect::<Vec<_>>(), [[0], [1], [2]]);
        assert_eq!(wiring.owed, [1, 1, 1]);
        assert_eq!(wiring.subscribers[2].filters, ["flux-bench/00000001/2"]);
        assert_eq!(*wiring.subscribers[2].streams, [2]);
    }

    #[test]
    fn fan_out_owes_everyone_and_fan_in_hears_all_by_wildcard() {
        let out = wiring(Scenario::FanOut, 1, 50, 1);
        assert_eq!((out.owed.as_slice(), out.subscribers.len()), (&[50][..], 50));
        let fan_in = wiring(Scenario::FanIn, 100, 1, 100);
        assert_eq!(fan_in.subscribers[0].filters, ["flux-bench/00000001/#"]);
        assert_eq!(fan_in.subscribers[0].streams.len(), 100);
    }

    #[test]
    fn fewer_topics_than_clients_are_shared_and_more_are_dealt_out() {
        let shared = wiring(Scenario::Pair, 4, 2, 2);
        assert_eq!(shared.streams.iter().map(|stream| stream.topic).collect::<Vec<_>>(), [0, 1, 0, 1]);
        assert_eq!(*shared.subscribers[0].streams, [0, 2]);
        let dealt = wiring(Scenario::Pair, 1, 2, 4);
        assert_eq!(streams(&dealt.publishers[0]), [0, 1, 2, 3]);
        assert_eq!(*dealt.subscribers[1].streams, [1, 3]);
    }

    #[test]
    fn every_stream_is_owed_to_someone() {
        for (publishers, subscribers, topics) in [(7, 3, 7), (3, 7, 7), (5, 5, 20), (6, 4, 1)] {
            let wiring = wiring(Scenario::Pair, publishers, subscribers, topics);
            assert!(wiring.owed.iter().all(|owed| *owed > 0), "{publishers} {subscribers} {topics}");
        }
    }

    #[test]
    fn each_quality_of_service_of_a_mix_is_a_stream_of_its_own() {
        let mix = Mix::parse("0=70,1=25,2=5").unwrap();
        let wiring = Wiring::new(&Settings { mix, ..test_settings() }, 1);
        assert_eq!(wiring.streams.iter().map(|stream| stream.qos).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(*wiring.subscribers[0].streams, [0, 1, 2]);
    }

    #[test]
    fn a_group_is_owed_each_message_once() {
        let wiring = Wiring::new(&Settings { scenario: Scenario::Shared, subscribers: 6, groups: 2, ..test_settings() }, 1);
        assert_eq!(wiring.owed, [2]);
        assert_eq!(wiring.subscribers[3].group, Some(1));
        assert_eq!(wiring.subscribers[3].filters, ["$share/flux-bench-00000001-1/flux-bench/00000001/#"]);
    }

    #[test]
    fn a_fleet_reports_to_a_service_and_each_device_hears_its_own_commands() {
        let wiring = Wiring::new(&Settings { scenario: Scenario::Device, devices: 3, ..test_settings() }, 1);
        assert_eq!((wiring.publishers.len(), wiring.subscribers.len()), (4, 4));
        assert!(wiring.publishers[3].commands && !wiring.publishers[0].commands);
        assert_eq!(streams(&wiring.publishers[3]), [3, 4, 5]);
        assert_eq!((&*wiring.subscribers[1].streams, &*wiring.subscribers[3].streams), (&[4][..], &[0, 1, 2][..]));
        assert_eq!(wiring.subscribers[1].filters, ["flux-bench/00000001/1/command"]);
    }
}
