use super::settings::{Scenario, Settings};

/// Topics, streams (one per publisher and topic, numbered from 0) and who has which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiring {
    pub topics: Vec<String>,
    /// The topic of each stream.
    pub streams: Vec<u32>,
    /// How many subscribers are owed each stream's messages.
    pub owed: Vec<u32>,
    /// The streams of each publisher.
    pub publishers: Vec<Vec<u32>>,
    pub subscribers: Vec<Receiver>,
}

/// One subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    pub filters: Vec<String>,
    /// Ascending.
    pub streams: Box<[u32]>,
}

impl Wiring {
    /// `run` names this run's topics, so that two runs on one server do not hear each other.
    pub fn new(settings: &Settings, run: u32) -> Self {
        let count = settings.topics;
        let prefix = format!("flux-bench/{run:08x}");
        let topics: Vec<String> = (0..count).map(|topic| format!("{prefix}/{topic}")).collect();

        let mut streams = vec![];
        let mut of_topic = vec![vec![]; count];
        let mut publishers = vec![];
        for publisher in 0..settings.publishers {
            let mut own = vec![];
            for topic in share(publisher, settings.publishers, count) {
                own.push(streams.len() as u32);
                of_topic[topic].push(streams.len() as u32);
                streams.push(topic as u32);
            }
            publishers.push(own);
        }

        let everything = matches!(settings.scenario, Scenario::FanIn | Scenario::FanOut);
        let mut owed = vec![0; streams.len()];
        let mut subscribers = vec![];
        for subscriber in 0..settings.subscribers {
            let heard: Vec<usize> =
                if everything { (0..count).collect() } else { share(subscriber, settings.subscribers, count).collect() };
            let filters = match heard.len() {
                // One wildcard instead of a SUBSCRIBE as long as the list of topics.
                heard if everything && heard > 1 => vec![format!("{prefix}/#")],
                _ => heard.iter().map(|topic| topics[*topic].clone()).collect(),
            };
            let mut heard: Vec<u32> = heard.into_iter().flat_map(|topic| of_topic[topic].iter().copied()).collect();
            heard.sort_unstable();
            for stream in &heard {
                owed[*stream as usize] += 1;
            }
            subscribers.push(Receiver { filters, streams: heard.into_boxed_slice() });
        }
        Self { topics, streams, owed, publishers, subscribers }
    }
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

    #[test]
    fn a_pair_has_its_own_topic() {
        let wiring = wiring(Scenario::Pair, 3, 3, 3);
        assert_eq!(wiring.publishers, [[0], [1], [2]]);
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
        assert_eq!(shared.streams, [0, 1, 0, 1]);
        assert_eq!(*shared.subscribers[0].streams, [0, 2]);
        let dealt = wiring(Scenario::Pair, 1, 2, 4);
        assert_eq!(dealt.publishers, [[0, 1, 2, 3]]);
        assert_eq!(*dealt.subscribers[1].streams, [1, 3]);
    }

    #[test]
    fn every_stream_is_owed_to_someone() {
        for (publishers, subscribers, topics) in [(7, 3, 7), (3, 7, 7), (5, 5, 20), (6, 4, 1)] {
            let wiring = wiring(Scenario::Pair, publishers, subscribers, topics);
            assert!(wiring.owed.iter().all(|owed| *owed > 0), "{publishers} {subscribers} {topics}");
        }
    }
}
