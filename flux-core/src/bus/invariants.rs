//! What must hold whatever a client writes as topic or filter: the tests and the fuzzer ask the same question.

use super::trie::{FilterTrie, Leaf};
use crate::types::{Subscription, TopicFilter, TopicName};

/// More would make a single question slow without asking anything new.
const FILTERS: usize = 64;

/// The numbers of the filters that end here.
#[derive(Default)]
struct Numbers(Vec<usize>);

impl Leaf for Numbers {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Panics where the lines of `text`, a topic and then filters, break a promise of parsing, matching or the trie. Says how many filters matched the topic.
pub fn check(text: &str) -> usize {
    let mut lines = text.split('\n').take(1 + FILTERS);
    let topic = lines.next().unwrap_or_default();
    check_words(topic);
    let filters: Vec<TopicFilter> = lines.filter_map(check_words).map(|subscription| subscription.filter).collect();
    let Ok(topic) = TopicName::parse(topic) else { return 0 };
    let mut trie = FilterTrie::<Numbers>::default();
    for (number, filter) in filters.iter().enumerate() {
        trie.get_or_insert(filter).0.push(number);
        assert!(trie.get(filter).is_some_and(|numbers| numbers.0.contains(&number)), "{filter} is there");
    }
    let matching = agree(&trie, &topic, &filters, 0);
    for (number, filter) in filters.iter().enumerate() {
        let taken = trie.remove(filter, |numbers| {
            let index = numbers.0.iter().position(|&found| found == number)?;
            Some(numbers.0.remove(index))
        });
        assert_eq!(taken, Some(number), "{filter} is removed");
        agree(&trie, &topic, &filters, number + 1);
    }
    assert!(trie.is_empty(), "empty branches are removed");
    matching
}

/// The trie, which holds the filters from `first` on, and the definition of matching find the same.
fn agree(trie: &FilterTrie<Numbers>, topic: &TopicName, filters: &[TopicFilter], first: usize) -> usize {
    let mut found = Vec::new();
    trie.visit(topic, &mut |numbers| found.extend_from_slice(&numbers.0));
    found.sort_unstable();
    let matches = |&number: &usize| filters[number].matches(topic.as_str());
    let expected: Vec<usize> = (first..filters.len()).filter(matches).collect();
    assert_eq!(found, expected, "{topic} among {filters:?}");
    found.len()
}

/// The three readings of one text agree with each other.
fn check_words(text: &str) -> Option<Subscription> {
    let (name, filter, subscription) = (TopicName::parse(text), TopicFilter::parse(text), Subscription::parse(text));
    if let Ok(name) = &name {
        let filter = filter.as_ref().expect("a name is a filter for itself");
        assert!(filter.matches(name.as_str()) && !filter.has_wildcard(), "{name} matches itself");
    }
    if let Ok(filter) = &filter {
        assert_eq!(filter.has_wildcard(), name.is_err(), "{filter} is a name unless it has a wildcard");
    }
    match &subscription {
        Ok(subscription) => {
            assert_eq!(subscription.to_string(), text);
            assert_eq!(subscription.group.is_some(), text.starts_with("$share/"));
        }
        Err(_) => assert!(filter.is_err() || text.starts_with("$share/"), "{text} is a filter and so a subscription"),
    }
    subscription.ok()
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn the_question_is_not_empty() {
        assert_eq!(check("a/b\n#\na/+\n$share/g/a/b\na/b/#\n+\nb/#\na/#/b\n"), 4);
        assert_eq!(check("$SYS/a\n#\n+/a\n$SYS/#\n"), 1);
        assert_eq!(check("a/+\na/+\n"), 0);
    }
}
