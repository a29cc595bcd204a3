//! Retained messages: the last event of each topic that was published with RETAIN (MQTT 5 §3.3.1.3), as a tree of topic levels.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::types::{Event, Timestamp, TopicFilter, TopicName};

/// The retained messages of this node. Reads run in parallel; a write locks for one path through the tree.
#[derive(Default)]
pub struct Retained {
    tree: RwLock<Tree>,
}

#[derive(Default)]
struct Tree {
    root: Level,
    messages: usize,
    bytes: usize,
}

#[derive(Default)]
struct Level {
    event: Option<Arc<Event>>,
    children: BTreeMap<Box<str>, Level>,
}

impl Level {
    fn is_empty(&self) -> bool {
        self.event.is_none() && self.children.is_empty()
    }

    /// Puts `event` (or nothing) at the end of `levels` and gives back what was there; a branch that holds nothing any more goes.
    fn replace<'a>(&mut self, mut levels: impl Iterator<Item = &'a str>, event: Option<Arc<Event>>) -> Option<Arc<Event>> {
        let Some(level) = levels.next() else { return std::mem::replace(&mut self.event, event) };
        if event.is_none() && !self.children.contains_key(level) {
            return None;
        }
        let child = self.children.entry(level.into()).or_default();
        let before = child.replace(levels, event);
        if child.is_empty() {
            self.children.remove(level);
        }
        before
    }

    /// Visits every event below whose levels match, in the order of the levels, until `visit` says stop (false).
    fn visit(&self, filter: &[&str], top: bool, visit: &mut dyn FnMut(&Arc<Event>) -> bool) -> bool {
        let Some((level, rest)) = filter.split_first() else { return self.event.as_ref().is_none_or(visit) };
        let hidden = |name: &str| top && name.starts_with('$');
        match *level {
            // `sport/#` also matches `sport` (MQTT 5 §4.7.1.2).
            "#" => {
                self.event.as_ref().is_none_or(&mut *visit)
                    && self.children.iter().all(|(name, child)| hidden(name) || child.visit(&["#"], false, visit))
            }
            "+" => self.children.iter().all(|(name, child)| hidden(name) || child.visit(rest, false, visit)),
            name => self.children.get(name).is_none_or(|child| child.visit(rest, false, visit)),
        }
    }
}

/// What [`Retained::set`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Stored,
    Deleted,
    /// There was nothing to delete.
    None,
    /// The bound on messages or bytes is reached; what was there stays.
    Full,
}

impl Retained {
    /// Keeps `event` as the last of its topic, or with an empty payload forgets that topic [MQTT-3.3.1-6].
    pub fn set(&self, event: &Arc<Event>, max_messages: usize, max_bytes: usize) -> Change {
        let mut tree = self.tree.write();
        let levels = event.topic.as_str().split('/');
        if event.payload.is_empty() {
            return match tree.root.replace(levels, None) {
                Some(before) => {
                    tree.messages -= 1;
                    tree.bytes -= before.weight();
                    Change::Deleted
                }
                None => Change::None,
            };
        }
        if tree.messages >= max_messages || tree.bytes + event.weight() > max_bytes {
            let replaces = find(&tree.root, event.topic.as_str()).map(|before| before.weight());
            if replaces.is_none_or(|weight| tree.bytes - weight + event.weight() > max_bytes) {
                return Change::Full;
            }
        }
        match tree.root.replace(levels, Some(event.clone())) {
            Some(before) => tree.bytes -= before.weight(),
            None => tree.messages += 1,
        }
        tree.bytes += event.weight();
        Change::Stored
    }

    /// Forgets the message of `topic`, whatever it is.
    pub fn forget(&self, topic: &TopicName) {
        let mut tree = self.tree.write();
        if let Some(before) = tree.root.replace(topic.as_str().split('/'), None) {
            tree.messages -= 1;
            tree.bytes -= before.weight();
        }
    }

    /// Forgets `topic` if its message has expired meanwhile.
    fn forget_expired(&self, topic: &TopicName, now: Timestamp) {
        let mut tree = self.tree.write();
        if find(&tree.root, topic.as_str()).is_some_and(|event| event.expired(now))
            && let Some(before) = tree.root.replace(topic.as_str().split('/'), None)
        {
            tree.messages -= 1;
            tree.bytes -= before.weight();
        }
    }

    pub fn get(&self, topic: &str) -> Option<Arc<Event>> {
        let now = Timestamp::now();
        find(&self.tree.read().root, topic).filter(|event| !event.expired(now)).cloned()
    }

    /// Every message that matches and has not expired.
    pub fn matching(&self, filter: &TopicFilter) -> Vec<Arc<Event>> {
        let now = Timestamp::now();
        let mut found = Vec::new();
        let mut expired = Vec::new();
        let levels: Vec<&str> = filter.as_str().split('/').collect();
        self.tree.read().root.visit(&levels, true, &mut |event| {
            if event.expired(now) {
                expired.push(event.topic.clone())
            } else {
                found.push(event.clone())
            }
            true
        });
        for topic in expired {
            self.forget_expired(&topic, now);
        }
        found
    }

