//! What Redis answers, taken apart. Anything of another shape is an error that says so.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::canary::CanaryReading;
use super::membership::{Generation, Peer, PeerState, Version};
use super::mirror::RouteChange;
use crate::redis::{RedisError, Value};
use crate::types::{NodeId, Subscription, TopicName};

/// What a node writes about itself with every heartbeat: JSON, of which a later version may know more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub state: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub http: String,
    #[serde(default)]
    pub applied: String,
    /// The version of the decision that it follows. Zero: it is too old to know of any.
    #[serde(default)]
    pub decision: u64,
    /// What it has counted of the canary that it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryReading>,
    /// What the node tells about itself to those who ask another.
    #[serde(default)]
    pub about: serde_json::Value,
}

impl Record {
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("strings are JSON")
    }
}

pub enum Joined {
    /// The former life's lease still runs for so many milliseconds.
    Taken(u64),
    As(Generation, Version),
}

pub enum Beat {
    /// Redis does not know this life of the node.
    Lost,
    Alive {
        told: u64,
        /// As it stands in Redis; empty when there is none.
        decision: String,
        peers: Vec<Peer>,
    },
}

pub enum Decided {
    Lost,
    /// Somebody else has decided, this: or nothing is decided.
    Other(String),
    At(Version, Vec<(NodeId, Generation)>),
}

pub enum Told {
    Lost,
    /// Who has to read the feed up to the version.
    At(Version, Vec<(NodeId, Generation)>),
}

fn unexpected(value: &Value) -> RedisError {
    let mut text = format!("{value:?}");
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
    }
    RedisError::Unexpected(text.into())
}

pub fn text(value: &Value) -> Result<String, RedisError> {
    match value {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Ok(text.clone()),
        Value::Int(number) => Ok(number.to_string()),
        other => Err(unexpected(other)),
    }
}

fn parsed<T: std::str::FromStr>(value: &Value) -> Result<T, RedisError> {
    text(value)?.parse().map_err(|_| unexpected(value))
}

pub fn list(value: Value) -> Result<Vec<Value>, RedisError> {
    match value {
        Value::Array(values) | Value::Set(values) => Ok(values),
        Value::Map(pairs) => Ok(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()),
        Value::Nil => Ok(Vec::new()),
        other => Err(unexpected(&other)),
    }
}

pub fn joined(value: Value) -> Result<Joined, RedisError> {
    let words = list(value)?;
    match (words.first().map(text).transpose()?.as_deref(), &words[..]) {
        (Some("taken"), [_, millis]) => Ok(Joined::Taken(parsed(millis)?)),
        (Some("joined"), [_, generation, version]) => Ok(Joined::As(Generation(parsed(generation)?), parsed(version)?)),
        _ => Err(unexpected(&Value::Array(words))),
    }
}

pub fn beat(value: Value) -> Result<Beat, RedisError> {
    let words = list(value)?;
    let [told, decision, members @ ..] = &words[..] else { return Ok(Beat::Lost) };
    let peers = members.chunks_exact(3).map(|member| peer(&member[0], &member[1], &member[2]));
    Ok(Beat::Alive { told: parsed(told)?, decision: text(decision)?, peers: peers.collect::<Result<_, _>>()? })
}

fn peer(id: &Value, generation: &Value, record: &Value) -> Result<Peer, RedisError> {
    let record: Record = serde_json::from_str(&text(record)?).map_err(|_| unexpected(record))?;
    Ok(Peer {
        id: NodeId::new(text(id)?),
        generation: Generation(parsed(generation)?),
        state: PeerState::parse(&record.state),
        version: record.version,
        http: record.http,
        applied: record.applied.parse().unwrap_or_default(),
        decision: record.decision,
        canary: record.canary,
        about: record.about,
    })
}

pub fn told(value: Value) -> Result<Told, RedisError> {
    let words = list(value)?;
    let Some((first, members)) = words.split_first() else { return Ok(Told::Lost) };
    if text(first)? == "lost" {
        return Ok(Told::Lost);
    }
    let awaited = members.chunks_exact(2).map(|member| Ok((NodeId::new(text(&member[0])?), Generation(parsed(&member[1])?))));
    Ok(Told::At(parsed(first)?, awaited.collect::<Result<_, RedisError>>()?))
}

pub fn decided(value: Value) -> Result<Decided, RedisError> {
    if let Value::Array(words) = &value
        && let [word, decision] = &words[..]
        && text(word)? == "other"
    {
        return Ok(Decided::Other(text(decision)?));
    }
    Ok(match told(value)? {
        Told::Lost => Decided::Lost,
        Told::At(version, awaited) => Decided::At(version, awaited),
    })
}

/// `None`: Redis does not know this life of the node.
pub fn version(value: &Value) -> Result<Option<Version>, RedisError> {
    if text(value)? == "lost" { Ok(None) } else { Ok(Some(parsed(value)?)) }
}

