use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::terms::Terms;
use crate::types::{QoS, Subscription};

/// What this node's own subscribers ask for, summed up per subscription, and what of it the other nodes have not been told yet.
#[derive(Default)]
pub struct OwnRoutes {
    tallies: HashMap<Arc<Subscription>, Tally>,
    /// Differ from what was last told.
    changed: HashSet<Arc<Subscription>>,
    /// Tells each telling from the next.
    round: u64,
}

/// The subscribers of one subscription.
#[derive(Debug)]
struct Tally {
    by_qos: [u32; 3],
    durable: u32,
    offline: u32,
    full: u32,
    /// What the other nodes know, or are about to: `None` where nobody can say.
    told: Option<Option<Terms>>,
    /// The round in which they were last told of something wider.
    widened: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Tally { by_qos: [0; 3], durable: 0, offline: 0, full: 0, told: Some(None), widened: 0 }
    }
}

impl Tally {
    fn widens(&self) -> bool {
        self.terms().is_some_and(|terms| terms.widens(self.told.flatten().as_ref()))
    }

    fn count(&mut self, part: Part) {
        self.by_qos[part.qos as usize] += 1;
        self.durable += u32::from(part.durable);
        self.offline += u32::from(part.offline);
        self.full += u32::from(part.full);
    }

    fn discount(&mut self, part: Part) {
        self.by_qos[part.qos as usize] -= 1;
        self.durable -= u32::from(part.durable);
        self.offline -= u32::from(part.offline);
        self.full -= u32::from(part.full);
    }

    fn terms(&self) -> Option<Terms> {
        let members = self.by_qos.iter().sum();
        let qos = [QoS::ExactlyOnce, QoS::AtLeastOnce, QoS::AtMostOnce];
        let qos = qos.into_iter().find(|qos| self.by_qos[*qos as usize] > 0)?;
        Some(Terms { qos, durable: self.durable > 0, members, offline: self.offline, full: self.full })
    }
}

/// One subscriber's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub qos: QoS,
    pub durable: bool,
    pub offline: bool,
    pub full: bool,
}

/// When a subscription is known to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It was told in this round or before: so once that round has been heard by all.
    After(u64),
    /// It is not told yet: it will be in the next round.
    InNextRound,
}

/// What to tell: `None` takes a route back.
pub type Telling = Vec<(Arc<Subscription>, Option<Terms>)>;

impl OwnRoutes {
    /// A subscriber has come, in the place of what it was before.
    pub fn add(&mut self, subscription: &Subscription, part: Part, before: Option<Part>) -> Known {
        let key = match self.tallies.get_key_value(subscription) {
            Some((key, _)) => key.clone(),
            None => Arc::new(subscription.clone()),
        };
        let tally = self.tallies.entry(key.clone()).or_default();
        if let Some(before) = before {
            tally.discount(before);
        }
        tally.count(part);
        let (widens, widened) = (tally.widens(), tally.widened);
        self.note(key);
        if widens { Known::InNextRound } else { Known::After(widened) }
    }

    /// A subscriber has gone.
    pub fn remove(&mut self, subscription: &Subscription, part: Part) {
        let Some((key, _)) = self.tallies.get_key_value(subscription) else { return };
        let key = key.clone();
        if let Some(tally) = self.tallies.get_mut(subscription) {
            tally.discount(part);
        }
        self.note(key);
    }

    fn note(&mut self, key: Arc<Subscription>) {
        let Some(tally) = self.tallies.get(&key) else { return };
        if Some(tally.terms()) == tally.told {
            self.changed.remove(&key);
            if tally.told == Some(None) {
                self.tallies.remove(&key);
            }
        } else {
            self.changed.insert(key);
        }
    }

    /// All changes to tell now, and the number of the round they make.
    pub fn next_round(&mut self) -> (u64, Telling) {
        self.round += 1;
        let telling = std::mem::take(&mut self.changed)
            .into_iter()
            .map(|key| {
                let terms = self.tallies.get_mut(&key).and_then(|tally| {
                    let terms = tally.terms();
                    if tally.widens() {
                        tally.widened = self.round;
                    }
                    tally.told = Some(terms);
                    terms
                });
                if terms.is_none() {
                    self.tallies.remove(&key);
                }
                (key, terms)
            })
            .collect();
        (self.round, telling)
    }

