use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::limits;

/// A topic name: where an event is published (MQTT 5 §4.7.3). Not empty, at most 65,535 bytes, no wildcard, no U+0000.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TopicName(Arc<str>);

/// A topic filter: what a subscriber wants (MQTT 5 §4.7.1). Not empty, wildcards only as whole levels, `#` only last.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TopicFilter(Arc<str>);

/// What a client names in SUBSCRIBE: a filter, and for `$share/GROUP/FILTER` the group it is shared in (MQTT 5 §4.8.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subscription {
    pub group: Option<Arc<str>>,
    pub filter: TopicFilter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    #[error("is empty; it needs at least one character")]
    Empty,
    #[error("is longer than 65,535 bytes")]
    TooLong,
    #[error("contains the character U+0000")]
    NullCharacter,
    #[error("contains a wildcard ('+' or '#'); only filters may")]
    Wildcard,
    #[error("has '+' beside other characters; it must be a whole level")]
    SingleLevelWildcardNotAlone,
    #[error("has '#' before its end; it must be the whole last level")]
    MultiLevelWildcardNotLast,
    #[error("has more than {} levels", limits::TOPIC_LEVELS)]
    TooManyLevels,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    #[error("the filter {0}")]
    Filter(#[from] TopicError),
    #[error("a shared subscription is $share/GROUP/FILTER with a group of at least one character and no '/', '+' or '#'")]
    ShareName,
}

fn check_text(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > limits::TOPIC_BYTES {
        return Err(TopicError::TooLong);
    }
    let mut levels = 1;
    for byte in text.bytes() {
        match byte {
            0 => return Err(TopicError::NullCharacter),
            b'/' => levels += 1,
            _ => {}
        }
    }
    if levels > limits::TOPIC_LEVELS {
        return Err(TopicError::TooManyLevels);
    }
    Ok(())
}

impl TopicName {
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check_text(text)?;
        if text.bytes().any(|byte| byte == b'+' || byte == b'#') {
            return Err(TopicError::Wildcard);
        }
        Ok(TopicName(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn levels(&self) -> usize {
        self.0.split('/').count()
    }

    /// `$SYS` and its like: kept from filters that begin with a wildcard [MQTT-4.7.2-1].
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('$')
    }
}

impl TopicFilter {
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check_text(text)?;
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            if level.contains('#') && (level.len() > 1 || levels.peek().is_some()) {
                return Err(TopicError::MultiLevelWildcardNotLast);
            }
            if level.contains('+') && level.len() > 1 {
                return Err(TopicError::SingleLevelWildcardNotAlone);
            }
        }
        Ok(TopicFilter(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn levels(&self) -> usize {
        self.0.split('/').count()
    }

    /// Leads to nothing but `$SYS` and its like: what one node says about itself.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('$')
    }

    pub fn has_wildcard(&self) -> bool {
        self.0.bytes().any(|byte| byte == b'+' || byte == b'#')
    }

    /// The definition of matching, level by level (MQTT 5 §4.7). Routing uses a trie; this is what the trie is checked against.
    pub fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let mut topic = topic.split('/');
        for level in self.0.split('/') {
            match (level, topic.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(found)) if wanted == found => {}
                _ => return false,
            }
        }
        topic.next().is_none()
    }
}

impl Subscription {
    pub fn parse(text: &str) -> Result<Self, SubscriptionError> {
        let Some(shared) = text.strip_prefix("$share/") else {
            return Ok(Subscription { group: None, filter: TopicFilter::parse(text)? });
        };
        let (group, filter) = shared.split_once('/').ok_or(SubscriptionError::ShareName)?;
        if group.is_empty() || group.contains(['+', '#', '\0']) {
            return Err(SubscriptionError::ShareName);
        }
        Ok(Subscription { group: Some(group.into()), filter: TopicFilter::parse(filter)? })
    }
}

impl fmt::Display for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(formatter, "$share/{group}/{}", self.filter),
            None => write!(formatter, "{}", self.filter),
        }
    }
}

macro_rules! text {
    ($type:ident, $error:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, formatter)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                $type::parse(text)
            }
        }
    };
}
text!(TopicName, TopicError);
text!(TopicFilter, TopicError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_the_specification_refuses() {
        assert_eq!(TopicName::parse(""), Err(TopicError::Empty));
        assert_eq!(TopicName::parse("a/+"), Err(TopicError::Wildcard));
        assert_eq!(TopicName::parse("a\0b"), Err(TopicError::NullCharacter));
        assert_eq!(TopicName::parse(&"a".repeat(65_536)), Err(TopicError::TooLong));
        assert_eq!(TopicName::parse(&"/".repeat(limits::TOPIC_LEVELS)), Err(TopicError::TooManyLevels));
        assert!(TopicName::parse("/").is_ok());
    }

    #[test]
    fn filters_take_wildcards_only_as_whole_levels() {
        for good in ["#", "+", "+/+", "/+", "sport/tennis/#", "sport/+/player1", "$SYS/#", "/"] {
            assert!(TopicFilter::parse(good).is_ok(), "{good}");
        }
        assert_eq!(TopicFilter::parse("sport/tennis#"), Err(TopicError::MultiLevelWildcardNotLast));
        assert_eq!(TopicFilter::parse("sport/#/ranking"), Err(TopicError::MultiLevelWildcardNotLast));
        assert_eq!(TopicFilter::parse("sport+"), Err(TopicError::SingleLevelWildcardNotAlone));
    }

    #[test]
    fn matching_follows_the_examples_of_the_specification() {
        let matches = |filter: &str, topic: &str| TopicFilter::parse(filter).expect("valid filter").matches(topic);
        for topic in ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"] {
            assert!(matches("sport/tennis/player1/#", topic));
        }
        assert!(matches("sport/#", "sport"));
        assert!(matches("sport/tennis/+", "sport/tennis/player1") && !matches("sport/tennis/+", "sport/tennis/player1/ranking"));
        assert!(!matches("sport/+", "sport") && matches("sport/+", "sport/"));
        assert!(matches("+/+", "/finance") && matches("/+", "/finance") && !matches("+", "/finance"));
        assert!(!matches("#", "$SYS/a") && !matches("+/a", "$SYS/a") && matches("$SYS/#", "$SYS/a"));
    }

    #[test]
    fn shared_subscriptions_name_group_and_filter() {
        let shared = Subscription::parse("$share/g/a/+").expect("valid");
        assert_eq!((shared.group.as_deref(), shared.filter.as_str()), (Some("g"), "a/+"));
        assert_eq!(shared.to_string(), "$share/g/a/+");
        for bad in ["$share/g", "$share//a", "$share/g+/a"] {
            assert_eq!(Subscription::parse(bad), Err(SubscriptionError::ShareName), "{bad}");
        }
        assert_eq!(Subscription::parse("$share/g/"), Err(SubscriptionError::Filter(TopicError::Empty)));
    }
}
