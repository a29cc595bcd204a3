use std::collections::BTreeMap;
use std::time::Duration;

use ::redis::Value;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::command::Copies;
use super::connection::Connection;
use super::error::RedisError;
use super::judge::{ASKED, Facts, Finding, judge};
use super::lane::Place;
use super::router::Router;
use super::topology::{text, words};
use crate::types::limits::REDIS_INSPECTION;

/// A server that was looked at: a primary that commands go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// `HOST:PORT`; where no primary was found, the URLs.
    pub server: String,
    /// What it says about itself, or why it says nothing.
    pub answer: Result<ServerFacts, RedisError>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    pub version: String,
    /// Of one question, on a connection of its own.
    pub round_trip: Duration,
    /// That follow it now.
    pub replicas: u32,
    /// The settings that matter, by name. Empty where the account may not ask.
    pub settings: BTreeMap<String, String>,
    pub findings: Vec<Finding>,
}

/// All primaries at once: it takes as long as the slowest of them, at most [`REDIS_INSPECTION`].
pub(super) async fn inspect(router: &Router, copies: Copies) -> Vec<Inspected> {
    join_all(router.lanes().iter().map(|lane| inspect_one(router, &lane.place, copies))).await
}

async fn inspect_one(router: &Router, place: &Place, copies: Copies) -> Inspected {
    let mut server = match place {
        Place::At(address) => address.to_string(),
        Place::Primary => router.settings.servers.to_string(),
    };
    let asking = async {
        let (address, mut connection) = router.dial(place).await?;
        server = address.to_string();
        let asked = Instant::now();
        connection.ask(&words(&["PING"])).await?;
        let round_trip = asked.elapsed();
        Ok((round_trip, ask(&mut connection).await?))
    };
    let answer = tokio::time::timeout(REDIS_INSPECTION, asking).await;
    let answer = answer.unwrap_or_else(|_| Err(RedisError::unavailable(format!("no answer within {REDIS_INSPECTION:?}"))));
    let answer = answer.map(|(round_trip, facts)| ServerFacts {
        findings: judge(&server, *place == Place::Primary, copies, &facts),
        version: facts.info("redis_version").to_owned(),
        round_trip,
        replicas: facts.replicas(),
        settings: facts.config.unwrap_or_default(),
    });
    Inspected { server, answer }
}

async fn ask(connection: &mut Connection) -> Result<Facts, RedisError> {
    let answer = connection.ask(&words(&["INFO"])).await?;
    let lines = text(&answer).ok_or_else(|| RedisError::unexpected(&answer))?.lines();
    let info = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let info = info.collect();
    let mut config = BTreeMap::new();
    for name in ASKED {
        match connection.ask(&words(&["CONFIG", "GET", name])).await {
            Ok(Value::Map(pairs)) => {
                config.extend(pairs.iter().filter_map(|(name, value)| Some((text(name)?.to_owned(), text(value)?.to_owned()))));
            }
            Ok(_) => {}
            Err(RedisError::Refused { .. }) => return Ok(Facts { info, config: None }),
            Err(error) => return Err(error),
        }
    }
    Ok(Facts { info, config: Some(config) })
}
