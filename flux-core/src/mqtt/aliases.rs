//! Topic aliases (MQTT 5 §3.3.2.3.4), one table for each direction of a connection.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::types::TopicName;

/// From the client: alias → topic.
#[derive(Debug, Default)]
pub struct IncomingAliases {
    topics: Vec<Option<Box<str>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliasError {
    /// Above what we allow [MQTT-3.3.2-9].
    Invalid,
    /// Used before it was given a topic.
    Unknown,
}

impl IncomingAliases {
    /// The topic that a PUBLISH with this alias is for; remembers it when the packet names one.
    pub fn resolve<'a>(&'a mut self, alias: u16, topic: &'a str, maximum: u16) -> Result<&'a str, AliasError> {
        if alias > maximum || alias == 0 {
            return Err(AliasError::Invalid);
        }
        let index = usize::from(alias) - 1;
        if topic.is_empty() {
            return self.topics.get(index).and_then(Option::as_deref).ok_or(AliasError::Unknown);
        }
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        if self.topics[index].as_deref() != Some(topic) {
            self.topics[index] = Some(topic.into());
        }
        Ok(topic)
    }
}

/// To the client: topic → alias. First come, first served: a client that hears few topics saves on each, one that hears many on some.
#[derive(Debug)]
pub struct OutgoingAliases {
    maximum: u16,
    aliases: HashMap<TopicName, u16, FixedState>,
}

impl OutgoingAliases {
    pub fn new(maximum: u16) -> Self {
        OutgoingAliases { maximum, aliases: HashMap::default() }
    }

    /// The alias for `topic` (0 for none) and whether the client knows it already, so that the topic can be left out.
    pub fn alias(&mut self, topic: &TopicName) -> (u16, bool) {
        if self.maximum == 0 {
            return (0, false);
        }
        if let Some(alias) = self.aliases.get(topic) {
            return (*alias, true);
        }
        let Some(next) = u16::try_from(self.aliases.len() + 1).ok().filter(|next| *next <= self.maximum) else {
            return (0, false);
        };
        self.aliases.insert(topic.clone(), next);
        (next, false)
    }

    /// The packet that was to tell the client of the alias just given was not sent.
    pub fn forget(&mut self, topic: &TopicName) {
        self.aliases.remove(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_alias_is_remembered_replaced_and_bounded() {
        let mut aliases = IncomingAliases::default();
        assert_eq!(aliases.resolve(2, "", 4), Err(AliasError::Unknown));
        assert_eq!(aliases.resolve(2, "a", 4), Ok("a"));
        assert_eq!(aliases.resolve(2, "", 4), Ok("a"));
        assert_eq!(aliases.resolve(2, "b", 4), Ok("b"));
        assert_eq!(aliases.resolve(2, "", 4), Ok("b"));
        assert_eq!(aliases.resolve(5, "c", 4), Err(AliasError::Invalid));
    }

    #[test]
    fn server_aliases_are_given_until_the_client_has_no_more() {
        let mut aliases = OutgoingAliases::new(1);
        let (a, b): (TopicName, TopicName) = ("a".parse().expect("valid"), "b".parse().expect("valid"));
        assert_eq!(aliases.alias(&a), (1, false));
        assert_eq!(aliases.alias(&a), (1, true));
        assert_eq!(aliases.alias(&b), (0, false));
    }
}