/// One entry of a stream.
pub struct StreamEntry {
    pub id: String,
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl StreamEntry {
    /// Of an inbox: its id, and the messages in it.
    pub fn into_batch(self) -> (String, Vec<u8>) {
        let batch = self.fields.into_iter().find(|(name, _)| name == b"m").map(|(_, batch)| batch);
        (self.id, batch.unwrap_or_default())
    }
}

/// The entries of the one stream that was read; none when the time was up.
pub fn stream(value: Value) -> Result<Vec<StreamEntry>, RedisError> {
    let mut streams = list(value)?.into_iter();
    let entries = match (streams.next(), streams.next()) {
        (None, _) => return Ok(Vec::new()),
        // RESP3 answers a map, RESP2 a list of pairs.
        (Some(_), Some(entries)) => entries,
        (Some(pair), None) => list(pair)?.into_iter().nth(1).unwrap_or(Value::Nil),
    };
    self::entries(entries)
}

/// Entries of a stream, as they are answered to a range.
pub fn entries(value: Value) -> Result<Vec<StreamEntry>, RedisError> {
    list(value)?.into_iter().map(entry).collect()
}

fn entry(value: Value) -> Result<StreamEntry, RedisError> {
    let mut parts = list(value)?.into_iter();
    let (Some(id), Some(fields)) = (parts.next(), parts.next()) else {
        return Err(RedisError::Unexpected("an entry without fields".into()));
    };
    let mut fields = list(fields)?.into_iter();
    let mut pairs = Vec::with_capacity(1);
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        pairs.push((bytes(name)?, bytes(value)?));
    }
    Ok(StreamEntry { id: text(&id)?, fields: pairs })
}

fn bytes(value: Value) -> Result<Vec<u8>, RedisError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        other => Ok(text(&other)?.into_bytes()),
    }
}

/// One entry of the change feed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FeedEntry {
    /// Grows by one with each entry.
    pub number: Option<u64>,
    pub routes: Vec<RouteChange>,
    /// Topics whose retained messages have changed.
    pub retained: Vec<TopicName>,
    /// What was decided of the bus.
    pub decision: Option<String>,
    /// Who waits to hear that it was read.
    pub author: Option<NodeId>,
}

/// What a later version tells beyond is passed over.
pub fn changes(entry: &StreamEntry) -> FeedEntry {
    let mut number = None;
    let (mut node, mut generation) = (NodeId::new(""), Generation(0));
    let (mut changes, mut retained, mut author, mut decision) = (Vec::new(), Vec::new(), None, None);
    for (name, value) in &entry.fields {
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else { continue };
        let subscription = |text: &str| Subscription::parse(text).ok().map(Arc::new);
        match name {
            "#" => number = value.parse().ok(),
            "node" => {
                node = NodeId::new(value);
                author = Some(node.clone());
            }
            "retained" => retained.extend(TopicName::parse(value)),
            "decision" => decision = Some(value.to_owned()),
            "generation" => {
                generation = Generation(value.parse().unwrap_or_default());
                if let Some(RouteChange::Returned { generation: of, .. }) = changes.last_mut() {
                    *of = generation;
                }
            }
            "gone" => changes.push(RouteChange::Gone { node: NodeId::new(value) }),
            "returned" => changes.push(RouteChange::Returned { node: NodeId::new(value), generation }),
            "forgotten" => changes.push(RouteChange::Forgotten { node: NodeId::new(value) }),
            _ => match name.split_at_checked(1) {
                Some(("+", name)) => {
                    let (Some(subscription), Ok(terms)) = (subscription(name), value.parse()) else { continue };
                    changes.push(RouteChange::Set { node: node.clone(), generation, subscription, terms });
                }
                Some(("-", name)) => {
                    let Some(subscription) = subscription(name) else { continue };
                    changes.push(RouteChange::Remove { node: node.clone(), subscription });
                }
                _ => {}
            },
        }
    }
    FeedEntry { number, routes: changes, retained, decision, author }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fields: &[(&str, &str)]) -> StreamEntry {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
        StreamEntry { id: "1-1".to_owned(), fields }
    }

    #[test]
    fn a_change_says_which_routes_of_which_life_and_more_may_follow() {
        let told = entry(&[
            ("#", "7"),
            ("node", "n2"),
            ("generation", "3"),
            ("+a/#", "qos1 live 2"),
            ("-b", ""),
            ("zone", "eu"),
            ("+", "x"),
        ]);
        let (node, generation) = (NodeId::new("n2"), Generation(3));
        let subscription = |text: &str| Arc::new(Subscription::parse(text).expect("valid"));
        let terms = "qos1 live 2".parse().expect("valid");
        let set = RouteChange::Set { node: node.clone(), generation, subscription: subscription("a/#"), terms };
        let removed = RouteChange::Remove { node: node.clone(), subscription: subscription("b") };
        let routes = |entry: &StreamEntry| {
            let read = changes(entry);
            (read.number, read.routes)
        };
        assert_eq!(routes(&told), (Some(7), vec![set, removed]));
        assert_eq!(changes(&told).author, Some(node.clone()));
        assert_eq!(routes(&entry(&[("#", "8"), ("gone", "n2")])), (Some(8), vec![RouteChange::Gone { node: node.clone() }]));
        let returned = entry(&[("#", "9"), ("returned", "n2"), ("generation", "3")]);
        assert_eq!(routes(&returned), (Some(9), vec![RouteChange::Returned { node, generation }]));
        assert_eq!(routes(&entry(&[("#", "10"), ("joined", "n2")])), (Some(10), vec![]));
        let retained = entry(&[("#", "11"), ("node", "n2"), ("retained", "a/b"), ("retained", "a/#")]);
        assert_eq!(changes(&retained).retained, ["a/b".parse().expect("valid")], "a filter is no topic");
    }
}