    /// Up to `limit` messages that match, in the order of their levels, beginning behind the topic `after`.
    pub fn page(&self, filter: &TopicFilter, after: Option<&str>, limit: usize) -> Vec<Arc<Event>> {
        let now = Timestamp::now();
        let levels: Vec<&str> = filter.as_str().split('/').collect();
        let mut found = Vec::new();
        self.tree.read().root.visit(&levels, true, &mut |event| {
            let behind = after.is_none_or(|after| event.topic.as_str().split('/').gt(after.split('/')));
            if behind && !event.expired(now) {
                found.push(event.clone());
            }
            found.len() < limit
        });
        found
    }

    pub fn len(&self) -> usize {
        self.tree.read().messages
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory they hold ([`Event::weight`]).
    pub fn bytes(&self) -> usize {
        self.tree.read().bytes
    }
}

fn find<'a>(root: &'a Level, topic: &str) -> Option<&'a Arc<Event>> {
    topic.split('/').try_fold(root, |level, name| level.children.get(name))?.event.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ClientId, EventId, Properties, QoS};

    const NO_LIMIT: usize = usize::MAX;

    fn event(topic: &str, payload: &str) -> Arc<Event> {
        Arc::new(Event {
            id: EventId(0),
            topic: topic.parse().expect("valid topic"),
            payload: payload.as_bytes().into(),
            qos: QoS::AtMostOnce,
            retain: true,
            properties: Properties::NONE,
            expires_at: None,
            publisher: ClientId::new("test"),
            time: Timestamp::now(),
        })
    }

    fn topics(events: &[Arc<Event>]) -> Vec<&str> {
        events.iter().map(|event| event.topic.as_str()).collect()
    }

    #[test]
    fn every_filter_finds_what_it_matches() {
        let retained = Retained::default();
        let all = ["a", "a/b", "a/b/c", "a//c", "/", "b/x/c", "$SYS/a", "a/b/d"];
        for topic in all {
            assert_eq!(retained.set(&event(topic, "x"), NO_LIMIT, NO_LIMIT), Change::Stored);
        }
        for filter in ["#", "+", "a/#", "a/+", "+/+/c", "a/b/c", "$SYS/#", "+/+", "/", "nothing/#", "a/b/#"] {
            let filter: TopicFilter = filter.parse().expect("valid filter");
            let mut found: Vec<String> = topics(&retained.matching(&filter)).into_iter().map(str::to_owned).collect();
            let mut expected: Vec<String> = all.iter().filter(|topic| filter.matches(topic)).map(|t| (*t).to_owned()).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{filter}");
        }
    }

    #[test]
    fn an_empty_payload_deletes_and_leaves_nothing_behind() {
        let retained = Retained::default();
        retained.set(&event("a/b/c", "x"), NO_LIMIT, NO_LIMIT);
        assert_eq!(retained.set(&event("a/b/c", ""), NO_LIMIT, NO_LIMIT), Change::Deleted);
        assert_eq!(retained.set(&event("a/b/c", ""), NO_LIMIT, NO_LIMIT), Change::None);
        assert_eq!((retained.len(), retained.bytes()), (0, 0));
        assert!(retained.tree.read().root.is_empty());
    }

    #[test]
    fn a_full_store_refuses_new_topics_but_still_replaces() {
        let retained = Retained::default();
        retained.set(&event("a", "1"), 1, NO_LIMIT);
        assert_eq!(retained.set(&event("b", "1"), 1, NO_LIMIT), Change::Full);
        assert_eq!(retained.set(&event("a", "2"), 1, NO_LIMIT), Change::Stored);
        assert_eq!(retained.get("a").map(|event| event.payload.clone()), Some(b"2".as_slice().into()));
    }

    #[test]
    fn pages_follow_one_another_without_gap_or_repetition() {
        let retained = Retained::default();
        for n in 0..50 {
            retained.set(&event(&format!("d/{}/{}", n % 7, n), "x"), NO_LIMIT, NO_LIMIT);
        }
        let filter: TopicFilter = "d/#".parse().expect("valid filter");
        let mut seen = Vec::new();
        loop {
            let after = seen.last().cloned();
            let page = retained.page(&filter, after.as_deref(), 7);
            if page.is_empty() {
                break;
            }
            seen.extend(page.iter().map(|event| event.topic.to_string()));
        }
        assert_eq!(seen.len(), 50);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 50);
    }

    #[test]
    fn what_has_expired_is_not_found() {
        let retained = Retained::default();
        let mut old = (*event("a", "x")).clone();
        old.expires_at = Some(Timestamp(1));
        retained.set(&Arc::new(old), NO_LIMIT, NO_LIMIT);
        assert!(retained.get("a").is_none());
        assert!(retained.matching(&"#".parse().expect("valid filter")).is_empty());
        assert_eq!(retained.len(), 0);
    }
}