    /// Whether there is nothing to tell.
    pub fn is_told(&self) -> bool {
        self.changed.is_empty()
    }

    /// The round that has begun last.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// The round was not heard: its changes are to be told again.
    pub fn untell(&mut self, telling: &Telling) {
        for (key, _) in telling {
            let tally = self.tallies.entry(key.clone()).or_default();
            tally.told = None;
            // Also what is not there any more: nobody knows whether the others have heard of it.
            self.changed.insert(key.clone());
        }
    }

    /// Nobody knows anything of this node any more: all is to be told.
    pub fn forget_told(&mut self) {
        for (key, tally) in &mut self.tallies {
            tally.told = None;
            self.changed.insert(key.clone());
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Subscription, Terms)> {
        self.tallies.iter().filter_map(|(key, tally)| Some((&**key, tally.terms()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Part = Part { qos: QoS::AtLeastOnce, durable: false, offline: false, full: false };

    fn subscription(text: &str) -> Subscription {
        Subscription::parse(text).expect("valid subscription")
    }

    fn told(routes: &mut OwnRoutes) -> Vec<(String, Option<Terms>)> {
        let mut told: Vec<_> =
            routes.next_round().1.into_iter().map(|(subscription, terms)| (subscription.to_string(), terms)).collect();
        told.sort_by(|a, b| a.0.cmp(&b.0));
        told
    }

    fn terms(qos: QoS, durable: bool, members: u32) -> Option<Terms> {
        Some(Terms { qos, durable, members, offline: 0, full: 0 })
    }

    #[test]
    fn others_are_told_what_changes_for_them_and_nothing_else() {
        let mut routes = OwnRoutes::default();
        let a = subscription("a");
        assert_eq!(routes.add(&a, LIVE, None), Known::InNextRound);
        assert_eq!(told(&mut routes), [("a".to_owned(), terms(QoS::AtLeastOnce, false, 1))]);
        assert_eq!(told(&mut routes), [], "nothing has changed");

        assert_eq!(routes.add(&a, LIVE, None), Known::After(1), "the route leads here already, once the first round was heard");
        routes.add(&a, Part { qos: QoS::ExactlyOnce, durable: true, offline: false, full: false }, Some(LIVE));
        assert_eq!(told(&mut routes), [("a".to_owned(), terms(QoS::ExactlyOnce, true, 2))]);
        routes.remove(&a, Part { qos: QoS::ExactlyOnce, durable: true, offline: false, full: false });
        assert_eq!(told(&mut routes), [("a".to_owned(), terms(QoS::AtLeastOnce, false, 1))]);
        routes.remove(&a, LIVE);
        assert_eq!(told(&mut routes), [("a".to_owned(), None)]);
        assert_eq!(routes.tallies.len(), 0);
    }

    #[test]
    fn what_came_and_went_between_two_rounds_is_not_told() {
        let mut routes = OwnRoutes::default();
        let (a, b) = (subscription("a"), subscription("$share/g/b"));
        routes.add(&a, LIVE, None);
        routes.remove(&a, LIVE);
        routes.add(&b, LIVE, None);
        assert_eq!(told(&mut routes), [("$share/g/b".to_owned(), terms(QoS::AtLeastOnce, false, 1))]);
        assert_eq!(routes.tallies.len(), 1);
    }

    #[test]
    fn a_round_that_nobody_heard_is_told_again() {
        let mut routes = OwnRoutes::default();
        let (a, b) = (subscription("a"), subscription("b"));
        routes.add(&a, LIVE, None);
        routes.add(&b, LIVE, None);
        let (_, lost) = routes.next_round();
        routes.remove(&b, LIVE);
        routes.untell(&lost);
        assert_eq!(told(&mut routes), [("a".to_owned(), terms(QoS::AtLeastOnce, false, 1)), ("b".to_owned(), None)]);
        routes.forget_told();
        assert_eq!(told(&mut routes), [("a".to_owned(), terms(QoS::AtLeastOnce, false, 1))]);
    }
}
