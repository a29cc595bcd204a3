use super::levels::Levels;
use crate::types::{TopicFilter, TopicName};

/// What a filter leads to. The branch of an empty one is removed.
pub trait Leaf: Default {
    fn is_empty(&self) -> bool;
}

/// Filters by their levels. All operations cost a step per level, whatever the number of filters; `visit` one more per wildcard it passes.
#[derive(Default)]
pub struct FilterTrie<V> {
    root: Node<V>,
}

/// `value` is for the filter that ends here. What goes on below is boxed, for most nodes are leaves.
#[derive(Default)]
struct Node<V> {
    value: V,
    below: Option<Box<Below<V>>>,
}

struct Below<V> {
    exact: Levels<Node<V>>,
    /// `+`
    any: Option<Box<Node<V>>>,
    /// `#`, which also stands for this level itself: `sport/#` matches `sport`.
    rest: V,
}

impl<V: Leaf> Default for Below<V> {
    fn default() -> Self {
        Below { exact: Levels::default(), any: None, rest: V::default() }
    }
}

fn first_level(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (path, None),
    }
}

impl<V: Leaf> FilterTrie<V> {
    /// The value of `filter`, made if there is none. It must not be left empty.
    pub fn get_or_insert(&mut self, filter: &TopicFilter) -> &mut V {
        let mut node = &mut self.root;
        for level in filter.as_str().split('/') {
            let below = node.below.get_or_insert_default();
            node = match level {
                "#" => return &mut below.rest,
                "+" => below.any.get_or_insert_default(),
                exact => below.exact.get_or_insert(exact),
            };
        }
        &mut node.value
    }

    pub fn get(&self, filter: &TopicFilter) -> Option<&V> {
        let mut node = &self.root;
        for level in filter.as_str().split('/') {
            let below = node.below.as_ref()?;
            node = match level {
                "#" => return Some(&below.rest),
                "+" => below.any.as_ref()?,
                exact => below.exact.get(exact)?,
            };
        }
        Some(&node.value)
    }

    /// Lets `take` remove something from the value of `filter`, and the branches that are empty afterwards. `None` if there is no such filter.
    pub fn remove<R>(&mut self, filter: &TopicFilter, take: impl FnOnce(&mut V) -> Option<R>) -> Option<R> {
        self.root.remove(Some(filter.as_str()), take)
    }

    /// Shows `found` the values of all filters that match. Some may be empty.
    pub fn visit<'a>(&'a self, topic: &TopicName, found: &mut impl FnMut(&'a V)) {
        self.root.visit(Some(topic.as_str()), !topic.is_reserved(), found);
    }

    #[cfg(any(test, feature = "test-util"))]
    pub fn is_empty(&self) -> bool {
        self.root.is_empty()
    }
}

impl<V: Leaf> Node<V> {
    fn is_empty(&self) -> bool {
        self.value.is_empty() && self.below.is_none()
    }

    fn remove<R>(&mut self, path: Option<&str>, take: impl FnOnce(&mut V) -> Option<R>) -> Option<R> {
        let Some(path) = path else { return take(&mut self.value) };
        let below = self.below.as_mut()?;
        let (level, path) = first_level(path);
        let taken = match level {
            "#" => take(&mut below.rest),
            "+" => {
                let any = below.any.as_mut()?;
                let taken = any.remove(path, take);
                if any.is_empty() {
                    below.any = None;
                }
                taken
            }
            exact => {
                let child = below.exact.get_mut(exact)?;
                let taken = child.remove(path, take);
                if child.is_empty() {
                    below.exact.remove(exact);
                }
                taken
            }
        };
        if below.exact.is_empty() && below.any.is_none() && below.rest.is_empty() {
            self.below = None;
        }
        taken
    }

    /// `wildcards`: whether `+` and `#` count at this level; they do not for the first level of a `$` topic [MQTT-4.7.2-1].
    fn visit<'a>(&'a self, path: Option<&str>, wildcards: bool, found: &mut impl FnMut(&'a V)) {
        let Some(path) = path else {
            found(&self.value);
            if let Some(below) = &self.below {
                found(&below.rest);
            }
            return;
        };
        let Some(below) = &self.below else { return };
        let (level, path) = first_level(path);
        if wildcards {
            found(&below.rest);
            if let Some(any) = &below.any {
                any.visit(path, true, found);
            }
        }
        if let Some(child) = below.exact.get(level) {
            child.visit(path, true, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::super::faulty::seed;
    use super::*;

    impl Leaf for BTreeSet<u32> {
        fn is_empty(&self) -> bool {
            BTreeSet::is_empty(self)
        }
    }

    fn path(random: &mut StdRng, words: &[&str]) -> String {
        let levels: Vec<&str> = (0..random.random_range(1..=5)).map(|_| words[random.random_range(0..words.len())]).collect();
        levels.join("/")
    }

    fn filter(random: &mut StdRng) -> TopicFilter {
        loop {
            let text = path(random, &["a", "b", "c", "", "$x", "+", "+", "#"]);
            if let Ok(filter) = TopicFilter::parse(&text) {
                return filter;
            }
        }
    }

    fn topic(random: &mut StdRng) -> TopicName {
        loop {
            if let Ok(topic) = TopicName::parse(&path(random, &["a", "b", "c", "", "$x", "other"])) {
                return topic;
            }
        }
    }

    /// The trie and the definition of matching agree, while filters come and go.
    #[test]
    fn finds_the_filters_that_match_and_no_others() {
        let mut random = StdRng::seed_from_u64(seed());
        let mut trie = FilterTrie::<BTreeSet<u32>>::default();
        let mut filters: Vec<(TopicFilter, u32)> = Vec::new();
        for number in 0..3_000 {
            if filters.len() > 60 || (!filters.is_empty() && random.random_bool(0.3)) {
                let (filter, number) = filters.swap_remove(random.random_range(0..filters.len()));
                assert_eq!(trie.remove(&filter, |numbers| numbers.take(&number)), Some(number), "{filter} is there");
                assert_eq!(trie.remove(&filter, |numbers| numbers.take(&number)), None, "{filter} is gone");
            } else {
                let filter = filter(&mut random);
                trie.get_or_insert(&filter).insert(number);
                assert!(trie.get(&filter).is_some_and(|numbers| numbers.contains(&number)));
                filters.push((filter, number));
            }
            let topic = topic(&mut random);
            let mut found = Vec::new();
            trie.visit(&topic, &mut |numbers| found.extend(numbers.iter().copied()));
            found.sort_unstable();
            let mut wanted: Vec<u32> =
                filters.iter().filter(|(filter, _)| filter.matches(topic.as_str())).map(|(_, number)| *number).collect();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{topic} among {filters:?}");
        }
        for (filter, number) in filters {
            trie.remove(&filter, |numbers| numbers.take(&number));
        }
        assert!(trie.is_empty(), "empty branches are removed");
    }
}
